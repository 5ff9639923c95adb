/* Who may open a board's device nodes: the group and the mode that the configuration names. A node
 * is never opened for it, for opening a tty raises DTR, and that resets many boards; and no
 * symbolic link is followed.
 *
 * Only a node that nobody has decided about is changed: one as the kernel makes it, or as udev's
 * general rules leave it. What somebody's own rule has made of it stays. */
#ifndef TTYFERRY_GUEST_NODE_ACCESS_H
#define TTYFERRY_GUEST_NODE_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

#define NODE_ACCESS_NO_GROUP ((gid_t)-1)
#define NODE_ACCESS_MODE 0660

struct node_access {
    gid_t group; /* NODE_ACCESS_NO_GROUP leaves every node as it is */
    mode_t mode;
    gid_t general_group; /* what udev's general rules give ttys to; NODE_ACCESS_NO_GROUP: none */
};

/* Finds the node. Returns a descriptor for node_access_give, the caller's to close(); ERR_BUSY if
 * it is not there, or is not the character device of that number; ERR_DENIED, ERR_IO. */
int node_access_find(const char *path, dev_t number);

/* Gives the node to the group. Returns 0, also if somebody has decided otherwise; ERR_DENIED,
 * ERR_IO. */
int node_access_give(int node, const struct node_access *access);

/* True if nobody has mounted a devtmpfs at `dev_root`, says the list of mounts at `mounts_path`
 * ("/proc/self/mounts"): the kernel makes no nodes there. */
bool node_access_is_needed(const char *mounts_path, const char *dev_root);

/* Makes a node that is missing, root's alone, and the folders on the way below `dev_root`. Returns
 * 0, ERR_EXISTS, ERR_DENIED, ERR_FULL, ERR_IO. */
int node_access_make(const char *dev_root, const char *name, dev_t number);

/* Removes what node_access_make has made, if it is still that. */
void node_access_unmake(const char *path, dev_t number);

#endif
