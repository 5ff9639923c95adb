#include "shared/core/backoff.h"

void backoff_init(struct backoff *backoff, uint32_t first_ms, uint32_t max_ms)
{
    /* A wait of 0 would double to 0 for ever: a busy loop. */
    backoff->first_ms = first_ms > 0 ? first_ms : 1;
    backoff->max_ms = max_ms > backoff->first_ms ? max_ms : backoff->first_ms;
    backoff_reset(backoff);
}

uint32_t backoff_next(struct backoff *backoff)
{
    uint32_t wait_ms = backoff->next_ms;
    backoff->next_ms = wait_ms > backoff->max_ms / 2 ? backoff->max_ms : 2 * wait_ms;
    return wait_ms;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->next_ms = backoff->first_ms;
}
