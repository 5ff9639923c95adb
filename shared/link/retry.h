/* What dial and bridge have in common: one session, which after every end is tried again with
 * backoff. How a try is connected, and what it leaves behind, is the transport's. */
#ifndef TTYFERRY_LINK_RETRY_H
#define TTYFERRY_LINK_RETRY_H

#include "shared/core/backoff.h"
#include "shared/link/session.h"

#define RETRY_REASON_SIZE 1024

struct retry;

struct retry_transport {
    enum conn_kind kind;
    unsigned connect_ms; /* how long the connecting of one try may take */
    /* Begins to connect the session, whose streams are initialised. Returns 0, and then
     * retry_connected follows (it may come from inside this call); or an error, and then the try
     * has failed. */
    int (*connect)(void *owner, struct session *session);
    /* NULL: there is nothing to do between two tries. The session has closed: removes what the try
     * left behind and calls retry_cleaned_up (it may do so from inside this call). */
    void (*clean_up)(void *owner);
    /* Everything has ended; frees the owner, and `retry` with it. */
    void (*release)(void *owner);
};

/* Part of a dial or a bridge, its owner; the fields are retry.c's own. */
struct retry {
    uv_loop_t *loop;
    const struct retry_transport *transport;
    void *owner;
    const struct handshake_config *config;
    const struct session_callbacks *callbacks;
    void *context;
    struct backoff backoff;
    struct session *session; /* from the try on until it has closed */
    bool connected;
    bool up;
    bool cleaning; /* between a session's end and retry_cleaned_up */
    bool kicked;   /* meanwhile */
    bool deferred;
    bool untold; /* that end is told when all is known about it */
    int error;
    char reason[RETRY_REASON_SIZE];
    uv_timer_t timer; /* bounds the connecting, then the wait for the next try */
    bool closing;
    void (*on_closed)(void *context);
};

/* Fills in everything but `backoff`, which the owner sets; retry_start then makes the first try. */
void retry_init(struct retry *retry, uv_loop_t *loop, const struct retry_transport *transport,
                void *owner, const struct handshake_config *config,
                const struct session_callbacks *callbacks, void *context);
void retry_start(struct retry *retry);

/* The transport's answers. `detail` is what is known beyond the session's reason, or empty: it
 * stands in parentheses behind it, or in its place if the try never was connected. */
void retry_connected(struct retry *retry, int error);
void retry_cleaned_up(struct retry *retry, const char *detail);

/* See dial_kick, dial_defer, dial_close. */
void retry_kick(struct retry *retry);
void retry_defer(struct retry *retry);
void retry_close(struct retry *retry, void (*on_closed)(void *context));

#endif
