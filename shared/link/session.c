#include "shared/link/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

/* A reason quotes at most one bye. */
#define SESSION_REASON_SIZE (WIRE_CODE_SIZE + WIRE_TEXT_SIZE + 64)

enum session_state {
    SESSION_NEW,
    SESSION_GREETING, /* our hello is out, the peer's is awaited */
    SESSION_PROVING,  /* our proof is out, the peer's is awaited */
    SESSION_UP,
    SESSION_ENDING,
};

struct session {
    struct conn *conn;   /* NULL once it has closed */
    uv_timer_t deadline; /* of the handshake, and then of the next heartbeat */
    uv_timer_t probe;    /* runs while the peer has been asked for a sign of life */
    uint64_t probe_due_ms;
    unsigned open_timers;
    bool peer_has_heartbeat;
    uint64_t heard_ms; /* when the peer last said anything */
    uint64_t beat_ms;  /* when our last heartbeat was due */
    enum session_state state;
    bool was_up;
    const struct handshake_config *config;
    struct handshake handshake;
    const struct session_callbacks *callbacks;
    void *context;
    int error; /* what the conn ended with */
    char reason[SESSION_REASON_SIZE];
};

static const struct conn_limits session_limits = {
    .line_max = SESSION_UNPROVEN_LINE_MAX,
    .write_max = SESSION_WRITE_MAX,
};

/* The first reason counts, as the first error does. */
static void set_reason(struct session *session, const char *format, ...)
{
    va_list arguments;

    if (session->reason[0] != '\0') {
        return;
    }
    va_start(arguments, format);
    vsnprintf(session->reason, sizeof session->reason, format, arguments);
    va_end(arguments);
}

static void describe_end(struct session *session, int error)
{
    if (session->was_up) {
        set_reason(session, "the link ended: %s", error_text(error));
    } else {
        set_reason(session, "the link ended before the peer's %s: %s",
                   session->handshake.peer.protocol == 0 ? "hello" : "proof", error_text(error));
    }
}

static void finish_if_closed(struct session *session)
{
    if (session->conn || session->open_timers > 0) {
        return;
    }
    session->callbacks->on_closed(session->context, session, session->was_up, session->error,
                                  session->reason);
    free(session);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct session *session = handle->data;

    session->open_timers--;
    finish_if_closed(session);
}

static void on_conn_closed(void *context, int error)
{
    struct session *session = context;

    session->state = SESSION_ENDING;
    session->conn = NULL;
    session->error = error;
    describe_end(session, error);
    uv_close((uv_handle_t *)&session->deadline, on_timer_closed);
    uv_close((uv_handle_t *)&session->probe, on_timer_closed);
}

static void stop_work(struct session *session)
{
    session->state = SESSION_ENDING;
    uv_timer_stop(&session->deadline);
    uv_timer_stop(&session->probe);
}

static void end_with_bye(struct session *session, const struct wire_bye *bye, int error)
{
    char *line = NULL;
    size_t len = 0;

    stop_work(session);
    if (wire_bye_to_line(bye, &line, &len) == 0) {
        conn_write(session->conn, line, len);
        free(line);
    }
    conn_close_after_writes(session->conn, error, SESSION_LINGER_MS);
}

/* The connection is to carry an import and nothing else, see session_take. */
static bool is_for_import(const struct session *session)
{
    return session->config->import != NULL || session->handshake.peer.import[0] != '\0';
}

static void on_deadline(uv_timer_t *timer)
{
    static const struct wire_bye no_hello = {.code = "timeout", .message = "no hello came in time"};
    static const struct wire_bye no_proof = {.code = "timeout", .message = "no proof came in time"};
    static const struct wire_bye no_open = {.code = "timeout", .message = "no open came in time"};
    struct session *session = timer->data;
    bool is_greeting = session->state == SESSION_GREETING;

    if (session->state == SESSION_UP) {
        set_reason(session, "the peer did not open the import in time");
        end_with_bye(session, &no_open, ERR_TIMEOUT);
        return;
    }

    set_reason(session, "the peer did not %s in time", is_greeting ? "say hello" : "prove the key");
    end_with_bye(session, is_greeting ? &no_hello : &no_proof, ERR_TIMEOUT);
}

static uint64_t heartbeat_ms(const struct session *session)
{
    unsigned configured = session->config->heartbeat_ms;

    return configured != 0 ? configured : SESSION_HEARTBEAT_MS;
}

static void tell_gap(struct session *session)
{
    if (session->callbacks->on_gap != NULL) {
        session->callbacks->on_gap(session->context, session);
    }
}

/* What the peer said while this program stood still has yet to be read. */
static void forgive_silence(struct session *session, uint64_t now_ms)
{
    session->heard_ms = now_ms;
    tell_gap(session);
}

