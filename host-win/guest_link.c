#include "host-win/guest_link.h"

#include <stdlib.h>
#include <string.h>

#include "host-win/usbipd_relay.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

/* usbipd-win listens on every address of this machine. */
#define USBIPD_ADDRESS "127.0.0.1"

struct guest_link {
    struct handshake_config handshake;
    const struct guest_link_callbacks *callbacks;
    void *context;
    struct guest_ways *ways;
    struct usbipd_relay *relay;  /* NULL once closing */
    struct wire_import incoming; /* too large for the stack */
    void (*on_closed)(void *context);
};

/* --- What the guest says ---------------------------------------------------------------------- */

static void on_ways_up(void *context)
{
    struct guest_link *link = context;

    link->callbacks->on_up(link->context);
}

static bool is_report(enum wire_type type)
{
    return type == WIRE_ATTACHING || type == WIRE_READY || type == WIRE_FAILED ||
           type == WIRE_DETACHED;
}

static void take_bye(struct guest_link *link, const struct event *bye)
{
    log_info("guest: says bye (%s): %s", bye->code, bye->message);
    if (strcmp(bye->code, "busy") == 0) {
        guest_ways_defer(link->ways); /* The other host won't be gone in a moment. */
    }
}

static int take_message(struct guest_link *link, const char *line, size_t len)
{
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
        take_bye(link, &message.event);
    } else {
        return ERR_INVALID;
    }
    return 0;
}

static void on_ways_line(void *context, char *line, size_t len)
{
    struct guest_link *link = context;
    int error;

    if (link->relay == NULL) {
        return;
    }
    error = wire_import_from_line(line, len, &link->incoming);
    if (error == 0) {
        error = usbipd_relay_take(link->relay, &link->incoming);
    } else if (error == ERR_UNSUPPORTED) {
        error = take_message(link, line, len);
    }
    if (error == ERR_UNSUPPORTED) {
        log_debug("guest: ignored a message of a type this version does not know");
    } else if (error != 0) {
        log_warning("guest: sent a line that makes no sense (%s); linking anew", error_text(error));
        session_bye(guest_ways_session(link->ways), "invalid",
                    "the host could not understand a line");
    }
}

static void on_ways_gap(void *context)
{
    struct guest_link *link = context;

    link->callbacks->on_gap(link->context);
}

static void on_ways_written(void *context)
{
    struct guest_link *link = context;

    if (link->relay != NULL) {
        usbipd_relay_written(link->relay);
    }
}

static void on_ways_down(void *context)
{
    struct guest_link *link = context;

    if (link->relay != NULL) {
        usbipd_relay_link_down(link->relay);
    }
    link->callbacks->on_down(link->context);
}

static const struct guest_ways_callbacks ways_callbacks = {
    .on_up = on_ways_up,
    .on_line = on_ways_line,
    .on_gap = on_ways_gap,
    .on_written = on_ways_written,
    .on_down = on_ways_down,
};

/* --- What is said to the guest ---------------------------------------------------------------- */

static void send_message(struct guest_link *link, const struct wire_message *message)
{
    struct session *session = guest_ways_session(link->ways);
    char *line;
    size_t len;
    int error;

    if (session == NULL) {
        return;
    }
    error = wire_message_to_line(message, &line, &len);
    if (error != 0) {
        log_error("guest: board %s can't be told: %s", message->event.board.id, error_text(error));
        return;
    }
    /* A failure closes the session, and its on_closed says so. */
    session_write(session, line, len);
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

/* --- Imports through this host ---------------------------------------------------------------- */

static void send_import_line(void *context, const char *line, size_t len)
{
    struct session *session = guest_ways_session(((struct guest_link *)context)->ways);

    if (session != NULL) {
        session_write(session, line, len);
    }
}

static size_t get_waiting(void *context)
{
    const struct session *session = guest_ways_session(((struct guest_link *)context)->ways);

    return session != NULL ? session_waiting(session) : 0;
}

static bool is_bridge(void *context)
{
    return guest_ways_transport(((struct guest_link *)context)->ways) == TRANSPORT_BRIDGE;
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

/* --- Its life --------------------------------------------------------------------------------- */

static int open_ways(uv_loop_t *loop, const struct guest_link_options *options,
                     struct guest_link *link)
{
    const struct guest_ways_options ways = {
        .config = options->config,
        .handshake = &link->handshake,
        .bridge = options->bridge,
        .rests = options->rests,
    };

    return guest_ways_open(loop, &ways, &ways_callbacks, link, &link->ways);
}

int guest_link_open(uv_loop_t *loop, const struct guest_link_options *options,
                    const struct guest_link_callbacks *callbacks, void *context,
                    struct guest_link **link)
{
    struct guest_link *opened = calloc(1, sizeof *opened);
    int error;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->callbacks = callbacks;
    opened->context = context;
    opened->handshake.role = WIRE_ROLE_HOST;
    opened->handshake.run = options->run;
    opened->handshake.method =
        options->config->link_auth == CONFIG_AUTH_NONE ? WIRE_AUTH_NONE : WIRE_AUTH_KEY;
    opened->handshake.read_key = key_file_read_for_handshake;
    opened->handshake.key_context = options->key;
    error = open_relay(loop, options->config, opened);
    if (error != 0) {
        goto free_link;
    }
    error = open_ways(loop, options, opened);
    if (error != 0) {
        goto close_relay;
    }
    *link = opened;
    return 0;

close_relay:
    usbipd_relay_close(opened->relay);
free_link:
    free(opened);
    return error;
}

void guest_link_bridge_go_on(struct guest_link *link)
{
    guest_ways_bridge_go_on(link->ways);
}

bool guest_link_is_up(const struct guest_link *link)
{
    return guest_ways_session(link->ways) != NULL;
}

const char *guest_link_peer(const struct guest_link *link)
{
    return guest_ways_peer(link->ways);
}

const char *guest_link_transport(const struct guest_link *link)
{
    return transport_to_name(guest_ways_transport(link->ways));
}

void guest_link_kick(struct guest_link *link)
{
    guest_ways_kick(link->ways);
}

void guest_link_rest(struct guest_link *link, bool rests)
{
    guest_ways_rest(link->ways, rests);
}

static void on_ways_closed(void *context)
{
    struct guest_link *link = context;

    if (link->on_closed != NULL) {
        link->on_closed(link->context);
    }
    free(link);
}

void guest_link_close(struct guest_link *link, void (*on_closed)(void *context))
{
    link->on_closed = on_closed;
    usbipd_relay_close(link->relay);
    link->relay = NULL;
    guest_ways_close(link->ways, on_ways_closed);
}
