#include "shared/core/transport_choice.h"

static void begin(struct transport_choice *choice, uint64_t now_ms)
{
    choice->is_up = false;
    choice->is_impatient = false;
    choice->failures = 0;
    choice->since_ms = now_ms;
}

void transport_choice_init(struct transport_choice *choice, enum config_transport configured,
                           uint64_t now_ms)
{
    *choice = (struct transport_choice){.configured = configured};
    begin(choice, now_ms);
}

void transport_choice_up(struct transport_choice *choice, enum transport transport)
{
    if (!choice->is_up) {
        choice->is_up = true;
        choice->up = transport;
    }
}

void transport_choice_failed(struct transport_choice *choice, enum transport transport, bool was_up,
                             uint64_t now_ms)
{
    if (choice->is_up && choice->up != transport) {
        return;
    }
    if (was_up) {
        begin(choice, now_ms);
    } else if (transport == TRANSPORT_TCP && ++choice->failures >= TRANSPORT_CHOICE_FAILURES) {
        choice->is_impatient = true;
    }
}

void transport_choice_tick(struct transport_choice *choice, uint64_t now_ms)
{
    if (!choice->is_up && now_ms - choice->since_ms >= TRANSPORT_CHOICE_PATIENCE_MS) {
        choice->is_impatient = true;
    }
}

bool transport_choice_wants(const struct transport_choice *choice, enum transport transport)
{
    switch (choice->configured) {
    case CONFIG_TRANSPORT_TCP:
        return transport == TRANSPORT_TCP;
    case CONFIG_TRANSPORT_BRIDGE:
        return transport == TRANSPORT_BRIDGE;
    default:
        break;
    }
    if (choice->is_up) {
        return transport == choice->up;
    }
    return transport == TRANSPORT_TCP || choice->is_impatient;
}

int64_t transport_choice_due_ms(const struct transport_choice *choice, uint64_t now_ms)
{
    uint64_t due_ms = choice->since_ms + TRANSPORT_CHOICE_PATIENCE_MS;

    if (choice->configured != CONFIG_TRANSPORT_AUTO || choice->is_up || choice->is_impatient) {
        return -1;
    }
    return due_ms > now_ms ? (int64_t)(due_ms - now_ms) : 0;
}

const char *transport_to_name(enum transport transport)
{
    return transport == TRANSPORT_BRIDGE ? "bridge" : "tcp";
}
