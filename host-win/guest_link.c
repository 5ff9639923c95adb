#include "host-win/guest_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-win/usbipd_relay.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/core/transport_choice.h"
#include "shared/link/dial.h"

#define REASON_SIZE 512

/* usbipd-win listens on every address of this machine. */
#define USBIPD_ADDRESS "127.0.0.1"

/* One way to the guest, while it is tried or used. */
struct leg {
    struct guest_link *link;
    enum transport transport;
    struct dial *dial;
    struct bridge *bridge;
    bool ending; /* not the link's any more */
};

struct guest_link {
    uv_loop_t *loop;
    const struct config *config;
    struct guest_link_bridge bridge;
    struct handshake_config handshake; /* of TCP; a bridge wants no proof */
    const struct guest_link_callbacks *callbacks;
    void *context;
    struct transport_choice choice;
    uv_timer_t tick;
    struct leg *legs[TRANSPORT_COUNT];
    unsigned open_handles;       /* the legs, ending ones too, and the timer */
    struct session *session;     /* while up */
    struct usbipd_relay *relay;  /* NULL once closing */
    struct wire_import incoming; /* too large for the stack */
    enum transport transport;    /* of the session, or of the last */
    char peers[TRANSPORT_COUNT][EVENT_PEER_SIZE];
    /* Why the last try failed, so that it is logged once. */
    char last_reasons[TRANSPORT_COUNT][REASON_SIZE];
    bool rests;
    bool closing;
    void (*on_closed)(void *context);
};

static void follow_choice(struct guest_link *link);

static uint64_t now_ms(const struct guest_link *link)
{
    return uv_now(link->loop);
}

static void on_session_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct leg *leg = context;
    struct guest_link *link = leg->link;

    transport_choice_up(&link->choice, leg->transport);
    if (!link->choice.is_up || link->choice.up != leg->transport) {
        follow_choice(link); /* The other way was faster; this one is let go. */
        return;
    }
    link->session = session;
    link->transport = leg->transport;
    link->last_reasons[leg->transport][0] = '\0';
    log_info("linked with the guest at %s (%s)", link->peers[leg->transport], peer->agent);
    follow_choice(link);
    link->callbacks->on_up(link->context);
}

static bool is_report(enum wire_type type)
{
    return type == WIRE_ATTACHING || type == WIRE_READY || type == WIRE_FAILED ||
           type == WIRE_DETACHED;
}

/* The other host won't be gone in a moment. */
static void defer_leg(const struct leg *leg)
{
    if (leg->dial != NULL) {
        dial_defer(leg->dial);
    } else {
        bridge_defer(leg->bridge);
    }
}

static void take_bye(const struct leg *leg, const struct event *bye)
{
    log_info("guest: says bye (%s): %s", bye->code, bye->message);
    if (strcmp(bye->code, "busy") == 0) {
        defer_leg(leg);
    }
}

static int take_message(struct leg *leg, const char *line, size_t len)
{
    struct guest_link *link = leg->link;
    struct wire_message message;
    int error = wire_message_from_line(line, len, &message);

    if (error != 0) {
        return error;
    }
    if (is_report(message.type)) {
        link->callbacks->on_report(link->context, &message.event);
    } else if (message.type == WIRE_YIELD || message.type == WIRE_TAKE) {
        link->callbacks->on_request(link->context, &message);
    } else if (message.type == WIRE_BYE) {
        take_bye(leg, &message.event);
    } else {
        return ERR_INVALID;
    }
    return 0;
}

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    struct leg *leg = context;
    struct guest_link *link = leg->link;
    int error;

    if (session != link->session || link->relay == NULL) {
        return;
    }
    error = wire_import_from_line(line, len, &link->incoming);
    if (error == 0) {
        error = usbipd_relay_take(link->relay, &link->incoming);
    } else if (error == ERR_UNSUPPORTED) {
        error = take_message(leg, line, len);
    }
    if (error == ERR_UNSUPPORTED) {
        log_debug("guest: ignored a message of a type this version does not know");
    } else if (error != 0) {
        log_warning("guest: sent a line that makes no sense (%s); linking anew", error_text(error));
        session_bye(session, "invalid", "the host could not understand a line");
    }
}

