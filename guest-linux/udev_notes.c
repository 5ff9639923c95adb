#include "guest-linux/udev_notes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "guest-linux/sysfs.h"
#include "guest-linux/udev_record.h"
#include "guest-linux/vhci.h"
#include "guest-linux/whole_file.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

#define NOTE "udev"
#define DEV "/dev/"
#define TEXT_SIZE 256

static bool is_of_use(const struct udev_notes *notes)
{
    char path[SYSFS_PATH_SIZE];

    return udev_record_folder(notes->udev_root, path) == 0;
}

static void write_note(const struct udev_notes *notes, const char *name, const char *text)
{
    char path[SYSFS_PATH_SIZE];
    int err = sysfs_join(notes->run_folder, "", name, path);

    if (err == 0) {
        err = whole_file_write(path, text, strlen(text));
    }
    if (err != 0) {
        log_warning("%s/%s, which udev's rules read, can't be written: %s", notes->run_folder, name,
                    error_text(err));
    }
}

static bool remove_note(const struct udev_notes *notes, const char *name)
{
    char path[SYSFS_PATH_SIZE];

    return sysfs_join(notes->run_folder, "", name, path) == 0 && whole_file_remove(path);
}

static int remove_stale(void *context, const char *name)
{
    if (strncmp(name, NOTE "-", strlen(NOTE "-")) == 0) {
        (void)remove_note(context, name);
    }
    return 0;
}

void udev_notes_begin(const struct udev_notes *notes, const struct node_access *access)
{
    struct udev_notes here = *notes;
    char text[TEXT_SIZE] = "";

    (void)sysfs_list(notes->run_folder, "", remove_stale, &here);
    if (!is_of_use(notes)) {
        return;
    }
    if (access->group != NODE_ACCESS_NO_GROUP) {
        snprintf(text, sizeof text, "TTYFERRY_GROUP=%lu\nTTYFERRY_MODE=%04o\n",
                 (unsigned long)access->group, (unsigned)access->mode);
    }
    write_note(notes, NOTE, text);
}

static void ask_to_look_again(const struct udev_notes *notes, const char *tty)
{
    int err = vhci_tell_again(notes->sysfs_root, tty);

    if (err != 0) {
        log_warning("%s: udevd can't be asked to look again: %s", tty, error_text(err));
    }
}

static void name_note(const struct board_tty *tty, char name[SYSFS_NAME_SIZE])
{
    snprintf(name, SYSFS_NAME_SIZE, NOTE "-%s", tty->path + strlen(DEV));
}

void udev_notes_put(const struct udev_notes *notes, const struct board_ttys *ttys)
{
    for (size_t i = 0; i < ttys->count && is_of_use(notes); i++) {
        const struct board_tty *tty = &ttys->items[i];
        char name[SYSFS_NAME_SIZE];
        char text[TEXT_SIZE];

        name_note(tty, name);
        if (tty->link[0] == '\0' && !remove_note(notes, name)) {
            continue;
        }
        if (tty->link[0] != '\0') {
            snprintf(text, sizeof text, "TTYFERRY_LINK=%s\n", tty->link);
            write_note(notes, name, text);
        }
        ask_to_look_again(notes, tty->path + strlen(DEV));
    }
}

void udev_notes_drop(const struct udev_notes *notes, const struct board_ttys *ttys)
{
    for (size_t i = 0; i < ttys->count; i++) {
        char name[SYSFS_NAME_SIZE];

        name_note(&ttys->items[i], name);
        (void)remove_note(notes, name);
    }
}
