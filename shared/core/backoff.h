/* Exponential backoff without a clock: how long to wait before the next try. */
#ifndef TTYFERRY_CORE_BACKOFF_H
#define TTYFERRY_CORE_BACKOFF_H

#include <stdint.h>

struct backoff {
    uint32_t first_ms;
    uint32_t max_ms;
    uint32_t next_ms;
    uint32_t
        eager_max_ms; /* no wait is longer until `eager_for_ms` have been waited; 0: no such time */
    uint32_t eager_for_ms;
    uint32_t waited_ms; /* of that */
};

/* The first wait is `first_ms`, each further one doubles up to `max_ms`. A first
 * wait of 0 counts as 1, a `max_ms` below `first_ms` as `first_ms`. */
void backoff_init(struct backoff *backoff, uint32_t first_ms, uint32_t max_ms);

/* For the first `for_ms` of waiting after the start and after each backoff_reset no wait is longer
 * than `max_ms`. */
void backoff_set_eager(struct backoff *backoff, uint32_t max_ms, uint32_t for_ms);

/* The wait before the next try, in milliseconds; the one after it is longer. */
uint32_t backoff_next(struct backoff *backoff);

/* Starts over: call it when the peer has said hello, or when something new has come. */
void backoff_reset(struct backoff *backoff);

#endif