static void log_failure(struct guest_link *link, enum transport transport, const char *reason)
{
    char *last = link->last_reasons[transport];

    if (strcmp(last, reason) != 0) {
        text_copy(last, REASON_SIZE, reason);
        log_warning("no guest agent at %s yet (%s); trying again until there is one",
                    link->peers[transport], reason);
    }
}

static void on_session_closed(void *context, struct session *session, bool was_up, int error,
                              const char *reason)
{
    struct leg *leg = context;
    struct guest_link *link = leg->link;
    bool was_link = session != NULL && session == link->session;

    (void)error;
    if (!leg->ending) {
        transport_choice_failed(&link->choice, leg->transport, was_up, now_ms(link));
    }
    if (was_link) {
        link->session = NULL;
        log_warning("guest: %s", reason);
        if (link->relay != NULL) {
            usbipd_relay_link_down(link->relay);
        }
        link->callbacks->on_down(link->context);
    } else if (!leg->ending) {
        log_failure(link, leg->transport, reason);
    }
    follow_choice(link);
}

static void on_session_gap(void *context, struct session *session)
{
    struct guest_link *link = ((struct leg *)context)->link;

    if (session == link->session) {
        link->callbacks->on_gap(link->context);
    }
}

static void on_session_written(void *context, struct session *session)
{
    struct guest_link *link = ((struct leg *)context)->link;

    if (link->relay != NULL && session == link->session) {
        usbipd_relay_written(link->relay);
    }
}

static void send_import_line(void *context, const char *line, size_t len)
{
    struct guest_link *link = context;

    if (link->session != NULL) {
        session_write(link->session, line, len);
    }
}

static size_t get_waiting(void *context)
{
    const struct guest_link *link = context;

    return link->session != NULL ? session_waiting(link->session) : 0;
}

static bool is_bridge(void *context)
{
    const struct guest_link *link = context;

    return link->transport == TRANSPORT_BRIDGE;
}

static const struct usbipd_relay_link relay_link = {send_import_line, get_waiting, is_bridge};

static int open_relay(uv_loop_t *loop, const struct config *config, struct guest_link *link)
{
    const char *address =
        config->usbipd_address[0] != '\0' ? config->usbipd_address : USBIPD_ADDRESS;
    const struct usbipd_relay_options options = {
        .usbipd = {address, config->usbipd_port},
        .guest = {config->link_address, config->link_port},
        .handshake = &link->handshake,
    };

    return usbipd_relay_open(loop, &options, &relay_link, link, &link->relay);
}

static const struct session_callbacks session_callbacks = {
    .on_up = on_session_up,
    .on_line = on_session_line,
    .on_gap = on_session_gap,
    .on_written = on_session_written,
    .on_closed = on_session_closed,
};

static void on_handle_closed(struct guest_link *link)
{
    if (--link->open_handles > 0) {
        return;
    }
    if (link->on_closed != NULL) {
        link->on_closed(link->context);
    }
    free(link);
}

static void on_leg_closed(void *context)
{
    struct leg *leg = context;
    struct guest_link *link = leg->link;

    free(leg);
    on_handle_closed(link);
}

static void close_leg(struct guest_link *link, enum transport transport)
{
    struct leg *leg = link->legs[transport];

    link->legs[transport] = NULL;
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
    struct guest_link *link = ((struct leg *)context)->link;

    return link->bridge.get_command(link->bridge.context, command, link->peers[TRANSPORT_BRIDGE],
                                    reason);
}

