#include "guest-linux/tty_node.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

/* udevd keeps its socket here for as long as it runs. */
#define UDEV_CONTROL "control"
#define UDEV_RECORDS "data"
#define RECORD_TEXT_SIZE (64u * 1024)
/* In a record, a link below /dev is a line "S:serial/by-id/...", and the time at which udevd had
 * first finished with the device "I:123456789", in microseconds of CLOCK_MONOTONIC. */
#define BY_ID_LINE "S:serial/by-id/"
#define TIME_LINE "I:"
#define BY_ID_FOLDER "/dev/serial/by-id/"
#define MODE_OF_DEVTMPFS 0600
#define MODE_FOR_GROUP 0660

struct check {
    const struct tty_node_paths *paths;
    uint64_t since_us;
};

struct node {
    const char *name; /* below /dev */
    unsigned major;
    unsigned minor;
};

int tty_node_records(const struct tty_node_paths *paths, char path[SYSFS_PATH_SIZE])
{
    if (!sysfs_exists(paths->udev_root, "", UDEV_CONTROL)) {
        return ERR_NOT_FOUND;
    }
    return sysfs_join(paths->udev_root, "", UDEV_RECORDS, path);
}

/* What follows `prefix` on the first line that starts with it, or NULL. */
static const char *find_line(const char *record, const char *prefix)
{
    const char *line = record;

    while (line != NULL && strncmp(line, prefix, strlen(prefix)) != 0) {
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return line != NULL ? line + strlen(prefix) : NULL;
}

/* True if the record says that it is older; one without a time says nothing. */
static bool is_older(const char *record, uint64_t since_us)
{
    const char *digits = find_line(record, TIME_LINE);
    char *end;
    unsigned long long time_us;

    if (digits == NULL) {
        return false;
    }
    time_us = strtoull(digits, &end, 10);
    return end != digits && time_us < since_us;
}

/* The first link by id in a record; none leaves `by_id` empty. */
static void find_by_id(const char *record, char by_id[BOARD_LINK_SIZE])
{
    const char *line = find_line(record, BY_ID_LINE);
    size_t len;

    if (line == NULL) {
        return;
    }
    len = strcspn(line, "\n");
    /* A link that does not fit whole would name another file. */
    if (strlen(BY_ID_FOLDER) + len < BOARD_LINK_SIZE) {
        snprintf(by_id, BOARD_LINK_SIZE, BY_ID_FOLDER "%.*s", (int)len, line);
    }
}

/* Returns 0 when udevd has finished with the device, ERR_BUSY while it has not. */
static int read_record(const char *records, const struct node *node, uint64_t since_us,
                       char by_id[BOARD_LINK_SIZE])
{
    char name[SYSFS_NAME_SIZE];
    char *text = malloc(RECORD_TEXT_SIZE);
    int err = ERR_NOMEM;

    if (text == NULL) {
        return err;
    }
    snprintf(name, sizeof name, "c%u:%u", node->major, node->minor);
    err = sysfs_read_text(records, "", name, text, RECORD_TEXT_SIZE);
    if (err == ERR_NOT_FOUND || (err == 0 && is_older(text, since_us))) {
        err = ERR_BUSY;
    }
    if (err == 0) {
        find_by_id(text, by_id);
    }
    free(text);
    return err;
}

/* Gives to the group what is exactly as devtmpfs made it; anything else is somebody's decision. */
static int hand_over(const char *path, const struct stat *status, gid_t group)
{
    bool is_untouched =
        status->st_uid == 0 && status->st_gid == 0 && (status->st_mode & 07777) == MODE_OF_DEVTMPFS;

    if (!is_untouched || group == TTY_NODE_NO_GROUP) {
        return 0;
    }
    if (lchown(path, 0, group) != 0 || chmod(path, MODE_FOR_GROUP) != 0) {
        return os_error_from_errno(errno);
    }
    return 0;
}

/* Sees whether one node is there and right, and fills in its link by id where udevd made one. */
static int check_node(const struct check *check, const struct node *node,
                      char by_id[BOARD_LINK_SIZE])
{
    const struct tty_node_paths *paths = check->paths;
    char path[SYSFS_PATH_SIZE];
    char records[SYSFS_PATH_SIZE];
    struct stat status;
    int err = sysfs_join(paths->dev_root, "", node->name, path);

    if (err != 0) {
        return err;
    }
    if (lstat(path, &status) != 0) {
        return errno == ENOENT ? ERR_BUSY : os_error_from_errno(errno);
    }
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(node->major, node->minor)) {
        return ERR_BUSY;
    }
    if (tty_node_records(paths, records) == 0) {
        return read_record(records, node, check->since_us, by_id);
    }
    return hand_over(path, &status, paths->group);
}

static int check_tty(const struct check *check, const struct usb_tree_tty *tty, int interface,
                     struct board_ttys *ttys)
{
    struct node node = {tty->name, tty->major, tty->minor};
    struct board_tty *item = &ttys->items[ttys->count];
    int err;

    if (ttys->count == BOARD_TTYS_MAX) {
        return 0;
    }
    memset(item, 0, sizeof *item);
    err = check_node(check, &node, item->by_id);
    if (err != 0) {
        return err;
    }
    snprintf(item->path, sizeof item->path, "/dev/%s", tty->name);
    item->interface = interface;
    ttys->count++;
    return 0;
}

static int check_ttys(const struct check *check, const struct usb_tree *tree,
                      struct board_ttys *ttys)
{
    for (size_t i = 0; i < tree->interface_count; i++) {
        const struct usb_tree_interface *interface = &tree->interfaces[i];

        for (size_t j = 0; j < interface->tty_count; j++) {
            int err = check_tty(check, &interface->ttys[j], interface->number, ttys);

            if (err != 0) {
                return err;
            }
        }
    }
    return 0;
}

static int check_usb_node(const struct check *check, const struct usb_tree *tree)
{
    char name[SYSFS_NAME_SIZE];
    char by_id[BOARD_LINK_SIZE] = "";
    struct node node = {name, tree->major, tree->minor};

    snprintf(name, sizeof name, "bus/usb/%03u/%03u", tree->busnum, tree->devnum);
    return check_node(check, &node, by_id);
}

int tty_node_check(const struct tty_node_paths *paths, const struct usb_tree *tree,
                   uint64_t since_us, struct tty_nodes *nodes)
{
    const struct check check = {paths, since_us};
    struct tty_nodes found = {.ttys = {.count = 0}};
    int err = check_ttys(&check, tree, &found.ttys);

    if (err == 0 && found.ttys.count == 0) {
        err = check_usb_node(&check, tree);
    }
    if (err != 0) {
        return err;
    }
    snprintf(found.usb_node, sizeof found.usb_node, "/dev/bus/usb/%03u/%03u", tree->busnum,
             tree->devnum);
    *nodes = found;
    return 0;
}
