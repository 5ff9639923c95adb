#include "shared/link/listen.h"

#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/link_address.h"
#include "shared/link/link_error.h"
#include "shared/link/local_endpoint.h"
#include "shared/link/refusal_log.h"

#define LISTEN_BACKLOG 16

/* One session that came in; the newest stands first in the list. */
struct incoming {
    struct listen *listen;
    struct session *session;
    bool proven;
    bool evicted;
    char source[LINK_ADDRESS_TEXT_SIZE];
    struct incoming *next;
};

struct listen {
    uv_loop_t *loop;
    uv_tcp_t server;
    struct local_endpoint *endpoint; /* in place of the server, or NULL */
    bool server_closed;
    uint16_t port;
    const struct handshake_config *config;
    const struct session_callbacks *callbacks;
    void *context;
    struct incoming *entries;
    struct refusal_log refusals;
    bool closing;
    void (*on_closed)(void *context);
};

static void finish_if_closed(struct listen *listen)
{
    if (!listen->server_closed || listen->entries) {
        return;
    }
    if (listen->on_closed) {
        listen->on_closed(listen->context);
    }
    free(listen);
}

static void remove_incoming(struct incoming *incoming)
{
    struct incoming **place = &incoming->listen->entries;

    while (*place != incoming) {
        place = &(*place)->next;
    }
    *place = incoming->next;
    free(incoming);
}

static void on_session_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct incoming *incoming = context;

    incoming->proven = true;
    incoming->listen->callbacks->on_up(incoming->listen->context, session, peer);
}

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    struct incoming *incoming = context;

    incoming->listen->callbacks->on_line(incoming->listen->context, session, line, len);
}

static void on_session_gap(void *context, struct session *session)
{
    struct incoming *incoming = context;
    struct listen *listen = incoming->listen;

    if (listen->callbacks->on_gap) {
        listen->callbacks->on_gap(listen->context, session);
    }
}

static void on_session_probed(void *context, struct session *session, bool answers)
{
    struct incoming *incoming = context;
    const struct session_callbacks *callbacks = incoming->listen->callbacks;

    if (callbacks->on_probed != NULL) {
        callbacks->on_probed(incoming->listen->context, session, answers);
    }
}

static void on_session_written(void *context, struct session *session)
{
    struct incoming *incoming = context;
    const struct session_callbacks *callbacks = incoming->listen->callbacks;

    if (callbacks->on_written != NULL) {
        callbacks->on_written(incoming->listen->context, session);
    }
}

static void on_session_taken(void *context, struct session *session, uv_stream_t *stream)
{
    struct incoming *incoming = context;

    incoming->listen->callbacks->on_taken(incoming->listen->context, session, stream);
}

static void log_refusal(struct incoming *incoming, const char *reason)
{
    struct listen *listen = incoming->listen;
    unsigned held_back;

    if (refusal_log_take(&listen->refusals, incoming->source, uv_now(listen->loop), &held_back)) {
        log_warning("a connection from %s was refused: %s (%u more were, untold)", incoming->source,
                    incoming->evicted ? "too many others wait for their proof" : reason, held_back);
    }
}

static void on_session_closed(void *context, struct session *session, bool was_up, int error,
                              const char *reason)
{
    struct incoming *incoming = context;
    struct listen *listen = incoming->listen;

    if (!was_up && !listen->closing) {
        log_refusal(incoming, reason);
    }
    remove_incoming(incoming);
    listen->callbacks->on_closed(listen->context, session, was_up, error, reason);
    finish_if_closed(listen);
}

static const struct session_callbacks listen_session_callbacks = {
    .on_up = on_session_up,
    .on_line = on_session_line,
    .on_gap = on_session_gap,
    .on_probed = on_session_probed,
    .on_written = on_session_written,
    .on_taken = on_session_taken,
    .on_closed = on_session_closed,
};

/* Strangers who connect and say nothing must not keep the peer out: the oldest of them goes. */
static void bound_unproven(struct listen *listen)
{
    struct incoming *oldest = NULL;
    unsigned count = 0;

    for (struct incoming *each = listen->entries; each; each = each->next) {
        if (!each->proven && !each->evicted) {
            count++;
            oldest = each;
        }
    }
    if (count > LISTEN_UNPROVEN_MAX) {
        oldest->evicted = true;
        session_close(oldest->session, ERR_BUSY);
    }
}

static int accept_stream(struct listen *listen, uv_stream_t *stream)
{
    if (!listen->endpoint) {
        return link_error_from_uv(uv_accept((uv_stream_t *)&listen->server, stream));
    }
    return local_endpoint_accept(listen->endpoint, (uv_pipe_t *)stream);
}

static void note_source(struct incoming *incoming)
{
    const uv_stream_t *stream = session_stream(incoming->session);
    uint16_t port;

    if (stream == NULL || stream->type == UV_TCP) {
        link_address_of_peer((const uv_tcp_t *)stream, incoming->source, &port);
    } else {
        text_copy(incoming->source, sizeof incoming->source, "this machine");
    }
}

