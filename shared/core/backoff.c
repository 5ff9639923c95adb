#include "shared/core/backoff.h"

#include <stdbool.h>

void backoff_init(struct backoff *backoff, uint32_t first_ms, uint32_t max_ms)
{
    /* A wait of 0 would double to 0 for ever: a busy loop. */
    backoff->first_ms = first_ms > 0 ? first_ms : 1;
    backoff->max_ms = max_ms > backoff->first_ms ? max_ms : backoff->first_ms;
    backoff_set_eager(backoff, 0, 0);
    backoff_reset(backoff);
}

void backoff_set_eager(struct backoff *backoff, uint32_t max_ms, uint32_t for_ms)
{
    backoff->eager_max_ms = max_ms;
    backoff->eager_for_ms = for_ms;
}

static uint32_t longest_ms(struct backoff *backoff)
{
    bool is_eager = backoff->waited_ms < backoff->eager_for_ms;
    return is_eager && backoff->eager_max_ms < backoff->max_ms ? backoff->eager_max_ms
                                                               : backoff->max_ms;
}

uint32_t backoff_next(struct backoff *backoff)
{
    uint32_t wait_ms = backoff->next_ms;
    uint32_t rest_ms = backoff->eager_for_ms - backoff->waited_ms;
    backoff->waited_ms += wait_ms < rest_ms ? wait_ms : rest_ms;
    uint32_t max_ms = longest_ms(backoff);
    backoff->next_ms = wait_ms > max_ms / 2 ? max_ms : 2 * wait_ms;
    return wait_ms;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->next_ms = backoff->first_ms;
    backoff->waited_ms = 0;
}
