#include "host-win/guest_ways.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/dial.h"

#define REASON_SIZE 512

/* One way, while it is tried or used. */
struct leg {
    struct guest_ways *ways;
    enum transport transport;
    struct dial *dial;
    struct bridge *bridge;
    bool ending; /* not the ways' any more */
};

struct guest_ways {
    uv_loop_t *loop;
    const struct config *config;
    const struct handshake_config *handshake; /* of TCP; a bridge wants no proof */
    struct guest_ways_bridge bridge;
    const struct guest_ways_callbacks *callbacks;
    void *context;
    struct transport_choice choice;
    uv_timer_t tick;
    struct leg *legs[TRANSPORT_COUNT];
    unsigned open_handles;    /* the legs, ending ones too, and the timer */
    struct session *session;  /* while up */
    enum transport transport; /* of the session, or of the last */
    char peers[TRANSPORT_COUNT][EVENT_PEER_SIZE];
    /* Why the last try failed, so that it is logged once. */
    char last_reasons[TRANSPORT_COUNT][REASON_SIZE];
    bool rests;
    bool closing;
    void (*on_closed)(void *context);
};

static void follow_choice(struct guest_ways *ways);

static uint64_t now_ms(const struct guest_ways *ways)
{
    return uv_now(ways->loop);
}

/* --- Sessions --------------------------------------------------------------------------------- */

static void on_session_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct leg *leg = context;
    struct guest_ways *ways = leg->ways;

    transport_choice_up(&ways->choice, leg->transport);
    if (!ways->choice.is_up || ways->choice.up != leg->transport) {
        follow_choice(ways); /* The other way was faster; this one is let go. */
        return;
    }
    ways->session = session;
    ways->transport = leg->transport;
    ways->last_reasons[leg->transport][0] = '\0';
    log_info("linked with the guest at %s (%s)", ways->peers[leg->transport], peer->agent);
    follow_choice(ways);
    ways->callbacks->on_up(ways->context);
}

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    struct guest_ways *ways = ((struct leg *)context)->ways;

    if (session == ways->session) {
        ways->callbacks->on_line(ways->context, line, len);
    }
}

static void on_session_gap(void *context, struct session *session)
{
    struct guest_ways *ways = ((struct leg *)context)->ways;

    if (session == ways->session) {
        ways->callbacks->on_gap(ways->context);
    }
}

static void on_session_written(void *context, struct session *session)
{
    struct guest_ways *ways = ((struct leg *)context)->ways;

    if (session == ways->session) {
        ways->callbacks->on_written(ways->context);
    }
}

static void log_failure(struct guest_ways *ways, enum transport transport, const char *reason)
{
    char *last = ways->last_reasons[transport];

    if (strcmp(last, reason) != 0) {
        text_copy(last, REASON_SIZE, reason);
        log_warning("no guest agent at %s yet (%s); trying again until there is one",
                    ways->peers[transport], reason);
    }
}

static void on_session_closed(void *context, struct session *session, bool was_up, int error,
                              const char *reason)
{
    struct leg *leg = context;
    struct guest_ways *ways = leg->ways;

    (void)error;
    if (!leg->ending) {
        transport_choice_failed(&ways->choice, leg->transport, was_up, now_ms(ways));
    }
    if (session != NULL && session == ways->session) {
        ways->session = NULL;
        log_warning("guest: %s", reason);
        ways->callbacks->on_down(ways->context);
    } else if (!leg->ending) {
        log_failure(ways, leg->transport, reason);
    }
    follow_choice(ways);
}

static const struct session_callbacks session_callbacks = {
    .on_up = on_session_up,
    .on_line = on_session_line,
    .on_gap = on_session_gap,
    .on_written = on_session_written,
    .on_closed = on_session_closed,
};

/* --- Legs ------------------------------------------------------------------------------------- */

static void on_handle_closed(struct guest_ways *ways)
{
    if (--ways->open_handles > 0) {
        return;
    }
    if (ways->on_closed != NULL) {
        ways->on_closed(ways->context);
    }
    free(ways);
}

static void on_leg_closed(void *context)
{
    struct leg *leg = context;
    struct guest_ways *ways = leg->ways;

    free(leg);
    on_handle_closed(ways);
}

static void close_leg(struct guest_ways *ways, enum transport transport)
{
    struct leg *leg = ways->legs[transport];

    ways->legs[transport] = NULL;
    leg->ending = true;
    if (leg->dial != NULL) {
        dial_close(leg->dial, on_leg_closed);
    } else {
        bridge_close(leg->bridge, on_leg_closed);
    }
}

static int get_bridge_command(void *context, struct bridge_child_command *command,
                              char reason[BRIDGE_REASON_SIZE])
{
    struct guest_ways *ways = ((struct leg *)context)->ways;

    return ways->bridge.get_command(ways->bridge.context, command, ways->peers[TRANSPORT_BRIDGE],
                                    reason);
}

static int open_leg(struct guest_ways *ways, enum transport transport)
{
    struct leg *leg = calloc(1, sizeof *leg);
    int error;

    if (leg == NULL) {
        return ERR_NOMEM;
    }
    leg->ways = ways;
    leg->transport = transport;
    if (transport == TRANSPORT_TCP) {
        error = dial_open(ways->loop, ways->config->link_address, ways->config->link_port,
                          ways->handshake, &session_callbacks, leg, &leg->dial);
    } else {
        const struct bridge_options options = {.get_command = get_bridge_command, .context = leg};

        error = bridge_open(ways->loop, &options, ways->handshake, &session_callbacks, leg,
                            &leg->bridge);
    }
    if (error != 0) {
        free(leg);
        return error;
    }
    ways->legs[transport] = leg;
    ways->open_handles++;
    return 0;
}

