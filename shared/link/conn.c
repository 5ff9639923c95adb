#include "shared/link/conn.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/line_reader.h"
#include "shared/link/link_error.h"
#include "shared/link/raw_stream.h"

#define CONN_READ_SIZE (16u * 1024)

enum conn_state {
    CONN_OPEN,
    CONN_LINGERING, /* no line is handed on any more; what is queued still goes out */
    CONN_TAKING,    /* what is queued goes out, then the stream is another's */
    CONN_CLOSING,   /* handles are being closed */
};

struct conn {
    uv_stream_t *stream; /* on the heap, for it can be taken from here */
    uv_pipe_t out;       /* of CONN_PIPES */
    uv_stream_t *writer;
    uv_timer_t linger;
    unsigned open_handles;
    enum conn_kind kind;
    enum conn_state state;
    int error;
    uv_shutdown_t shutdown;
    size_t thrown_len; /* bytes that came while lingering */
    size_t writes;
    struct conn_limits limits;
    const struct conn_callbacks *callbacks;
    void *context;
    struct line_reader reader;
    char read_buffer[CONN_READ_SIZE];
};

struct write_request {
    uv_write_t uv;
    char bytes[];
};

static int init_streams(uv_loop_t *loop, enum conn_kind kind, struct conn *conn)
{
    int error = raw_stream_create(loop, kind != CONN_TCP, &conn->stream);

    if (error)
        return error;
    conn->stream->data = conn;
    conn->writer = conn->stream;
    conn->open_handles = 1;
    if (kind == CONN_PIPES) {
        (void)uv_pipe_init(loop, &conn->out, 0); /* Cannot fail without ipc. */
        conn->out.data = conn;
        conn->writer = (uv_stream_t *)&conn->out;
        conn->open_handles++;
    }
    return 0;
}

int conn_create(uv_loop_t *loop, enum conn_kind kind, const struct conn_limits *limits,
                const struct conn_callbacks *callbacks, void *context, struct conn **conn)
{
    struct conn *created = calloc(1, sizeof *created);
    int result;

    if (!created)
        return ERR_NOMEM;
    result = init_streams(loop, kind, created);
    if (result != 0) {
        free(created);
        return result;
    }
    uv_timer_init(loop, &created->linger); /* Documented never to fail. */
    created->open_handles++;
    created->linger.data = created;
    created->kind = kind;
    created->limits = *limits;
    created->callbacks = callbacks;
    created->context = context;
    line_reader_init(&created->reader, limits->line_max);
    *conn = created;
    return 0;
}

void conn_set_line_max(struct conn *conn, size_t line_max)
{
    line_reader_set_limit(&conn->reader, line_max);
}

uv_stream_t *conn_stream(struct conn *conn)
{
    return conn->stream;
}

uv_stream_t *conn_writer(struct conn *conn)
{
    return conn->writer;
}

static void release(void *context)
{
    struct conn *conn = context;

    if (--conn->open_handles > 0)
        return;
    line_reader_finish(&conn->reader);
    conn->callbacks->on_closed(conn->context, conn->error);
    free(conn);
}

static void on_handle_closed(uv_handle_t *handle)
{
    release(handle->data);
}

/* A pipe can't be shut down, and what its reader is to see is its end. */
static void close_writer(struct conn *conn)
{
    if (conn->kind == CONN_PIPES && !uv_is_closing((uv_handle_t *)conn->writer))
        uv_close((uv_handle_t *)conn->writer, on_handle_closed);
}

