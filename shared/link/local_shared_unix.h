/* The place that all distributions of a WSL VM share: a tmpfs at /mnt/wsl, which every user of
 * every distribution may write to (mode 1777), so that anybody can be there first. */
#ifndef TTYFERRY_LINK_LOCAL_SHARED_UNIX_H
#define TTYFERRY_LINK_LOCAL_SHARED_UNIX_H

#include <stddef.h>

#define LOCAL_SHARED_ROOT "/mnt/wsl"
/* Of ours below the root; root's. */
#define LOCAL_SHARED_FOLDER "/ttyferry"
#define LOCAL_SHARED_SOCKET LOCAL_SHARED_FOLDER "/events.sock"

/* Writes "<root>/ttyferry/events.sock". Returns 0 or ERR_TOO_LONG. */
int local_shared_path(const char *root, char *path, size_t size);

/* For the server: is `root` such a place? Returns 0; ERR_NOT_FOUND if it is no mount point of its
 * own; ERR_DENIED if somebody else than root could take away what we make there. */
int local_shared_check_root(const char *root);

/* For the client, before it connects: the folder and the socket in it must be root's, real ones,
 * and the folder nobody else's to write to. Nothing is followed. Returns 0; ERR_NOT_FOUND without a
 * socket there; ERR_AUTH if it is somebody else's work. */
int local_shared_check(const char *root);

#endif
