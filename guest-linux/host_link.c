#include "guest-linux/host_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/link_address.h"
#include "shared/link/listen.h"

struct host_link {
    struct handshake_config handshake;
    const struct host_link_callbacks *callbacks;
    void *context;
    struct listen *listen;
    struct session *session; /* of the host that is there, or NULL */
    char peer[EVENT_PEER_SIZE];
    bool closing;
    void (*on_closed)(void *context);
};

static void read_peer(struct session *session, char peer[EVENT_PEER_SIZE])
{
    const uv_tcp_t *tcp = (const uv_tcp_t *)session_stream(session);
    struct sockaddr_storage address;
    int len = sizeof address;
    char ip[EVENT_PEER_SIZE - 8] = "?";

    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&address, &len) != 0) {
        text_copy(peer, EVENT_PEER_SIZE, ip);
        return;
    }
    (void)uv_ip_name((const struct sockaddr *)&address, ip, sizeof ip);
    snprintf(peer, EVENT_PEER_SIZE, "%s:%u", ip, (unsigned)link_address_port(&address));
}

static void end_session(struct host_link *link)
{
    link->session = NULL;
    link->callbacks->on_down(link->context);
}

static void on_session_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct host_link *link = context;
    struct session *older = link->session;

    if (older != NULL) {
        log_warning("host: a newer link takes over from %s", link->peer);
        end_session(link);
        session_bye(older, "busy", "another host agent has taken over the link");
    }
    link->session = session;
    read_peer(session, link->peer);
    log_info("linked with the host at %s (%s)", link->peer, peer->agent);
    link->callbacks->on_up(link->context);
}

static bool is_from_host(enum wire_type type)
{
    switch (type) {
    case WIRE_SNAPSHOT_BEGIN:
    case WIRE_PRESENT:
    case WIRE_SNAPSHOT_END:
    case WIRE_ARRIVAL:
    case WIRE_UPDATE:
    case WIRE_REMOVAL:
    case WIRE_YIELDED:
    case WIRE_TAKEN:
    case WIRE_RESUMED:
    case WIRE_ANSWER:
        return true;
    default:
        return false;
    }
}

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    struct host_link *link = context;
    struct wire_message message;
    int err;

    if (session != link->session) {
        return; /* An older host, already told that it is no longer heard. */
    }
    err = wire_message_from_line(line, len, &message);
    if (err == ERR_UNSUPPORTED) {
        log_debug("host: ignored a message of a type this version does not know");
    } else if (err == 0 && is_from_host(message.type)) {
        link->callbacks->on_message(link->context, &message);
    } else if (err == 0 && message.type == WIRE_BYE) {
        log_info("host: says bye (%s): %s", message.event.code, message.event.message);
    } else {
        log_warning("host: sent a line that makes no sense (%s); it has to link anew",
                    error_text(err != 0 ? err : ERR_INVALID));
        session_bye(session, "invalid", "the guest could not understand a line");
    }
}

static void on_session_closed(void *context, struct session *session, bool was_up, int error,
                              const char *reason)
{
    struct host_link *link = context;

    (void)error;
    if (!was_up) {
        log_info("host: a connection was no host agent's: %s", reason);
    } else if (session == link->session) {
        log_warning("host: %s", reason);
        if (link->closing) {
            link->session = NULL;
        } else {
            end_session(link);
        }
    }
}

static void on_session_gap(void *context, struct session *session)
{
    struct host_link *link = context;

    if (session == link->session) {
        link->callbacks->on_gap(link->context);
    }
}

static const struct session_callbacks session_callbacks = {
    .on_gap = on_session_gap,
    .on_up = on_session_up,
    .on_line = on_session_line,
    .on_closed = on_session_closed,
};

int host_link_open(uv_loop_t *loop, const struct config *config, const char *run,
                   const struct host_link_callbacks *callbacks, void *context,
                   struct host_link **link)
{
    struct host_link *opened = calloc(1, sizeof *opened);
    int err;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->handshake.role = WIRE_ROLE_GUEST;
    opened->handshake.run = run;
    opened->handshake.allow_unauthenticated = config->link_auth == CONFIG_AUTH_NONE;
    opened->callbacks = callbacks;
    opened->context = context;
    err = listen_open(loop, config->link_address, config->link_port, &opened->handshake,
                      &session_callbacks, opened, &opened->listen);
    if (err != 0) {
        free(opened);
        return err;
    }
    *link = opened;
    return 0;
}

const char *host_link_peer(const struct host_link *link)
{
    return link->peer;
}

static int wire_type_from_event(enum event_type event, enum wire_type *type)
{
    switch (event) {
    case EVENT_ATTACHING:
        *type = WIRE_ATTACHING;
        return 0;
    case EVENT_READY:
        *type = WIRE_READY;
        return 0;
    case EVENT_FAILED:
        *type = WIRE_FAILED;
        return 0;
    case EVENT_DETACHED:
        *type = WIRE_DETACHED;
        return 0;
    default:
        return ERR_UNSUPPORTED;
    }
}

static int send_message(struct host_link *link, const struct wire_message *message)
{
    char *line;
    size_t len;
    int err = wire_message_to_line(message, &line, &len);

    if (err != 0) {
        log_error("host: board %s can't be told: %s", message->event.board.id, error_text(err));
        return err;
    }
    /* A failure closes the session, and its on_closed says so. */
    session_write(link->session, line, len);
    free(line);
    return 0;
}

void host_link_report(struct host_link *link, const struct event *event)
{
    struct wire_message message = {.event = *event};

    if (link->session != NULL && wire_type_from_event(event->type, &message.type) == 0) {
        send_message(link, &message);
    }
}

bool host_link_ask(struct host_link *link, enum wire_type type, const char *board_id,
                   int64_t number)
{
    struct wire_message message = {.type = type, .request = number};

    text_copy(message.event.board.id, sizeof message.event.board.id, board_id);
    return link->session != NULL && send_message(link, &message) == 0;
}

static void on_listen_closed(void *context)
{
    struct host_link *link = context;

    if (link->on_closed != NULL) {
        link->on_closed(link->context);
    }
    free(link);
}

void host_link_close(struct host_link *link, void (*on_closed)(void *context))
{
    link->closing = true;
    link->on_closed = on_closed;
    listen_close(link->listen, on_listen_closed);
}
