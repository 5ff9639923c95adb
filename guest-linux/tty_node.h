/* The device nodes of an attached board: whether the people that they are for can open them, found
 * without opening one, for opening a tty raises DTR, and that resets many boards.
 *
 * Where udevd runs, it sees to owner, mode and links, and its record of the device says that it has
 * finished. Elsewhere a tty is left as devtmpfs makes it, root's alone, and is handed to the group
 * dialout here. */
#ifndef TTYFERRY_GUEST_TTY_NODE_H
#define TTYFERRY_GUEST_TTY_NODE_H

#include <stdint.h>
#include <sys/types.h>

#include "guest-linux/usb_tree.h"
#include "shared/core/board.h"

#define TTY_NODE_NO_GROUP ((gid_t)-1)

struct tty_node_paths {
    const char *dev_root;  /* "/dev" */
    const char *udev_root; /* "/run/udev" */
    gid_t group;           /* who may use the nodes; TTY_NODE_NO_GROUP leaves them root's */
};

/* What a board is reported with. */
struct tty_nodes {
    struct board_ttys ttys;
    char usb_node[BOARD_PATH_SIZE]; /* "/dev/bus/usb/001/002" */
};

/* Looks at the nodes of `tree`: each tty's, or the USB device's own if there is no tty. A record
 * of udevd's from before `since_us` (of CLOCK_MONOTONIC) is about another device that had the same
 * number. Returns 0 when all are as they should be; ERR_BUSY when the kernel or udevd has still to
 * do its part; or what kept a node from being handed over: ERR_DENIED, ERR_IO. */
int tty_node_check(const struct tty_node_paths *paths, const struct usb_tree *tree,
                   uint64_t since_us, struct tty_nodes *nodes);

/* Writes the folder where udevd's records appear. Returns 0, or ERR_NOT_FOUND where no udevd
 * runs. */
int tty_node_records(const struct tty_node_paths *paths, char path[SYSFS_PATH_SIZE]);

#endif