static int open_leg(struct guest_link *link, enum transport transport)
{
    struct leg *leg = calloc(1, sizeof *leg);
    int error;

    if (leg == NULL) {
        return ERR_NOMEM;
    }
    leg->link = link;
    leg->transport = transport;
    if (transport == TRANSPORT_TCP) {
        error = dial_open(link->loop, link->config->link_address, link->config->link_port,
                          &link->handshake, &session_callbacks, leg, &leg->dial);
    } else {
        const struct bridge_options options = {.get_command = get_bridge_command, .context = leg};

        error = bridge_open(link->loop, &options, &link->handshake, &session_callbacks, leg,
                            &leg->bridge);
    }
    if (error != 0) {
        free(leg);
        return error;
    }
    link->legs[transport] = leg;
    link->open_handles++;
    return 0;
}

static void on_tick(uv_timer_t *timer)
{
    struct guest_link *link = timer->data;

    transport_choice_tick(&link->choice, now_ms(link));
    follow_choice(link);
}

/* Returns the first error; what could be opened is. */
static int follow(struct guest_link *link)
{
    int64_t due_ms = link->rests ? -1 : transport_choice_due_ms(&link->choice, now_ms(link));
    int result = 0;

    for (enum transport each = TRANSPORT_TCP; each < TRANSPORT_COUNT; each++) {
        bool is_wanted = !link->rests && transport_choice_wants(&link->choice, each);

        if (is_wanted && link->legs[each] == NULL) {
            int error = open_leg(link, each);

            result = result != 0 ? result : error;
        } else if (!is_wanted && link->legs[each] != NULL) {
            close_leg(link, each);
        }
    }
    if (due_ms >= 0) {
        uv_timer_start(&link->tick, on_tick, (uint64_t)due_ms, 0);
    } else {
        uv_timer_stop(&link->tick);
    }
    return result;
}

static void follow_choice(struct guest_link *link)
{
    int error = link->closing ? 0 : follow(link);

    if (error != 0) {
        log_error("a way to the guest can't be tried: %s", error_text(error));
    }
}

static struct guest_link *create(uv_loop_t *loop, const struct guest_link_options *options)
{
    const struct config *config = options->config;
    struct guest_link *link = calloc(1, sizeof *link);

    if (link == NULL) {
        return NULL;
    }
    link->loop = loop;
    link->config = config;
    link->bridge = options->bridge;
    link->rests = options->rests;
    link->handshake.role = WIRE_ROLE_HOST;
    link->handshake.run = options->run;
    link->handshake.method = config->link_auth == CONFIG_AUTH_NONE ? WIRE_AUTH_NONE : WIRE_AUTH_KEY;
    link->handshake.read_key = key_file_read_for_handshake;
    link->handshake.key_context = options->key;
    snprintf(link->peers[TRANSPORT_TCP], EVENT_PEER_SIZE, "%.*s:%u", EVENT_PEER_SIZE - 8,
             config->link_address, (unsigned)config->link_port);
    text_copy(link->peers[TRANSPORT_BRIDGE], EVENT_PEER_SIZE, "wsl.exe");
    link->transport =
        config->link_transport == CONFIG_TRANSPORT_BRIDGE ? TRANSPORT_BRIDGE : TRANSPORT_TCP;
    transport_choice_init(&link->choice, config->link_transport, uv_now(loop));
    uv_timer_init(loop, &link->tick); /* Documented never to fail. */
    link->tick.data = link;
    link->open_handles = 1;
    return link;
}

int guest_link_open(uv_loop_t *loop, const struct guest_link_options *options,
                    const struct guest_link_callbacks *callbacks, void *context,
                    struct guest_link **link)
{
    struct guest_link *opened = create(loop, options);
    int error;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->callbacks = callbacks;
    opened->context = context;
    error = open_relay(loop, options->config, opened);
    if (error == 0) {
        error = follow(opened);
    }
    if (error != 0) {
        guest_link_close(opened, NULL); /* It frees itself. */
        return error;
    }
    *link = opened;
    return 0;
}