static void send_heartbeat(struct session *session)
{
    static const char line[] = WIRE_HEARTBEAT "\n";

    conn_write(session->conn, line, sizeof line - 1);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct session *session = timer->data;
    uint64_t now_ms = uv_now(timer->loop);
    uint64_t period_ms = heartbeat_ms(session);

    if (now_ms - session->beat_ms > 3 * period_ms) {
        forgive_silence(session, now_ms);
    }
    session->beat_ms = now_ms;
    if (session->state != SESSION_UP) {
        return;
    }
    if (session->peer_has_heartbeat && now_ms - session->heard_ms > 4 * period_ms) {
        set_reason(session, "the peer has been silent for too long");
        session_close(session, ERR_TIMEOUT);
        return;
    }
    send_heartbeat(session);
}

/* The first one tells the peer at once that this end has a heartbeat. */
static void start_heartbeat(struct session *session)
{
    uint64_t period_ms = heartbeat_ms(session);

    session->heard_ms = uv_now(session->deadline.loop);
    session->beat_ms = session->heard_ms;
    uv_timer_start(&session->deadline, on_heartbeat, period_ms, period_ms);
    send_heartbeat(session);
}

/* The error for a bye that came in place of a hello or proof. */
static int error_from_bye(const struct wire_bye *bye)
{
    if (strcmp(bye->code, "version") == 0) {
        return ERR_VERSION;
    }
    if (strcmp(bye->code, "auth") == 0) {
        return ERR_AUTH;
    }
    return ERR_CLOSED;
}

/* Ends a handshake that failed with `result`; the bye is ours, or with ERR_CLOSED the peer's. */
static void give_up(struct session *session, int result, const struct wire_bye *bye,
                    const char *line)
{
    if (result == ERR_CLOSED) {
        set_reason(session, "the peer refuses the link (%s): %s", bye->code, bye->message);
        session_close(session, error_from_bye(bye));
    } else {
        /* What is no hello may be a program's own words, such as wsl.exe's. */
        set_reason(session, result == ERR_INVALID ? "%s: %.80s" : "%s", bye->message, line);
        end_with_bye(session, bye, result);
    }
}

static void come_up(struct session *session)
{
    if (!is_for_import(session)) {
        conn_set_line_max(session->conn, SESSION_LINE_MAX);
        start_heartbeat(session);
    }
    session->state = SESSION_UP;
    session->was_up = true;
    session->callbacks->on_up(session->context, session, &session->handshake.peer);
}

static void send_proof(struct session *session)
{
    static const struct wire_bye no_key = {
        .code = "auth", .message = "this agent can't read its key; its log says why"};
    char reason[HANDSHAKE_REASON_SIZE] = "";
    char *line = NULL;
    size_t len = 0;
    int result = handshake_proof_line(&session->handshake, &line, &len, reason);

    if (result == ERR_AUTH) {
        set_reason(session, "%s", reason);
        end_with_bye(session, &no_key, ERR_AUTH);
    } else if (result != 0) {
        session_close(session, result);
    } else {
        session->state = SESSION_PROVING;
        conn_write(session->conn, line, len); /* A failure closes, and on_closed says so. */
        free(line);
    }
}

static void take_hello(struct session *session, const char *line, size_t len)
{
    struct wire_bye bye;
    int result = handshake_take_hello(&session->handshake, line, len, &bye);

    if (result != 0) {
        give_up(session, result, &bye, line);
    } else if (session->config->method == WIRE_AUTH_NONE) {
        come_up(session);
    } else {
        send_proof(session);
    }
}

static void take_proof(struct session *session, const char *line, size_t len)
{
    struct wire_bye bye;
    int result = handshake_take_proof(&session->handshake, line, len, &bye);

    if (result != 0) {
        give_up(session, result, &bye, line);
    } else {
        come_up(session);
    }
}

static void end_probe(struct session *session, bool answers)
{
    if (uv_is_active((uv_handle_t *)&session->probe)) {
        uv_timer_stop(&session->probe);
        if (session->callbacks->on_probed != NULL) {
            session->callbacks->on_probed(session->context, session, answers);
        }
    }
}

/* Where this program itself stood still, the answer has yet to be read. */
static void on_probe_due(uv_timer_t *timer)
{
    struct session *session = timer->data;
    uint64_t now_ms = uv_now(timer->loop);

    if (now_ms < session->probe_due_ms + SESSION_PROBE_MS / 2) {
        end_probe(session, false);
    } else {
        session->probe_due_ms = now_ms + SESSION_PROBE_MS;
    }
}

static bool is_line(const char *line, size_t len, const char *wanted)
{
    return len == strlen(wanted) && memcmp(line, wanted, len) == 0;
}

