/* What the agent may do of all that root may. It runs as root, for the files of /sys and /dev that
 * it writes are root's; of root's capabilities it keeps
 *
 *   CAP_SYS_MODULE        to load drivers: finit_module, and modprobe, which gets what we have
 *   CAP_CHOWN             to give ttys, USB nodes and the stream's socket to their group
 *   CAP_MKNOD             only if /dev is no devtmpfs, to make the nodes that nothing else makes
 *   CAP_NET_BIND_SERVICE  only if the link is to listen on a port below 1024
 *
 * and nothing else, for it and for whatever it starts: root's own files need no capability (the
 * mode of a node is its owner's to change, and that is root: no CAP_FOWNER), the kernel's uevents
 * come to anybody, and whoever may write vhci's files may attach. CAP_NET_ADMIN serves for the size
 * of the uevent socket's queue, before this is called. */
#ifndef TTYFERRY_GUEST_PRIVILEGES_H
#define TTYFERRY_GUEST_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

/* What this machine and the configuration make the agent do. */
struct privileges_use {
    bool low_port;
    bool makes_nodes;
};

/* The set above, one bit for each CAP_*. */
uint64_t privileges_needed(const struct privileges_use *use);

/* Gives up everything else for good: permitted, effective, inheritable, ambient and bounding sets,
 * and whatever a program with set-user-ID or file capabilities might give back (no_new_privs).
 * Threads that exist already keep theirs: to be called before the first one. Returns 0,
 * ERR_UNSUPPORTED, or ERR_DENIED if the bounding set can't be made smaller (without
 * CAP_SETPCAP); then everything else has been given up. */
int privileges_drop(const struct privileges_use *use);

#endif