/* --- Which are tried -------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *timer)
{
    struct guest_ways *ways = timer->data;

    transport_choice_tick(&ways->choice, now_ms(ways));
    follow_choice(ways);
}

/* Returns the first error; what could be opened is. */
static int follow(struct guest_ways *ways)
{
    int64_t due_ms = ways->rests ? -1 : transport_choice_due_ms(&ways->choice, now_ms(ways));
    int result = 0;

    for (enum transport each = TRANSPORT_TCP; each < TRANSPORT_COUNT; each++) {
        bool is_wanted = !ways->rests && transport_choice_wants(&ways->choice, each);

        if (is_wanted && ways->legs[each] == NULL) {
            int error = open_leg(ways, each);

            result = result != 0 ? result : error;
        } else if (!is_wanted && ways->legs[each] != NULL) {
            close_leg(ways, each);
        }
    }
    if (due_ms >= 0) {
        uv_timer_start(&ways->tick, on_tick, (uint64_t)due_ms, 0);
    } else {
        uv_timer_stop(&ways->tick);
    }
    return result;
}

static void follow_choice(struct guest_ways *ways)
{
    int error = ways->closing ? 0 : follow(ways);

    if (error != 0) {
        log_error("a way to the guest can't be tried: %s", error_text(error));
    }
}

static struct guest_ways *create(uv_loop_t *loop, const struct guest_ways_options *options)
{
    const struct config *config = options->config;
    struct guest_ways *ways = calloc(1, sizeof *ways);

    if (ways == NULL) {
        return NULL;
    }
    ways->loop = loop;
    ways->config = config;
    ways->handshake = options->handshake;
    ways->bridge = options->bridge;
    ways->rests = options->rests;
    snprintf(ways->peers[TRANSPORT_TCP], EVENT_PEER_SIZE, "%.*s:%u", EVENT_PEER_SIZE - 8,
             config->link_address, (unsigned)config->link_port);
    text_copy(ways->peers[TRANSPORT_BRIDGE], EVENT_PEER_SIZE, "wsl.exe");
    ways->transport =
        config->link_transport == CONFIG_TRANSPORT_BRIDGE ? TRANSPORT_BRIDGE : TRANSPORT_TCP;
    transport_choice_init(&ways->choice, config->link_transport, uv_now(loop));
    uv_timer_init(loop, &ways->tick); /* Documented never to fail. */
    ways->tick.data = ways;
    ways->open_handles = 1;
    return ways;
}

int guest_ways_open(uv_loop_t *loop, const struct guest_ways_options *options,
                    const struct guest_ways_callbacks *callbacks, void *context,
                    struct guest_ways **ways)
{
    struct guest_ways *opened = create(loop, options);
    int error;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->callbacks = callbacks;
    opened->context = context;
    error = follow(opened);
    if (error != 0) {
        guest_ways_close(opened, NULL); /* It frees itself. */
        return error;
    }
    *ways = opened;
    return 0;
}

void guest_ways_bridge_go_on(struct guest_ways *ways)
{
    if (ways->legs[TRANSPORT_BRIDGE] != NULL) {
        bridge_go_on(ways->legs[TRANSPORT_BRIDGE]->bridge);
    }
}

struct session *guest_ways_session(const struct guest_ways *ways)
{
    return ways->session;
}

enum transport guest_ways_transport(const struct guest_ways *ways)
{
    return ways->transport;
}

const char *guest_ways_peer(const struct guest_ways *ways)
{
    return ways->peers[ways->transport];
}

void guest_ways_defer(struct guest_ways *ways)
{
    struct leg *leg = ways->legs[ways->transport];

    if (leg != NULL && leg->dial != NULL) {
        dial_defer(leg->dial);
    } else if (leg != NULL) {
        bridge_defer(leg->bridge);
    }
}

void guest_ways_kick(struct guest_ways *ways)
{
    if (ways->legs[TRANSPORT_TCP] != NULL) {
        dial_kick(ways->legs[TRANSPORT_TCP]->dial);
    }
    if (ways->legs[TRANSPORT_BRIDGE] != NULL) {
        bridge_kick(ways->legs[TRANSPORT_BRIDGE]->bridge);
    }
}

void guest_ways_rest(struct guest_ways *ways, bool rests)
{
    if (ways->rests == rests || ways->closing) {
        return;
    }
    ways->rests = rests;
    transport_choice_init(&ways->choice, ways->config->link_transport, now_ms(ways));
    follow_choice(ways);
    /* Told now, and not when the other end has taken the bye: by then the next may be up. */
    if (rests && ways->session != NULL) {
        ways->session = NULL;
        ways->callbacks->on_down(ways->context);
    }
}

static void on_tick_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

void guest_ways_close(struct guest_ways *ways, void (*on_closed)(void *context))
{
    ways->closing = true;
    ways->on_closed = on_closed;
    for (enum transport each = TRANSPORT_TCP; each < TRANSPORT_COUNT; each++) {
        if (ways->legs[each] != NULL) {
            close_leg(ways, each);
        }
    }
    uv_close((uv_handle_t *)&ways->tick, on_tick_closed);
}
