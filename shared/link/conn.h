/* A connection of lines over TCP, a pipe (Unix socket, Windows named pipe), or two pipes (stdio).
 *
 * Lines in, with a limit; bytes out, with a bound on what waits to be written; one close. Every
 * conn ends with exactly one on_closed, and its memory is released right after it. */
#ifndef TTYFERRY_LINK_CONN_H
#define TTYFERRY_LINK_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct conn;

struct conn_callbacks {
    /* A whole line, terminated, LF cut off; valid during the call. NULL: what the peer sends is
     * read and thrown away. */
    void (*on_line)(void *context, char *line, size_t len);
    /* The last callback. `error` is why: ERR_CLOSED for the peer's orderly end (ERR_INVALID if it
     * left half a line), ERR_TOO_LONG for a line over the limit, ERR_FULL for a peer that does not
     * read, ERR_CANCELLED or what conn_close was given, and so on. The conn is freed after it. */
    void (*on_closed)(void *context, int error);
    /* May be NULL. Something that was queued has been written. */
    void (*on_written)(void *context);
    /* Needed with conn_take: the stream is the callee's now (see raw_stream.h). */
    void (*on_taken)(void *context, uv_stream_t *stream);
};

struct conn_limits {
    size_t line_max;  /* bytes in one incoming line */
    size_t write_max; /* bytes waiting to be written; one more closes with ERR_FULL */
};

/* What a peer that has been told to go may still send. */
#define CONN_LINGER_MAX (256u * 1024)

enum conn_kind {
    CONN_TCP,
    CONN_PIPE,
    CONN_PIPES, /* one to read and one to write: a child's stdout and stdin, or our own two */
};

/* Makes a conn that is not yet connected. The callbacks and `context` must outlive it. Returns 0,
 * ERR_NOMEM or a libuv error as ours; `*conn` then lives until its on_closed. */
int conn_create(uv_loop_t *loop, enum conn_kind kind, const struct conn_limits *limits,
                const struct conn_callbacks *callbacks, void *context, struct conn **conn);

/* The stream inside, for uv_accept, uv_tcp_connect, uv_pipe_open; of CONN_PIPES the one that is
 * read. The conn owns it. */
uv_stream_t *conn_stream(struct conn *conn);

/* The stream that is written: the same, but for CONN_PIPES. The conn owns it. */
uv_stream_t *conn_writer(struct conn *conn);
/* Another limit for incoming lines, from the next one on; may be called in on_line. */
void conn_set_line_max(struct conn *conn, size_t line_max);

/* Starts reading once the stream is connected; on TCP sets TCP_NODELAY. Returns 0 or ours. */
int conn_start(struct conn *conn);

/* Queues a copy of the bytes. Returns 0; ERR_FULL, ERR_CLOSED or ERR_NOMEM, and then the conn is
 * closing and on_closed follows (never from inside this call). */
int conn_write(struct conn *conn, const char *bytes, size_t len);

/* How many bytes wait to be written. */
size_t conn_waiting(const struct conn *conn);

/* Gives the stream away: no line is handed on any more, and when all that is queued has been
 * written, which may be inside this call, on_taken runs and then, later, on_closed with
 * ERR_CANCELLED. What has been read of a next line is lost: the peer must not have sent any.
 * Returns 0; ERR_CLOSED; ERR_UNSUPPORTED for two pipes. */
int conn_take(struct conn *conn);

/* Closes at once, dropping what waits to be written. Idempotent; the first call's error counts.
 * on_closed never runs inside this call. */
void conn_close(struct conn *conn, int error);

/* Closes after what is queued has been written (at most `timeout_ms`). What still comes is thrown
 * away, at most CONN_LINGER_MAX bytes of it. */
void conn_close_after_writes(struct conn *conn, int error, unsigned timeout_ms);

#endif
