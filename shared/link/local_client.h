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

/* Writes the default path of the local agent's stream: "/run/ttyferry/events.sock", or
 * "\\.\pipe\ttyferry-<SID of the token user>". Returns 0 or ours. */
int local_client_default_path(char *path, size_t size);

#endif
