/* A session: one conn after a handshake with a deadline, carrying lines both ways. The same on
 * both ends and over every transport. */
#ifndef TTYFERRY_LINK_SESSION_H
#define TTYFERRY_LINK_SESSION_H

#include "shared/link/conn.h"
#include "shared/link/handshake.h"

#define SESSION_HANDSHAKE_MS 5000u
/* A link that is up says something at least so often. A peer that has ever sent a heartbeat, and
 * then is silent for four of them, is gone. */
#define SESSION_HEARTBEAT_MS 2000u
#define SESSION_LINE_MAX (64u * 1024)
/* Until the peer has proven the key, or was taken without. */
#define SESSION_UNPROVEN_LINE_MAX (4u * 1024)
#define SESSION_WRITE_MAX (4u * 1024 * 1024)
/* How long a bye may take to reach the peer before the connection is closed anyway. */
#define SESSION_LINGER_MS 1000u
/* How long a peer may take to answer session_probe. */
#define SESSION_PROBE_MS 1000u

struct session;

struct session_callbacks {
    /* The peer's hello was accepted, and its proof where one is wanted; ours are on their way. */
    void (*on_up)(void *context, struct session *session, const struct wire_hello *peer);
    /* A line after the handshake; valid during the call. */
    void (*on_line)(void *context, struct session *session, char *line, size_t len);
    /* May be NULL. Nothing was heard for more than two heartbeats, or this program itself stood
     * still: the machine at either end may have slept. The link goes on. */
    void (*on_gap)(void *context, struct session *session);
    /* What came of session_probe: a line was heard, or none in time; the session goes on. May be
     * NULL. Does not run if the session ends first. */
    void (*on_probed)(void *context, struct session *session, bool answers);
    /* May be NULL. Something that was queued has been written. */
    void (*on_written)(void *context, struct session *session);
    /* Needed with session_take: the stream is the callee's now (see raw_stream.h). */
    void (*on_taken)(void *context, struct session *session, uv_stream_t *stream);
    /* The last callback, exactly once; the session is freed after it. `was_up` tells whether
     * on_up ran. `reason` is a sentence for the log and the user (what the peer's bye said, what
     * failed); valid during the call. It may hold the peer's words: escape it (the log does).
     * A bye instead of a hello or proof gives ERR_VERSION or ERR_AUTH if that is what the peer
     * says, else ERR_CLOSED. A bye after the handshake is a line like any other. */
    void (*on_closed)(void *context, struct session *session, bool was_up, int error,
                      const char *reason);
};

/* Makes a session with an unconnected conn of `kind`. `config`, `callbacks`, `context` must
 * outlive it. Returns 0 or ours. */
int session_create(uv_loop_t *loop, enum conn_kind kind, const struct handshake_config *config,
                   const struct session_callbacks *callbacks, void *context,
                   struct session **session);

/* The stream inside, to be connected or accepted into by dial and listen; NULL once the connection
 * has ended, which on_closed tells a moment later. */
uv_stream_t *session_stream(struct session *session);

/* The stream that is written, see conn_writer. */
uv_stream_t *session_writer(struct session *session);

/* The stream is connected: sends hello and starts the deadline. Returns 0 or ours; on failure the
 * session is closing and on_closed follows. */
int session_start(struct session *session);

/* Sends a line that ends with LF. As conn_write. */
int session_write(struct session *session, const char *line, size_t len);

/* How many bytes wait to be written. */
size_t session_waiting(const struct session *session);

/* Gives the stream of a session for an import away, as conn_take does. Such a session has no
 * heartbeat, and the handshake's deadline holds until then: so nothing is under way that is not
 * the import's. Returns as conn_take. */
int session_take(struct session *session);

/* Asks the peer for a sign of life; on_probed follows. Nothing while an earlier one is under way.
 * Returns 0; ERR_CLOSED, also before the handshake is done; or as conn_write. */
int session_probe(struct session *session);

/* Says bye (code and message for the peer) and closes with ERR_CANCELLED once the peer has closed
 * too, at most SESSION_LINGER_MS later. No line is handed on any more. Idempotent. */
void session_bye(struct session *session, const char *code, const char *message);

/* Closes at once. Idempotent. */
void session_close(struct session *session, int error);

#endif