void guest_link_bridge_go_on(struct guest_link *link)
{
    if (link->legs[TRANSPORT_BRIDGE] != NULL) {
        bridge_go_on(link->legs[TRANSPORT_BRIDGE]->bridge);
    }
}

bool guest_link_is_up(const struct guest_link *link)
{
    return link->session != NULL;
}

const char *guest_link_peer(const struct guest_link *link)
{
    return link->peers[link->transport];
}

const char *guest_link_transport(const struct guest_link *link)
{
    return transport_to_name(link->transport);
}

static void send_message(struct guest_link *link, const struct wire_message *message)
{
    char *line;
    size_t len;
    int error;

    if (link->session == NULL) {
        return;
    }
    error = wire_message_to_line(message, &line, &len);
    if (error != 0) {
        log_error("guest: board %s can't be told: %s", message->event.board.id, error_text(error));
        return;
    }
    /* A failure closes the session, and its on_closed says so. */
    session_write(link->session, line, len);
    free(line);
}

void guest_link_send(struct guest_link *link, enum wire_type type, const struct board *board,
                     const struct sharing *sharing)
{
    struct wire_message message = {.type = type};

    message.wanted = board->state == BOARD_STATE_WAITING;
    message.event.board = *board;
    text_copy(message.attached_to, sizeof message.attached_to,
              sharing_attached_to(sharing, board->id));
    send_message(link, &message);
}

void guest_link_send_event(struct guest_link *link, enum wire_type type, const struct event *event)
{
    send_message(link, &(struct wire_message){.type = type, .event = *event});
}

void guest_link_send_snapshot(struct guest_link *link, const struct board_table *boards,
                              const struct sharing *sharing)
{
    static const struct wire_message begin = {.type = WIRE_SNAPSHOT_BEGIN};
    static const struct wire_message end = {.type = WIRE_SNAPSHOT_END};

    send_message(link, &begin);
    for (size_t i = 0; i < boards->count; i++) {
        guest_link_send(link, WIRE_PRESENT, boards->items[i], sharing);
    }
    send_message(link, &end);
}

void guest_link_send_resumed(struct guest_link *link)
{
    send_message(link, &(struct wire_message){.type = WIRE_RESUMED});
}

void guest_link_answer(struct guest_link *link, int64_t number,
                       const struct request_outcome *outcome)
{
    struct wire_message message = {.type = WIRE_ANSWER, .request = number};

    text_copy(message.event.code, sizeof message.event.code, outcome->code);
    text_copy(message.event.message, sizeof message.event.message, outcome->message);
    text_copy(message.event.remedy, sizeof message.event.remedy, outcome->remedy);
    send_message(link, &message);
}

void guest_link_kick(struct guest_link *link)
{
    if (link->legs[TRANSPORT_TCP] != NULL) {
        dial_kick(link->legs[TRANSPORT_TCP]->dial);
    }
    if (link->legs[TRANSPORT_BRIDGE] != NULL) {
        bridge_kick(link->legs[TRANSPORT_BRIDGE]->bridge);
    }
}

void guest_link_rest(struct guest_link *link, bool rests)
{
    if (link->rests == rests || link->closing) {
        return;
    }
    link->rests = rests;
    transport_choice_init(&link->choice, link->config->link_transport, now_ms(link));
    follow_choice(link);
    /* Told now, and not when the other end has taken the bye: by then the next may be up. */
    if (rests && link->session != NULL) {
        link->session = NULL;
        link->callbacks->on_down(link->context);
    }
}

static void on_tick_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

void guest_link_close(struct guest_link *link, void (*on_closed)(void *context))
{
    link->closing = true;
    link->on_closed = on_closed;
    if (link->relay != NULL) {
        usbipd_relay_close(link->relay);
        link->relay = NULL;
    }
    for (enum transport each = TRANSPORT_TCP; each < TRANSPORT_COUNT; each++) {
        if (link->legs[each] != NULL) {
            close_leg(link, each);
        }
    }
    uv_close((uv_handle_t *)&link->tick, on_tick_closed);
}