void conn_close(struct conn *conn, int error)
{
    if (conn->state == CONN_CLOSING)
        return;
    if (conn->state == CONN_OPEN)
        conn->error = error;
    conn->state = CONN_CLOSING;
    raw_stream_close(conn->stream, release, conn);
    close_writer(conn);
    uv_close((uv_handle_t *)&conn->linger, on_handle_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    struct conn *conn = handle->data;

    (void)suggested_size;
    *buffer = uv_buf_init(conn->read_buffer, sizeof conn->read_buffer);
}

static int on_reader_line(void *context, char *line, size_t len)
{
    struct conn *conn = context;

    conn->callbacks->on_line(conn->context, line, len);
    /* The callback may have closed the conn: what follows in the buffer is not for it then. */
    return conn->state == CONN_OPEN ? 0 : ERR_CANCELLED;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct conn *conn = stream->data;
    int error;

    if (conn->state == CONN_CLOSING || count == 0)
        return;
    if (count < 0) {
        bool half_a_line = count == UV_EOF && line_reader_pending(&conn->reader) > 0;

        conn_close(conn, half_a_line ? ERR_INVALID : link_error_from_uv((int)count));
        return;
    }
    if (conn->state == CONN_LINGERING) {
        conn->thrown_len += (size_t)count;
        if (conn->thrown_len > CONN_LINGER_MAX)
            conn_close(conn, conn->error);
        return;
    }
    if (!conn->callbacks->on_line)
        return;
    error = line_reader_feed(&conn->reader, buffer->base, (size_t)count, on_reader_line, conn);
    if (error && conn->state == CONN_OPEN)
        conn_close(conn, error);
}

int conn_start(struct conn *conn)
{
    int status = 0;

    if (conn->state != CONN_OPEN)
        return ERR_CLOSED;
    if (conn->kind == CONN_TCP)
        status = uv_tcp_nodelay((uv_tcp_t *)conn->stream, 1);
    if (status >= 0)
        status = uv_read_start(conn->stream, on_alloc, on_read);
    return link_error_from_uv(status);
}

static void hand_over(struct conn *conn)
{
    uv_stream_t *stream = conn->stream;

    conn->stream = NULL;
    conn->state = CONN_CLOSING;
    conn->open_handles--;
    uv_close((uv_handle_t *)&conn->linger, on_handle_closed);
    conn->callbacks->on_taken(conn->context, stream);
}

static void on_written(uv_write_t *request, int status)
{
    struct conn *conn = request->handle->data;

    free(request);
    conn->writes--;
    if (status < 0)
        conn_close(conn, link_error_from_uv(status));
    else if (conn->state == CONN_TAKING && conn->writes == 0)
        hand_over(conn);
    else if (conn->state == CONN_OPEN && conn->callbacks->on_written)
        conn->callbacks->on_written(conn->context);
}

static int queue_write(struct conn *conn, const char *bytes, size_t len)
{
    size_t waiting = uv_stream_get_write_queue_size(conn->writer);
    struct write_request *request;
    uv_buf_t buffer;
    int status;

    if (len > conn->limits.write_max || waiting > conn->limits.write_max - len)
        return ERR_FULL;
    if (len > UINT32_MAX) /* uv_buf_t's length on Windows. */
        return ERR_TOO_LONG;
    request = malloc(sizeof *request + len);
    if (!request)
        return ERR_NOMEM;
    memcpy(request->bytes, bytes, len);
    buffer = uv_buf_init(request->bytes, (unsigned)len);
    status = uv_write(&request->uv, conn->writer, &buffer, 1, on_written);
    if (status < 0)
        free(request);
    else
        conn->writes++;
    return link_error_from_uv(status);
}

size_t conn_waiting(const struct conn *conn)
{
    return uv_stream_get_write_queue_size(conn->writer);
}

int conn_take(struct conn *conn)
{
    if (conn->state != CONN_OPEN)
        return ERR_CLOSED;
    if (conn->kind == CONN_PIPES)
        return ERR_UNSUPPORTED;
    uv_read_stop(conn->stream);
    conn->state = CONN_TAKING;
    conn->error = ERR_CANCELLED;
    if (conn->writes == 0)
        hand_over(conn);
    return 0;
}

int conn_write(struct conn *conn, const char *bytes, size_t len)
{
    int result;

    if (conn->state != CONN_OPEN)
        return ERR_CLOSED;
    result = queue_write(conn, bytes, len);
    if (result)
        conn_close(conn, result);
    return result;
}

static void on_linger_timeout(uv_timer_t *timer)
{
    conn_close(timer->data, ERR_TIMEOUT);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct conn *conn = request->handle->data;

    if (conn->kind == CONN_PIPES)
        close_writer(conn);
    else if (status < 0)
        conn_close(conn, link_error_from_uv(status));
}

void conn_close_after_writes(struct conn *conn, int error, unsigned timeout_ms)
{
    if (conn->state != CONN_OPEN)
        return;
    /* Closing with unread bytes would reset the connection, and the peer, on its next write, could
     * lose our last line. So only our side is shut down, and what comes is thrown away until the
     * peer has closed too. */
    if (uv_shutdown(&conn->shutdown, conn->writer, on_shutdown) < 0) {
        conn_close(conn, error);
        return;
    }
    conn->error = error;
    conn->state = CONN_LINGERING;
    uv_timer_start(&conn->linger, on_linger_timeout, timeout_ms, 0);
}
