#include "guest-linux/tty_node.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest-linux/udev_record.h"
#include "shared/core/board_json.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

#define BY_ID_FOLDER "serial/by-id"
#define BY_PATH_FOLDER "serial/by-path"

struct check {
    const struct tty_node_paths *paths;
    const struct usb_tree *tree;
    uint64_t since_us;
    bool is_late;
    struct tty_nodes *nodes;
};

struct node {
    const char *name; /* below /dev */
    unsigned major;
    unsigned minor;
};

int tty_node_records(const struct tty_node_paths *paths, char path[SYSFS_PATH_SIZE])
{
    return udev_record_folder(paths->udev_root, path);
}

void tty_node_tell_link(const char *folder, const char *name, char path[BOARD_LINK_SIZE])
{
    int len = snprintf(path, BOARD_LINK_SIZE, "/dev/%s/%s", folder, name);

    if (name[0] == '\0' || len < 0 || len >= BOARD_LINK_SIZE || !board_json_is_path(path)) {
        path[0] = '\0';
    }
}

/* --- Nodes ------------------------------------------------------------------------------------ */

static int make_node(const struct check *check, const struct node *node)
{
    struct tty_nodes *nodes = check->nodes;
    dev_t number = makedev(node->major, node->minor);
    int err = node_access_make(check->paths->dev_root, node->name, number);

    if (err == 0) {
        struct tty_made_node *made = &nodes->made[nodes->made_count++];

        snprintf(made->path, sizeof made->path, "/%s", node->name);
        made->number = number;
        log_info("/dev/%s was missing and has been made", node->name);
    }
    return err;
}

/* Returns a descriptor of the node, or ERR_*. */
static int find_node(const struct check *check, const struct node *node)
{
    char path[SYSFS_PATH_SIZE];
    int err = sysfs_join(check->paths->dev_root, "", node->name, path);
    int found;

    if (err != 0) {
        return err;
    }
    found = node_access_find(path, makedev(node->major, node->minor));
    if (found != ERR_BUSY || !check->is_late || !check->paths->makes_nodes) {
        return found;
    }
    err = make_node(check, node);
    return err == 0 ? node_access_find(path, makedev(node->major, node->minor))
                    : (err == ERR_EXISTS ? ERR_BUSY : err);
}

/* Sees to one node. `record` says what udevd calls it, if it calls it anything. */
static int check_node(const struct check *check, const struct node *node,
                      const struct udev_record *preferred, struct udev_record *record)
{
    const struct tty_node_paths *paths = check->paths;
    char records[SYSFS_PATH_SIZE];
    int found = find_node(check, node);
    int err = 0;

    if (found < 0) {
        return found;
    }
    if (tty_node_records(paths, records) == 0) {
        err = udev_record_read(paths->udev_root, node->major, node->minor, check->since_us,
                               preferred, record);
        err = check->is_late ? 0 : err;
    }
    err = err != 0 ? err : node_access_give(found, &paths->access);
    close(found);
    return err;
}

/* --- Ttys ------------------------------------------------------------------------------------- */

static void name_links(const struct usb_tree *tree, const struct usb_tree_interface *interface,
                       const struct usb_tree_tty *tty, struct udev_record *names)
{
    const struct serial_names_device device = {tree->manufacturer, tree->product, tree->serial,
                                               tree->vid, tree->pid};

    *names = (struct udev_record){.by_id = ""};
    if (!serial_names_are_for(tty->name)) {
        return;
    }
    if (serial_names_by_id(&device, (uint8_t)interface->number, tty->port, names->by_id) != 0) {
        log_debug("%s: its strings make no name of a link", tty->name);
    }
    (void)serial_names_by_path(tree->devpath, interface->name, tty->port, names->by_path);
}

static int check_tty(const struct check *check, const struct usb_tree_interface *interface,
                     const struct usb_tree_tty *tty)
{
    struct board_ttys *ttys = &check->nodes->ttys;
    struct node node = {tty->name, tty->major, tty->minor};
    struct board_tty *item = &ttys->items[ttys->count];
    struct tty_names *names = &check->nodes->names[ttys->count];
    struct udev_record ours;
    struct udev_record record = {.by_id = ""};
    int err;

    if (ttys->count == BOARD_TTYS_MAX) {
        return 0;
    }
    name_links(check->tree, interface, tty, &ours);
    err = check_node(check, &node, &ours, &record);
    if (err != 0) {
        return err;
    }
    snprintf(item->path, sizeof item->path, "/dev/%s", tty->name);
    item->interface = interface->number;
    tty_node_tell_link(BY_ID_FOLDER, record.by_id, item->by_id);
    tty_node_tell_link(BY_PATH_FOLDER, record.by_path, item->by_path);
    text_copy(names->by_id, sizeof names->by_id, record.by_id[0] == '\0' ? ours.by_id : "");
    text_copy(names->by_path, sizeof names->by_path, record.by_path[0] == '\0' ? ours.by_path : "");
    ttys->count++;
    return 0;
}

static int check_ttys(const struct check *check)
{
    for (size_t i = 0; i < check->tree->interface_count; i++) {
        const struct usb_tree_interface *interface = &check->tree->interfaces[i];

        for (size_t j = 0; j < interface->tty_count; j++) {
            int err = check_tty(check, interface, &interface->ttys[j]);

            if (err != 0) {
                return err;
            }
        }
    }
    return 0;
}

static bool is_there(const struct check *check, const struct node *node)
{
    char path[SYSFS_PATH_SIZE];
    int found = ERR_TOO_LONG;

    if (sysfs_join(check->paths->dev_root, "", node->name, path) == 0) {
        found = node_access_find(path, makedev(node->major, node->minor));
    }
    if (found >= 0) {
        close(found);
    }
    return found >= 0;
}

/* A board with a tty is of use without that node. */
static int check_usb_node(const struct check *check)
{
    const struct usb_tree *tree = check->tree;
    const struct udev_record none = {.by_id = ""};
    struct udev_record record;
    char name[SYSFS_NAME_SIZE];
    struct node node = {name, tree->major, tree->minor};

    snprintf(name, sizeof name, "bus/usb/%03u/%03u", tree->busnum, tree->devnum);
    snprintf(check->nodes->usb_node, sizeof check->nodes->usb_node, "/dev/%s", name);
    if (check->nodes->ttys.count > 0 && !(check->is_late && check->paths->makes_nodes) &&
        !is_there(check, &node)) {
        return 0;
    }
    return check_node(check, &node, &none, &record);
}

void tty_node_unmake(const struct tty_node_paths *paths, const struct tty_nodes *nodes)
{
    char path[SYSFS_PATH_SIZE];

    for (size_t i = 0; i < nodes->made_count; i++) {
        if (sysfs_join(paths->dev_root, nodes->made[i].path, NULL, path) == 0) {
            node_access_unmake(path, nodes->made[i].number);
        }
    }
}

int tty_node_check(const struct tty_node_paths *paths, const struct usb_tree *tree,
                   uint64_t since_us, bool is_late, struct tty_nodes *nodes)
{
    struct tty_nodes found = {.made_count = 0};
    const struct check check = {paths, tree, since_us, is_late, &found};
    int err = check_ttys(&check);

    if (err == 0) {
        err = check_usb_node(&check);
    }
    if (err != 0) {
        tty_node_unmake(paths, &found); /* Nobody would know of it any more. */
        return err;
    }
    *nodes = found;
    return 0;
}
