/* The other end of local_server: connects a conn to the local agent's stream.
 *
 * Before anything is read, its server's owner is checked: on Windows the token user or SYSTEM, on
 * Unix this user or root. */
#ifndef TTYFERRY_LINK_LOCAL_CLIENT_H
#define TTYFERRY_LINK_LOCAL_CLIENT_H

#include "shared/link/conn.h"

/* Connects; the conn starts reading by itself. Returns 0 and `*conn`, or at once ERR_REFUSED,
 * ERR_NOT_FOUND (no agent), ERR_DENIED, ERR_AUTH (somebody else serves there), ERR_NOMEM.
 * A failure that comes later arrives through on_closed. */
int local_client_open(uv_loop_t *loop, const char *path, const struct conn_limits *limits,
                      const struct conn_callbacks *callbacks, void *context, struct conn **conn);

/* Connects to the stream that the agent of another distribution offers in the place that all
 * distributions of a WSL VM share: "/mnt/wsl/ttyferry/events.sock", or the same below `root` if
 * that is not NULL. Only root may serve there, and only in a folder of root's. Returns as
 * local_client_open; ERR_NOT_FOUND on Windows too. What came of the path is in `path`, unless that
 * is too short for it (ERR_TOO_LONG). */
int local_client_open_shared(uv_loop_t *loop, const char *root, const struct conn_limits *limits,
                             const struct conn_callbacks *callbacks, void *context, char *path,
                             size_t size, struct conn **conn);

/* Writes the default path of the local agent's stream: "/run/ttyferry/events.sock", or
 * "\\.\pipe\ttyferry-<SID of the token user>". Returns 0 or ours. */
int local_client_default_path(char *path, size_t size);

#endif
