/* Which ways to the guest the host tries: TCP, the bridge, or both. Pure: events and the time come
 * in, what to do is read.
 *
 * "auto" tries TCP first. Once that has failed for TRANSPORT_CHOICE_PATIENCE_MS, or been tried
 * TRANSPORT_CHOICE_FAILURES times in vain, the bridge is tried beside it. What is up first is the
 * link, and the other is not tried until it ends; then all begins anew. */
#ifndef TTYFERRY_CORE_TRANSPORT_CHOICE_H
#define TTYFERRY_CORE_TRANSPORT_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/core/config.h"

#define TRANSPORT_CHOICE_PATIENCE_MS 3000
#define TRANSPORT_CHOICE_FAILURES 3

enum transport { TRANSPORT_TCP, TRANSPORT_BRIDGE, TRANSPORT_COUNT };

struct transport_choice {
    enum config_transport configured;
    bool is_up;
    enum transport up;
    bool is_impatient; /* TCP has failed for long enough */
    unsigned failures;
    uint64_t since_ms;
};

/* Times are in milliseconds of one clock that only goes forward. */
void transport_choice_init(struct transport_choice *choice, enum config_transport configured,
                           uint64_t now_ms);

/* That way leads to a guest: it is the link, unless the other one is already. */
void transport_choice_up(struct transport_choice *choice, enum transport transport);

/* A try has failed, or the link over that way has ended (`was_up`). */
void transport_choice_failed(struct transport_choice *choice, enum transport transport, bool was_up,
                             uint64_t now_ms);

/* Time has passed. */
void transport_choice_tick(struct transport_choice *choice, uint64_t now_ms);

/* Whether that way is to be tried, or kept, now. */
bool transport_choice_wants(const struct transport_choice *choice, enum transport transport);

/* In how many milliseconds the tick is due; negative: there is nothing to wait for. */
int64_t transport_choice_due_ms(const struct transport_choice *choice, uint64_t now_ms);

/* "tcp" or "bridge", as the stream has it. Static storage. */
const char *transport_to_name(enum transport transport);

#endif
