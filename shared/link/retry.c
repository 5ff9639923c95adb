#include "shared/link/retry.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

static void try_now(struct retry *retry);

static void on_timer_closed(uv_handle_t *handle)
{
    struct retry *retry = handle->data;

    if (retry->on_closed) {
        retry->on_closed(retry->context);
    }
    retry->transport->release(retry->owner);
}

static void close_timer(struct retry *retry)
{
    if (!uv_is_closing((uv_handle_t *)&retry->timer)) {
        uv_close((uv_handle_t *)&retry->timer, on_timer_closed);
    }
}

static void on_retry(uv_timer_t *timer)
{
    try_now(timer->data);
}

static void wait_for_next_try(struct retry *retry)
{
    uint64_t wait_ms = retry->kicked ? 0 : backoff_next(&retry->backoff);

    if (retry->deferred) {
        wait_ms = retry->backoff.max_ms;
    }
    retry->kicked = false;
    retry->deferred = false;
    uv_timer_start(&retry->timer, on_retry, wait_ms, 0);
}

static void on_connect_timeout(uv_timer_t *timer)
{
    struct retry *retry = timer->data;

    session_close(retry->session, ERR_TIMEOUT);
}

void retry_connected(struct retry *retry, int error)
{
    uv_timer_stop(&retry->timer);
    if (error != 0) {
        session_close(retry->session, error);
        return;
    }
    retry->connected = true;
    session_start(retry->session); /* A failure arrives as on_closed. */
}

static void on_session_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct retry *retry = context;

    retry->up = true;
    backoff_reset(&retry->backoff);
    retry->callbacks->on_up(retry->context, session, peer);
}

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    struct retry *retry = context;

    retry->callbacks->on_line(retry->context, session, line, len);
}

static void on_session_gap(void *context, struct session *session)
{
    struct retry *retry = context;

    if (retry->callbacks->on_gap) {
        retry->callbacks->on_gap(retry->context, session);
    }
}

static void on_session_written(void *context, struct session *session)
{
    struct retry *retry = context;

    if (retry->callbacks->on_written) {
        retry->callbacks->on_written(retry->context, session);
    }
}

/* The next try comes first, so that a retry_kick in the callback finds a wait to cut short. */
static void go_on(struct retry *retry, struct session *session, bool was_up, bool is_told)
{
    if (!retry->closing) {
        wait_for_next_try(retry);
    }
    if (!is_told) {
        retry->callbacks->on_closed(retry->context, session, was_up, retry->error, retry->reason);
    }
    if (retry->closing) {
        close_timer(retry);
    }
}

static void on_session_closed(void *context, struct session *session, bool was_up, int error,
                              const char *reason)
{
    struct retry *retry = context;
    struct session *told = retry->connected ? session : NULL;

    uv_timer_stop(&retry->timer);
    retry->session = NULL;
    retry->up = false;
    retry->error = error;
    text_copy(retry->reason, sizeof retry->reason, reason);
    if (!retry->transport->clean_up) {
        retry->connected = false;
        go_on(retry, told, was_up, false);
        return;
    }
    retry->cleaning = true;
    retry->untold = !was_up;
    if (was_up) {
        /* Whoever has it must not keep it longer than it lives. */
        retry->callbacks->on_closed(retry->context, session, was_up, error, reason);
    }
    retry->transport->clean_up(retry->owner);
}

static void add_detail(struct retry *retry, const char *detail)
{
    size_t len = strlen(retry->reason);

    if (!retry->connected) {
        text_copy(retry->reason, sizeof retry->reason, detail);
        return;
    }
    snprintf(retry->reason + len, sizeof retry->reason - len, " (%s)", detail);
}

void retry_cleaned_up(struct retry *retry, const char *detail)
{
    if (detail[0] != '\0') {
        add_detail(retry, detail);
    }
    retry->cleaning = false;
    retry->connected = false;
    go_on(retry, NULL, false, !retry->untold);
}

static const struct session_callbacks retry_session_callbacks = {
    .on_up = on_session_up,
    .on_line = on_session_line,
    .on_gap = on_session_gap,
    .on_written = on_session_written,
    .on_closed = on_session_closed,
};

static void try_now(struct retry *retry)
{
    const struct retry_transport *transport = retry->transport;
    int result = session_create(retry->loop, transport->kind, retry->config,
                                &retry_session_callbacks, retry, &retry->session);

    if (result != 0) {
        log_error("cannot connect to the peer: %s", error_text(result));
        retry->session = NULL;
        wait_for_next_try(retry);
        return;
    }
    uv_timer_start(&retry->timer, on_connect_timeout, transport->connect_ms, 0);
    result = transport->connect(retry->owner, retry->session);
    if (result != 0) {
        session_close(retry->session, result);
    }
}

void retry_init(struct retry *retry, uv_loop_t *loop, const struct retry_transport *transport,
                void *owner, const struct handshake_config *config,
                const struct session_callbacks *callbacks, void *context)
{
    *retry = (struct retry){.loop = loop,
                            .transport = transport,
                            .owner = owner,
                            .config = config,
                            .callbacks = callbacks,
                            .context = context};
    uv_timer_init(loop, &retry->timer); /* Documented never to fail. */
    retry->timer.data = retry;
}

void retry_start(struct retry *retry)
{
    try_now(retry);
}

void retry_kick(struct retry *retry)
{
    if (retry->closing) {
        return;
    }
    backoff_reset(&retry->backoff);
    retry->deferred = false;
    if (retry->cleaning) {
        retry->kicked = true;
    } else if (!retry->session) {
        uv_timer_stop(&retry->timer);
        try_now(retry);
    }
}

void retry_defer(struct retry *retry)
{
    retry->deferred = true;
}

void retry_close(struct retry *retry, void (*on_closed)(void *context))
{
    if (retry->closing) {
        return;
    }
    retry->closing = true;
    retry->on_closed = on_closed;
    uv_timer_stop(&retry->timer);
    if (retry->up) {
        session_bye(retry->session, "shutdown", "the agent is ending");
    } else if (retry->session) {
        session_close(retry->session, ERR_CANCELLED);
    } else if (!retry->cleaning) {
        close_timer(retry);
    }
}
