/* A folder of symbolic links below /dev. Nothing is followed on the way to it or in it, what is no
 * link stays as it is, and a link that changes is replaced in one step. */
#ifndef TTYFERRY_GUEST_LINK_FOLDER_H
#define TTYFERRY_GUEST_LINK_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a link says, terminator included. */
#define LINK_FOLDER_TARGET_SIZE 256

/* Opens `folder` ("ttyferry", "serial/by-id") below `dev_root` ("/dev"); with `makes_it` it is made
 * where it is missing. Returns a descriptor, the caller's to close(); ERR_NOT_FOUND; ERR_EXISTS if
 * something else has its name, a link too; ERR_DENIED where others than we may write, for a name
 * may turn into anything there at any moment; ERR_FULL, ERR_TOO_LONG, ERR_IO. */
int link_folder_open(const char *dev_root, const char *folder, bool makes_it);

/* Reads what the link says. Returns 0, ERR_NOT_FOUND, ERR_EXISTS if there is something else,
 * ERR_TOO_LONG, ERR_IO. */
int link_folder_read(int folder, const char *name, char target[LINK_FOLDER_TARGET_SIZE]);

/* The inode of the file, no link itself, that a link which says `target` would lead to; 0 for
 * none. */
uint64_t link_folder_node(int folder, const char *target);

/* Makes the link say `target`, whatever it has said. Returns 0, ERR_EXISTS if there is something
 * else, ERR_FULL, ERR_DENIED, ERR_IO. */
int link_folder_put(int folder, const char *name, const char *target);

/* Removes what a link_folder_put has left that was killed. Returns 0 or an error. */
int link_folder_clean(int folder);

/* Removes the link; what is no link, and none, is fine. Returns 0 or an error. */
int link_folder_remove(int folder, const char *name);

/* What went wrong and what to do, for people. Static storage. */
const char *link_folder_error_text(int err);

#endif
