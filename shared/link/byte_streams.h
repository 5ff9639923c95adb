/* Streams of bytes over the lines of one link, each with a socket at its end. Both ends of the link
 * use it alike.
 *
 * A stream has a window each way: what is under way never exceeds it, and credit comes back when
 * the far socket has taken the bytes. So a stream whose reader is stuck keeps nothing but its own
 * window of memory and holds up no other. Streams take turns, and nothing is read from their
 * sockets while more than BYTE_STREAMS_WAITING_MAX bytes wait on the link: what is said beside them
 * is never far behind. */
#ifndef TTYFERRY_LINK_BYTE_STREAMS_H
#define TTYFERRY_LINK_BYTE_STREAMS_H

#include <stddef.h>
#include <uv.h>

#include "shared/core/wire_import.h"

#define BYTE_STREAMS_MAX 64
#define BYTE_STREAMS_WAITING_MAX (128u * 1024)
/* How long nothing may move on a stream after one side has ended. */
#define BYTE_STREAMS_LINGER_MS 5000u

struct byte_streams;

struct byte_streams_callbacks {
    /* Puts a line on the link; one that can't take it ends, and byte_streams_drop follows. */
    void (*send)(void *context, const char *line, size_t len);
    /* How many bytes wait on the link to be written. */
    size_t (*waiting)(void *context);
    /* May be NULL. That stream is over and forgotten; `reason` is a sentence for the log that may
     * hold the peer's words, or NULL for an orderly end. Not for what byte_streams_drop ends. */
    void (*on_ended)(void *context, const char *import, const char *reason);
};

/* `callbacks` and `context` must outlive it. Returns 0 or ERR_NOMEM; `*streams` is the caller's
 * until byte_streams_close. */
int byte_streams_open(uv_loop_t *loop, const struct byte_streams_callbacks *callbacks,
                      void *context, struct byte_streams **streams);

/* Begins a stream. `socket` is connected and comes from raw_stream_create; it is the streams' from
 * here on, whatever is returned. Returns 0; ERR_EXISTS for a name that has a stream, ERR_FULL,
 * ERR_NOMEM, or what the socket failed with, and then it is being closed. */
int byte_streams_add(struct byte_streams *streams, const char *import, uv_stream_t *socket);

/* Takes in WIRE_IMPORT_DATA, _CREDIT or _END; about a stream that is over it does nothing. A peer
 * that sends more than its window has its stream ended. Returns 0, or ERR_INVALID for bytes that
 * are no base64: a peer that sends these makes no sense. */
int byte_streams_take(struct byte_streams *streams, const struct wire_import *message);

/* The link has written something: goes on with what waits for its turn. */
void byte_streams_flush(struct byte_streams *streams);

/* How many there are. */
size_t byte_streams_count(const struct byte_streams *streams);

/* The link has ended, and every stream with it; new ones may be added for the next link. */
void byte_streams_drop(struct byte_streams *streams);

/* No callback runs any more. Memory is released on the loop. */
void byte_streams_close(struct byte_streams *streams);

#endif
