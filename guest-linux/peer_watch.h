/* Hears that the peer of a socket which the kernel has taken over has hung up. The kernel takes the
 * device away only when its hub has time for that, which can be half a second later. Reads nothing:
 * the bytes are the kernel's. */
#ifndef TTYFERRY_GUEST_PEER_WATCH_H
#define TTYFERRY_GUEST_PEER_WATCH_H

#include <uv.h>

struct peer_watch;

/* Runs once at most, when the peer has closed the connection or that has failed. */
typedef void (*peer_watch_fn)(void *context);

/* Takes `fd` over, a socket, whether it succeeds or not. Returns 0, ERR_NOMEM or ERR_IO. */
int peer_watch_open(uv_loop_t *loop, int fd, peer_watch_fn on_hung_up, void *context,
                    struct peer_watch **watch);

/* The callback runs no more. Closes the socket; memory is released on the loop. */
void peer_watch_close(struct peer_watch *watch);

#endif
