/* Listens on a TCP address, or on this machine's own ground for its own user, and makes a session
 * of every connection. Those that have not proven themselves are bounded in number, in time and in
 * bytes (session.h); why they were refused is logged here, once for each source and minute. */
#ifndef TTYFERRY_LINK_LISTEN_H
#define TTYFERRY_LINK_LISTEN_H

#include <stdint.h>

#include "shared/link/session.h"

/* Sessions that have not finished the handshake; one more closes the oldest of them. */
#define LISTEN_UNPROVEN_MAX 8u

struct listen;

/* Listens on `address` (numeric) and `port`; port 0 takes a free one. `config`, `callbacks`,
 * `context` must outlive it. Returns 0, ERR_EXISTS if the port is taken, ERR_INVALID, ERR_DENIED.
 */
int listen_open(uv_loop_t *loop, const char *address, uint16_t port,
                const struct handshake_config *config, const struct session_callbacks *callbacks,
                void *context, struct listen **listen);

/* Listens at `path` as local_server_open does, but for the user of this process alone: in the guest
 * that is root, so that nothing else need be proven. Callbacks as for listen_open. Returns 0,
 * ERR_EXISTS, ERR_DENIED, ERR_TOO_LONG, ERR_NOMEM, ERR_IO. */
int listen_open_local(uv_loop_t *loop, const char *path, const struct handshake_config *config,
                      const struct session_callbacks *callbacks, void *context,
                      struct listen **listen);

/* The port listened on; 0 for a local one. */
uint16_t listen_port(const struct listen *listen);

/* Ends the listening and every session that came from it (with a bye if it is up). Idempotent.
 * `on_closed` (may be NULL) runs once, last, with the context given to listen_open. */
void listen_close(struct listen *listen, void (*on_closed)(void *context));

#endif
