/* Notices that nobody reads stdout any more while there is nothing to write. Without it `events` in
 * a pipeline outlives the program that has heard enough, until the next event.
 *
 * One header, one file per platform. */
#ifndef TTYFERRY_CLI_OUTPUT_WATCH_H
#define TTYFERRY_CLI_OUTPUT_WATCH_H

#include <uv.h>

struct output_watch {
    uv_poll_t poll;
    int epoll; /* negative: nothing is watched */
    void (*on_gone)(void *context);
    void *context;
};

/* Begins to watch stdout. Where that is no pipe, socket or terminal, or can't be watched on this
 * platform, nothing ever happens: the next write still tells. `on_gone` runs once at most. */
void output_watch_start(uv_loop_t *loop, struct output_watch *watch, void (*on_gone)(void *context),
                        void *context);

/* Ends it; `*watch` must stay until the loop has run out. To be called once, after
 * output_watch_start. */
void output_watch_stop(struct output_watch *watch);

#endif
