#include "shared/link/dial.h"

#include <stdlib.h>

#include "shared/core/backoff.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/link/link_address.h"
#include "shared/link/link_error.h"

struct dial {
    uv_loop_t *loop;
    struct sockaddr_storage address;
    const struct handshake_config *config;
    const struct session_callbacks *callbacks;
    void *context;
    struct backoff backoff;
    struct session *session; /* from the try on until it has closed */
    bool connected;
    bool up;
    bool deferred;
    uv_connect_t connect;
    uv_timer_t timer; /* bounds the connecting, then the wait for the next try */
    bool closing;
    void (*on_closed)(void *context);
};

static void try_now(struct dial *dial);

static void on_timer_closed(uv_handle_t *handle)
{
    struct dial *dial = handle->data;

    if (dial->on_closed) {
        dial->on_closed(dial->context);
    }
    free(dial);
}

static void on_retry(uv_timer_t *timer)
{
    try_now(timer->data);
}

static void wait_for_next_try(struct dial *dial)
{
    uint64_t delay_ms = backoff_next(&dial->backoff);

    uv_timer_start(&dial->timer, on_retry, dial->deferred ? DIAL_MAX_MS : delay_ms, 0);
    dial->deferred = false;
}

static void on_connect_timeout(uv_timer_t *timer)
{
    struct dial *dial = timer->data;

    session_close(dial->session, ERR_TIMEOUT);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct dial *dial = request->data;

    if (status == UV_ECANCELED) {
        return; /* The session is being closed, and its on_closed follows. */
    }
    uv_timer_stop(&dial->timer);
    if (status < 0) {
        session_close(dial->session, link_error_from_uv(status));
        return;
    }
    dial->connected = true;
    session_start(dial->session); /* A failure arrives as on_closed. */
}

static void on_session_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct dial *dial = context;

    dial->up = true;
    backoff_reset(&dial->backoff);
    dial->callbacks->on_up(dial->context, session, peer);
}

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    struct dial *dial = context;

    dial->callbacks->on_line(dial->context, session, line, len);
}

static void on_session_gap(void *context, struct session *session)
{
    struct dial *dial = context;

    if (dial->callbacks->on_gap != NULL) {
        dial->callbacks->on_gap(dial->context, session);
    }
}

static void on_session_probed(void *context, struct session *session, bool answers)
{
    struct dial *dial = context;

    if (dial->callbacks->on_probed != NULL) {
        dial->callbacks->on_probed(dial->context, session, answers);
    }
}

static void on_session_closed(void *context, struct session *session, bool was_up, int error,
                              const char *reason)
{
    struct dial *dial = context;
    struct session *told = dial->connected ? session : NULL;

    dial->session = NULL;
    dial->connected = false;
    dial->up = false;
    /* Before the callback, so that a dial_kick in it finds a wait to cut short. */
    if (!dial->closing) {
        wait_for_next_try(dial);
    }
    dial->callbacks->on_closed(dial->context, told, was_up, error, reason);
    if (dial->closing && !uv_is_closing((uv_handle_t *)&dial->timer)) {
        uv_close((uv_handle_t *)&dial->timer, on_timer_closed);
    }
}

static const struct session_callbacks dial_session_callbacks = {
    .on_up = on_session_up,
    .on_line = on_session_line,
    .on_gap = on_session_gap,
    .on_probed = on_session_probed,
    .on_closed = on_session_closed,
};

static void try_now(struct dial *dial)
{
    const struct sockaddr *address = (const struct sockaddr *)&dial->address;
    int result;

    result = session_create(dial->loop, CONN_TCP, dial->config, &dial_session_callbacks, dial,
                            &dial->session);
    if (result != 0) {
        log_error("cannot connect to the peer: %s", error_text(result));
        dial->session = NULL;
        wait_for_next_try(dial);
        return;
    }
    uv_timer_start(&dial->timer, on_connect_timeout, DIAL_CONNECT_MS, 0);
    dial->connect.data = dial;
    result = link_error_from_uv(uv_tcp_connect(
        &dial->connect, (uv_tcp_t *)session_stream(dial->session), address, on_connected));
    if (result != 0) {
        session_close(dial->session, result);
    }
}

int dial_open(uv_loop_t *loop, const char *address, uint16_t port,
              const struct handshake_config *config, const struct session_callbacks *callbacks,
              void *context, struct dial **dial)
{
    struct dial *created = calloc(1, sizeof *created);

    if (!created) {
        return ERR_NOMEM;
    }
    if (link_address_from_text(address, port, &created->address) != 0) {
        free(created);
        return ERR_INVALID;
    }
    created->loop = loop;
    created->config = config;
    created->callbacks = callbacks;
    created->context = context;
    backoff_init(&created->backoff, DIAL_FIRST_MS, DIAL_MAX_MS);
    backoff_set_eager(&created->backoff, DIAL_EAGER_MAX_MS, DIAL_EAGER_MS);
    uv_timer_init(loop, &created->timer); /* Documented never to fail. */
    created->timer.data = created;
    try_now(created);
    *dial = created;
    return 0;
}

void dial_kick(struct dial *dial)
{
    if (dial->closing) {
        return;
    }
    backoff_reset(&dial->backoff);
    dial->deferred = false;
    if (!dial->session) {
        uv_timer_stop(&dial->timer);
        try_now(dial);
    }
}

void dial_defer(struct dial *dial)
{
    dial->deferred = true;
}

struct session *dial_session(struct dial *dial)
{
    return dial->up ? dial->session : NULL;
}

void dial_close(struct dial *dial, void (*on_closed)(void *context))
{
    if (dial->closing) {
        return;
    }
    dial->closing = true;
    dial->on_closed = on_closed;
    uv_timer_stop(&dial->timer);
    if (!dial->session) {
        uv_close((uv_handle_t *)&dial->timer, on_timer_closed);
    } else if (dial->up) {
        session_bye(dial->session, "shutdown", "the agent is ending");
    } else {
        session_close(dial->session, ERR_CANCELLED);
    }
}
