/* The device nodes of an attached board: whether the people that they are for can open them, and
 * what links are to lead to them.
 *
 * Where udevd runs, it sees to owner, mode and links, and its record of the device says that it has
 * finished. What is still missing then, or where no udevd runs, or where it does not finish in
 * time, is done here: the nodes go to their group (node_access.h), and the links that udev's rules
 * would make are named, for serial_links to have made. */
#ifndef TTYFERRY_GUEST_TTY_NODE_H
#define TTYFERRY_GUEST_TTY_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-linux/node_access.h"
#include "guest-linux/usb_tree.h"
#include "shared/core/board.h"
#include "shared/core/serial_names.h"

/* How long udevd may take before the agent does without it. On a machine that does nothing else it
 * takes some 30 ms; beside the start of a whole system it has needed seconds. */
#define TTY_NODE_UDEV_LIMIT_MS 5000

struct tty_node_paths {
    const char *dev_root;  /* "/dev" */
    const char *udev_root; /* "/run/udev" */
    struct node_access access;
    unsigned limit_ms; /* TTY_NODE_UDEV_LIMIT_MS; 0: udevd is waited for without end */
    bool makes_nodes;  /* the kernel makes none there (node_access_is_needed) */
};

/* The links below /dev/serial that nobody has made; empty: there is one, or there is to be none. */
struct tty_names {
    char by_id[SERIAL_NAMES_SIZE];
    char by_path[SERIAL_NAMES_SIZE];
};

/* A node that was made here, to be removed with the board. */
struct tty_made_node {
    char path[BOARD_PATH_SIZE]; /* below dev_root: "/ttyACM0" */
    dev_t number;
};

/* What a board is reported with, and what is still to be made for it. */
struct tty_nodes {
    struct board_ttys ttys; /* `by_id` and `by_path` as udevd has made them */
    struct tty_names names[BOARD_TTYS_MAX];
    char usb_node[BOARD_PATH_SIZE]; /* "/dev/bus/usb/001/002" */
    struct tty_made_node made[BOARD_TTYS_MAX + 1];
    size_t made_count;
};

/* Looks at the nodes of `tree`: each tty's, and the USB device's own, which is not waited for if
 * there is a tty. A record of udevd's from before `since_us` (of CLOCK_MONOTONIC) is about another
 * device that had the same number. With `is_late` nothing is waited for any more: udevd's part is
 * done here, and a node that is missing is made where the kernel makes none.
 *
 * Returns 0 when all are as they should be; ERR_BUSY when the kernel or udevd has still to do its
 * part; or what kept a node from being made or given to its group: ERR_DENIED, ERR_FULL, ERR_IO. */
int tty_node_check(const struct tty_node_paths *paths, const struct usb_tree *tree,
                   uint64_t since_us, bool is_late, struct tty_nodes *nodes);

/* Removes the nodes that were made. */
void tty_node_unmake(const struct tty_node_paths *paths, const struct tty_nodes *nodes);

/* Writes the folder where udevd's records appear. Returns 0, or ERR_NOT_FOUND where no udevd
 * runs. */
int tty_node_records(const struct tty_node_paths *paths, char path[SYSFS_PATH_SIZE]);

/* Writes "/dev/<folder>/<name>", or nothing if the streams could not tell such a path: a device
 * writes its strings as it likes. */
void tty_node_tell_link(const char *folder, const char *name, char path[BOARD_LINK_SIZE]);

#endif