static void take_line(struct session *session, char *line, size_t len)
{
    uint64_t now_ms = uv_now(session->deadline.loop);
    bool is_late =
        session->peer_has_heartbeat && now_ms - session->heard_ms > 2 * heartbeat_ms(session);

    session->heard_ms = now_ms;
    if (is_late) {
        tell_gap(session);
    }
    end_probe(session, true);
    if (is_line(line, len, WIRE_HEARTBEAT)) {
        session->peer_has_heartbeat = true;
    } else if (session->state == SESSION_UP && is_line(line, len, WIRE_PING)) {
        send_heartbeat(session);
    } else if (session->state == SESSION_UP) {
        session->callbacks->on_line(session->context, session, line, len);
    }
}

static void on_conn_line(void *context, char *line, size_t len)
{
    struct session *session = context;

    if (session->state == SESSION_GREETING) {
        take_hello(session, line, len);
    } else if (session->state == SESSION_PROVING) {
        take_proof(session, line, len);
    } else if (session->state == SESSION_UP) {
        take_line(session, line, len);
    }
}

static void on_conn_written(void *context)
{
    struct session *session = context;

    if (session->state == SESSION_UP && session->callbacks->on_written != NULL) {
        session->callbacks->on_written(session->context, session);
    }
}

static void on_conn_taken(void *context, uv_stream_t *stream)
{
    struct session *session = context;

    session->callbacks->on_taken(session->context, session, stream);
}

static const struct conn_callbacks session_conn_callbacks = {
    .on_line = on_conn_line,
    .on_closed = on_conn_closed,
    .on_written = on_conn_written,
    .on_taken = on_conn_taken,
};

int session_create(uv_loop_t *loop, enum conn_kind kind, const struct handshake_config *config,
                   const struct session_callbacks *callbacks, void *context,
                   struct session **session)
{
    struct session *created = calloc(1, sizeof *created);
    int result;

    if (!created) {
        return ERR_NOMEM;
    }
    result =
        conn_create(loop, kind, &session_limits, &session_conn_callbacks, created, &created->conn);
    if (result != 0) {
        free(created);
        return result;
    }
    uv_timer_init(loop, &created->deadline); /* Documented never to fail. */
    uv_timer_init(loop, &created->probe);
    created->open_timers = 2;
    created->deadline.data = created;
    created->probe.data = created;
    created->config = config;
    created->callbacks = callbacks;
    created->context = context;
    *session = created;
    return 0;
}

uv_stream_t *session_stream(struct session *session)
{
    return session->conn != NULL ? conn_stream(session->conn) : NULL;
}

uv_stream_t *session_writer(struct session *session)
{
    return conn_writer(session->conn);
}

static int send_hello(struct session *session)
{
    char *line = NULL;
    size_t len = 0;
    int result = handshake_hello_line(&session->handshake, session->config, &line, &len);

    if (result == 0) {
        result = conn_write(session->conn, line, len);
        free(line);
    }
    return result;
}

int session_start(struct session *session)
{
    unsigned deadline_ms = session->config->deadline_ms;
    int result;

    if (session->state != SESSION_NEW) {
        return ERR_CLOSED;
    }
    session->state = SESSION_GREETING;
    result = conn_start(session->conn);
    if (result == 0) {
        result = send_hello(session);
    }
    if (result != 0) {
        session_close(session, result);
        return result;
    }
    if (deadline_ms == 0) {
        deadline_ms = SESSION_HANDSHAKE_MS;
    }
    uv_timer_start(&session->deadline, on_deadline, deadline_ms, 0);
    return 0;
}

int session_write(struct session *session, const char *line, size_t len)
{
    return session->state == SESSION_UP ? conn_write(session->conn, line, len) : ERR_CLOSED;
}

size_t session_waiting(const struct session *session)
{
    return session->state == SESSION_UP ? conn_waiting(session->conn) : 0;
}

int session_take(struct session *session)
{
    if (session->state != SESSION_UP || !is_for_import(session)) {
        return ERR_CLOSED;
    }
    stop_work(session);
    set_reason(session, "the connection carries an import now");
    return conn_take(session->conn);
}

int session_probe(struct session *session)
{
    static const char line[] = WIRE_PING "\n";

    if (session->state != SESSION_UP) {
        return ERR_CLOSED;
    }
    if (uv_is_active((uv_handle_t *)&session->probe)) {
        return 0;
    }
    session->probe_due_ms = uv_now(session->probe.loop) + SESSION_PROBE_MS;
    uv_timer_start(&session->probe, on_probe_due, SESSION_PROBE_MS, SESSION_PROBE_MS);
    return conn_write(session->conn, line, sizeof line - 1);
}

void session_bye(struct session *session, const char *code, const char *message)
{
    struct wire_bye bye = {0};

    if (session->state == SESSION_ENDING) {
        return;
    }
    snprintf(bye.code, sizeof bye.code, "%s", code);
    snprintf(bye.message, sizeof bye.message, "%s", message);
    set_reason(session, "ended here: %s", bye.message);
    end_with_bye(session, &bye, ERR_CANCELLED);
}

void session_close(struct session *session, int error)
{
    stop_work(session);
    if (session->conn) {
        conn_close(session->conn, error);
    }
}