static int accept_one(struct listen *listen, struct incoming *incoming)
{
    enum conn_kind kind = listen->endpoint ? CONN_PIPE : CONN_TCP;
    int result = session_create(listen->loop, kind, listen->config, &listen_session_callbacks,
                                incoming, &incoming->session);

    if (result != 0) {
        return result;
    }
    incoming->listen = listen;
    incoming->next = listen->entries;
    listen->entries = incoming;
    result = accept_stream(listen, session_stream(incoming->session));
    note_source(incoming);
    if (result != 0) {
        session_close(incoming->session, result);
        return 0;
    }
    session_start(incoming->session); /* A failure arrives as on_closed. */
    bound_unproven(listen);
    return 0;
}

static void take_connection(struct listen *listen, int result)
{
    struct incoming *incoming;

    if (listen->closing) {
        return;
    }
    if (result == 0) {
        incoming = calloc(1, sizeof *incoming);
        result = incoming ? accept_one(listen, incoming) : ERR_NOMEM;
        if (result != 0) {
            free(incoming);
        }
    }
    if (result != 0) {
        log_error("cannot take a connection on port %u: %s", (unsigned)listen->port,
                  error_text(result));
    }
}

static void on_connection(uv_stream_t *server, int status)
{
    take_connection(server->data, link_error_from_uv(status));
}

static void on_endpoint_client(void *context)
{
    take_connection(context, 0);
}

static void on_endpoint_closed(void *context)
{
    struct listen *listen = context;

    listen->server_closed = true;
    finish_if_closed(listen);
}

static const struct local_endpoint_callbacks endpoint_callbacks = {
    .on_client = on_endpoint_client,
    .on_closed = on_endpoint_closed,
};

static void on_server_closed(uv_handle_t *handle)
{
    struct listen *listen = handle->data;

    listen->server_closed = true;
    finish_if_closed(listen);
}

static int bind_and_listen(struct listen *listen, const struct sockaddr_storage *address)
{
    struct sockaddr_storage bound = {0};
    int size = sizeof bound;
    int status = uv_tcp_bind(&listen->server, (const struct sockaddr *)address, 0);

    if (status == 0) {
        status = uv_listen((uv_stream_t *)&listen->server, LISTEN_BACKLOG, on_connection);
    }
    if (status == 0) {
        status = uv_tcp_getsockname(&listen->server, (struct sockaddr *)&bound, &size);
    }
    if (status == 0) {
        listen->port = link_address_port(&bound);
    }
    return link_error_from_uv(status);
}

static struct listen *create(uv_loop_t *loop, const struct handshake_config *config,
                             const struct session_callbacks *callbacks, void *context)
{
    struct listen *created = calloc(1, sizeof *created);

    if (created) {
        created->loop = loop;
        created->config = config;
        created->callbacks = callbacks;
        created->context = context;
    }
    return created;
}

int listen_open(uv_loop_t *loop, const char *address, uint16_t port,
                const struct handshake_config *config, const struct session_callbacks *callbacks,
                void *context, struct listen **listen)
{
    struct sockaddr_storage parsed;
    struct listen *created;
    int result = link_address_from_text(address, port, &parsed);

    if (result != 0) {
        return result;
    }
    created = create(loop, config, callbacks, context);
    if (!created) {
        return ERR_NOMEM;
    }
    result = link_error_from_uv(uv_tcp_init(loop, &created->server));
    if (result != 0) {
        free(created);
        return result;
    }
    created->server.data = created;
    result = bind_and_listen(created, &parsed);
    if (result != 0) {
        listen_close(created, NULL);
        return result;
    }
    *listen = created;
    return 0;
}

int listen_open_local(uv_loop_t *loop, const char *path, const struct handshake_config *config,
                      const struct session_callbacks *callbacks, void *context,
                      struct listen **listen)
{
    struct listen *created = create(loop, config, callbacks, context);
    int result;

    if (!created) {
        return ERR_NOMEM;
    }
    result =
        local_endpoint_open(loop, path, NULL, &endpoint_callbacks, created, &created->endpoint);
    if (result != 0) {
        free(created);
        return result;
    }
    *listen = created;
    return 0;
}

uint16_t listen_port(const struct listen *listen)
{
    return listen->port;
}

void listen_close(struct listen *listen, void (*on_closed)(void *context))
{
    if (listen->closing) {
        return;
    }
    listen->closing = true;
    listen->on_closed = on_closed;
    if (listen->endpoint) {
        local_endpoint_close(listen->endpoint);
    } else {
        uv_close((uv_handle_t *)&listen->server, on_server_closed);
    }
    for (struct incoming *each = listen->entries; each; each = each->next) {
        if (each->proven) {
            session_bye(each->session, "shutdown", "the agent is ending");
        } else {
            session_close(each->session, ERR_CANCELLED);
        }
    }
}
