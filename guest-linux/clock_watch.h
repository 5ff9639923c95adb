/* Hears that somebody has set the machine's clock, as WSL does after Windows has slept: a virtual
 * machine that was paused sees no other sign of it. */
#ifndef TTYFERRY_GUEST_CLOCK_WATCH_H
#define TTYFERRY_GUEST_CLOCK_WATCH_H

#include <uv.h>

struct clock_watch;

/* `on_set` runs on the loop, each time. Returns 0, ERR_NOMEM or ERR_IO. */
int clock_watch_open(uv_loop_t *loop, void (*on_set)(void *context), void *context,
                     struct clock_watch **watch);

/* `on_set` does not run any more. */
void clock_watch_close(struct clock_watch *watch);

#endif
