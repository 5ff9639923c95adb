/* Keeps one session to an address: connects, and after every end connects again with backoff.
 * The backoff starts over only when the peer has said hello, for a relay in between (WSL's) may
 * accept where nobody listens. */
#ifndef TTYFERRY_LINK_DIAL_H
#define TTYFERRY_LINK_DIAL_H

#include <stdint.h>

#include "shared/link/session.h"

#define DIAL_FIRST_MS 250u
#define DIAL_MAX_MS 15000u
/* For the first minute without a peer it is looked for more often: it may be just starting. */
#define DIAL_EAGER_MAX_MS 2000u
#define DIAL_EAGER_MS 60000u
/* How long one try may take to be connected: a firewall that drops packets answers never. */
#define DIAL_CONNECT_MS 10000u

struct dial;

/* As session_callbacks; after on_closed the next try follows by itself. A try that never was
 * connected also ends in on_closed, with was_up false and `session` NULL. */

/* Starts dialling `address` (a numeric IPv4 or IPv6 address) and `port` at once. `config`,
 * `callbacks`, `context` must outlive it. Returns 0, ERR_INVALID for a bad address, ERR_NOMEM. */
int dial_open(uv_loop_t *loop, const char *address, uint16_t port,
              const struct handshake_config *config, const struct session_callbacks *callbacks,
              void *context, struct dial **dial);

/* Something happened that makes a peer likely: tries at once if waiting, and starts the backoff
 * over. */
void dial_kick(struct dial *dial);

/* The peer wants none of this side now: the next try comes after DIAL_MAX_MS, however soon the
 * session ends, unless a kick comes before. */
void dial_defer(struct dial *dial);

/* Ends the session (with a bye if it is up) and the dialling. Idempotent. `on_closed` (may be NULL)
 * runs once, last. */
void dial_close(struct dial *dial, void (*on_closed)(void *context));

#endif
