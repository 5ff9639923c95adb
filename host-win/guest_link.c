#include "host-win/guest_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-win/usbipd_relay.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/dial.h"

#define REASON_SIZE 512

/* usbipd-win listens on every address of this machine. */
#define USBIPD_ADDRESS "127.0.0.1"

struct guest_link {
    struct handshake_config handshake;
    const struct guest_link_callbacks *callbacks;
    void *context;
    struct dial *dial;
    struct session *session;     /* while up */
    struct usbipd_relay *relay;  /* NULL once closing */
    struct wire_import incoming; /* too large for the stack */
    char peer[EVENT_PEER_SIZE];
    char last_reason[REASON_SIZE]; /* why the last try failed, so that it is logged once */
    void (*on_closed)(void *context);
};

static void on_session_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct guest_link *link = context;

    link->session = session;
    link->last_reason[0] = '\0';
    log_info("linked with the guest at %s (%s)", link->peer, peer->agent);
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
        dial_defer(link->dial); /* The other host won't be gone in a moment. */
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
    } else if (message.type == WIRE_BYE) {
        take_bye(link, &message.event);
    } else {
        return ERR_INVALID;
    }
    return 0;
}

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    struct guest_link *link = context;
    int error = wire_import_from_line(line, len, &link->incoming);

    if (error == 0) {
        error = usbipd_relay_take(link->relay, &link->incoming);
    } else if (error == ERR_UNSUPPORTED) {
        error = take_message(link, line, len);
    }
    if (error == ERR_UNSUPPORTED) {
        log_debug("guest: ignored a message of a type this version does not know");
    } else if (error != 0) {
        log_warning("guest: sent a line that makes no sense (%s); linking anew", error_text(error));
        session_bye(session, "invalid", "the host could not understand a line");
    }
}

static void on_session_closed(void *context, struct session *session, bool was_up, int error,
                              const char *reason)
{
    struct guest_link *link = context;

    (void)session;
    (void)error;
    link->session = NULL;
    if (was_up) {
        log_warning("guest: %s", reason);
        if (link->relay != NULL) {
            usbipd_relay_link_down(link->relay);
        }
        link->callbacks->on_down(link->context);
    } else if (strcmp(link->last_reason, reason) != 0) {
        text_copy(link->last_reason, sizeof link->last_reason, reason);
        log_warning("no guest agent at %s yet (%s); trying again until there is one", link->peer,
                    reason);
    }
}

static void on_session_gap(void *context, struct session *session)
{
    struct guest_link *link = context;

    (void)session;
    link->callbacks->on_gap(link->context);
}

static void on_session_written(void *context, struct session *session)
{
    struct guest_link *link = context;

    (void)session;
    if (link->relay != NULL) {
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

    return link->session != NULL && session_stream(link->session) != NULL &&
           session_stream(link->session)->type != UV_TCP;
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

int guest_link_open(uv_loop_t *loop, const struct config *config, const struct key_file *key,
                    const char *run, const struct guest_link_callbacks *callbacks, void *context,
                    struct guest_link **link)
{
    struct guest_link *opened = calloc(1, sizeof *opened);
    int result;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->handshake.role = WIRE_ROLE_HOST;
    opened->handshake.run = run;
    opened->handshake.method =
        config->link_auth == CONFIG_AUTH_NONE ? WIRE_AUTH_NONE : WIRE_AUTH_KEY;
    opened->handshake.read_key = key_file_read_for_handshake;
    opened->handshake.key_context = key;
    opened->callbacks = callbacks;
    opened->context = context;
    snprintf(opened->peer, sizeof opened->peer, "%.*s:%u", EVENT_PEER_SIZE - 8,
             config->link_address, (unsigned)config->link_port);
    result = open_relay(loop, config, opened);
    if (result != 0) {
        free(opened);
        return result;
    }
    result = dial_open(loop, config->link_address, config->link_port, &opened->handshake,
                       &session_callbacks, opened, &opened->dial);
    if (result != 0) {
        usbipd_relay_close(opened->relay);
        free(opened);
        return result;
    }
    *link = opened;
    return 0;
}

bool guest_link_is_up(const struct guest_link *link)
{
    return link->session != NULL;
}

const char *guest_link_peer(const struct guest_link *link)
{
    return link->peer;
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

void guest_link_kick(struct guest_link *link)
{
    dial_kick(link->dial);
}

static void on_dial_closed(void *context)
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
    dial_close(link->dial, on_dial_closed);
}
