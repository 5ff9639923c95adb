#include "host-win/guest_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/dial.h"

#define REASON_SIZE 256

struct guest_link {
    struct handshake_config handshake;
    const struct guest_link_callbacks *callbacks;
    void *context;
    struct dial *dial;
    struct session *session; /* while up */
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

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    struct guest_link *link = context;
    struct wire_message message;
    int error = wire_message_from_line(line, len, &message);

    if (error == ERR_UNSUPPORTED) {
        log_debug("guest: ignored a message of a type this version does not know");
    } else if (error == 0 && is_report(message.type)) {
        link->callbacks->on_report(link->context, &message.event);
    } else if (error == 0 && (message.type == WIRE_YIELD || message.type == WIRE_TAKE)) {
        link->callbacks->on_request(link->context, &message);
    } else if (error == 0 && message.type == WIRE_BYE) {
        log_info("guest: says bye (%s): %s", message.event.code, message.event.message);
    } else {
        log_warning("guest: sent a line that makes no sense (%s); linking anew",
                    error_text(error != 0 ? error : ERR_INVALID));
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

static const struct session_callbacks session_callbacks = {
    .on_up = on_session_up,
    .on_line = on_session_line,
    .on_gap = on_session_gap,
    .on_closed = on_session_closed,
};

int guest_link_open(uv_loop_t *loop, const struct config *config, const char *run,
                    const struct guest_link_callbacks *callbacks, void *context,
                    struct guest_link **link)
{
    struct guest_link *opened = calloc(1, sizeof *opened);
    int result;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->handshake.role = WIRE_ROLE_HOST;
    opened->handshake.run = run;
    opened->handshake.allow_unauthenticated = config->link_auth == CONFIG_AUTH_NONE;
    opened->callbacks = callbacks;
    opened->context = context;
    snprintf(opened->peer, sizeof opened->peer, "%.*s:%u", EVENT_PEER_SIZE - 8,
             config->link_address, (unsigned)config->link_port);
    result = dial_open(loop, config->link_address, config->link_port, &opened->handshake,
                       &session_callbacks, opened, &opened->dial);
    if (result != 0) {
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
    dial_close(link->dial, on_dial_closed);
}
