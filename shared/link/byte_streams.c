#include "shared/link/byte_streams.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"
#include "shared/link/raw_stream.h"

/* Credit is given in pieces of this size: then a sender is never short of it while its bytes flow,
 * and few lines are needed. */
#define CREDIT_STEP (WIRE_IMPORT_WINDOW / 4)
#define REASON_SIZE (WIRE_CODE_SIZE + WIRE_TEXT_SIZE + 64)

_Static_assert(WIRE_IMPORT_BASE64_SIZE ==
                   sodium_base64_ENCODED_LEN(WIRE_IMPORT_BYTES_MAX, sodium_base64_VARIANT_ORIGINAL),
               "what a data line holds");

struct byte_stream {
    struct byte_streams *streams;
    char import[WIRE_IMPORT_SIZE];
    uv_stream_t *socket;
    size_t send_window;  /* what may still be sent */
    size_t take_window;  /* what the peer may still send */
    size_t uncredited;   /* taken by the socket, and the peer has not been told */
    size_t held_len;     /* bytes in `held` that wait for their turn; nothing is read meanwhile */
    bool has_ended;      /* nothing more comes from the socket, and the peer has been told */
    bool peer_has_ended; /* nothing more comes from the peer */
    bool is_shut;        /* and the socket has been told */
    bool is_stale;       /* nothing has moved since the timer last looked */
    uv_shutdown_t shutdown;
    char held[WIRE_IMPORT_BYTES_MAX];
};

struct byte_streams {
    const struct byte_streams_callbacks *callbacks;
    void *context;
    struct byte_stream *items[BYTE_STREAMS_MAX];
    size_t count;
    size_t turn; /* whose it is */
    uv_timer_t linger;
    unsigned open_handles;      /* the timer, and the sockets */
    struct wire_import message; /* to be sent; too large for the stack */
};

struct write_request {
    uv_write_t uv;
    struct byte_stream *stream;
    size_t len;
    char bytes[];
};

static void release(struct byte_streams *streams)
{
    if (--streams->open_handles == 0) {
        free(streams);
    }
}

static void on_socket_closed(void *context)
{
    struct byte_stream *stream = context;

    release(stream->streams);
    free(stream);
}

/* Takes the stream out of the list and closes its socket. */
static void forget(struct byte_stream *stream)
{
    struct byte_streams *streams = stream->streams;
    size_t i = 0;

    while (streams->items[i] != stream) {
        i++;
    }
    streams->items[i] = streams->items[--streams->count];
    if (streams->turn >= streams->count) {
        streams->turn = 0;
    }
    raw_stream_close(stream->socket, on_socket_closed, stream);
    if (streams->count == 0) {
        uv_timer_stop(&streams->linger);
    }
}

/* --- What is told the peer -------------------------------------------------------------------- */

static void send_message(struct byte_streams *streams)
{
    char *line;
    size_t len;

    /* Without memory for a line the link can't be kept in step; the peer's window then stands. */
    if (wire_import_to_line(&streams->message, &line, &len) == 0) {
        streams->callbacks->send(streams->context, line, len);
        free(line);
    }
}

static struct wire_import *begin_message(struct byte_stream *stream, enum wire_import_type type)
{
    struct wire_import *message = &stream->streams->message;

    message->type = type;
    text_copy(message->import, sizeof message->import, stream->import);
    return message;
}

static void send_credit(struct byte_stream *stream)
{
    begin_message(stream, WIRE_IMPORT_CREDIT)->credit = (int64_t)stream->uncredited;
    stream->take_window += stream->uncredited;
    stream->uncredited = 0;
    send_message(stream->streams);
}

static void send_data(struct byte_stream *stream)
{
    struct wire_import *message = begin_message(stream, WIRE_IMPORT_DATA);

    sodium_bin2base64(message->bytes, sizeof message->bytes, (const unsigned char *)stream->held,
                      stream->held_len, sodium_base64_VARIANT_ORIGINAL);
    stream->send_window -= stream->held_len;
    stream->held_len = 0;
    send_message(stream->streams);
}

static void send_end(struct byte_stream *stream, const char *code, const char *text)
{
    struct wire_import *message = begin_message(stream, WIRE_IMPORT_END);

    text_copy(message->code, sizeof message->code, code);
    text_copy(message->message, sizeof message->message, text);
    send_message(stream->streams);
}

/* --- Ends ------------------------------------------------------------------------------------- */

static void tell_ended(struct byte_streams *streams, const char *import, const char *reason)
{
    if (streams->callbacks->on_ended != NULL) {
        streams->callbacks->on_ended(streams->context, import, reason);
    }
}

static void end(struct byte_stream *stream, const char *reason)
{
    struct byte_streams *streams = stream->streams;
    char import[WIRE_IMPORT_SIZE];

    text_copy(import, sizeof import, stream->import);
    forget(stream);
    tell_ended(streams, import, reason);
}

static void abort_stream(struct byte_stream *stream, const char *code, const char *reason)
{
    send_end(stream, code, reason);
    end(stream, reason);
}

static void on_linger(uv_timer_t *timer)
{
    struct byte_streams *streams = timer->data;

    for (size_t i = streams->count; i > 0; i--) {
        struct byte_stream *stream = streams->items[i - 1];
        bool is_half = stream->has_ended || stream->peer_has_ended;

        if (is_half && stream->is_stale) {
            abort_stream(stream, "timeout", "one side has ended and the other does not follow");
        } else {
            stream->is_stale = is_half;
        }
    }
}

static void end_if_both_have(struct byte_stream *stream)
{
    uv_timer_t *linger = &stream->streams->linger;

    if (stream->has_ended && stream->is_shut) {
        end(stream, NULL);
    } else if (!uv_is_active((uv_handle_t *)linger)) {
        uv_timer_start(linger, on_linger, BYTE_STREAMS_LINGER_MS, BYTE_STREAMS_LINGER_MS);
    }
}

static void fail(struct byte_stream *stream, int uv_status)
{
    abort_stream(stream, "closed", error_text(link_error_from_uv(uv_status)));
}

/* --- From the socket to the peer -------------------------------------------------------------- */

static void read_on(struct byte_stream *stream);

void byte_streams_flush(struct byte_streams *streams)
{
    size_t idle = 0;

    while (idle < streams->count &&
           streams->callbacks->waiting(streams->context) < BYTE_STREAMS_WAITING_MAX) {
        struct byte_stream *stream = streams->items[streams->turn];

        streams->turn = (streams->turn + 1) % streams->count;
        idle++;
        if (stream->held_len > 0) {
            idle = 0;
            send_data(stream);
            read_on(stream);
        }
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    struct byte_stream *stream = handle->data;
    size_t size =
        stream->send_window < sizeof stream->held ? stream->send_window : sizeof stream->held;

    (void)suggested_size;
    *buffer = uv_buf_init(stream->held, (unsigned)size);
}

static void on_read(uv_stream_t *socket, ssize_t count, const uv_buf_t *buffer)
{
    struct byte_stream *stream = socket->data;

    (void)buffer;
    if (count == 0 || uv_is_closing((uv_handle_t *)socket)) {
        return;
    }
    uv_read_stop(socket);
    if (count == UV_EOF) {
        stream->has_ended = true;
        send_end(stream, "", "");
        end_if_both_have(stream);
    } else if (count < 0) {
        fail(stream, (int)count);
    } else {
        stream->is_stale = false;
        stream->held_len = (size_t)count;
        byte_streams_flush(stream->streams);
    }
}

/* Not while there is no window: then the bytes wait where they come from. */
static void read_on(struct byte_stream *stream)
{
    int status;

    if (stream->held_len > 0 || stream->send_window == 0 || stream->has_ended ||
        uv_is_closing((uv_handle_t *)stream->socket)) {
        return;
    }
    status = uv_read_start(stream->socket, on_alloc, on_read);
    if (status < 0 && status != UV_EALREADY) {
        fail(stream, status);
    }
}

/* --- From the peer to the socket -------------------------------------------------------------- */

static void on_written(uv_write_t *uv, int status)
{
    struct write_request *request = uv->data;
    struct byte_stream *stream = request->stream;
    size_t len = request->len;

    free(request);
    if (uv_is_closing((uv_handle_t *)stream->socket)) {
        return;
    }
    if (status < 0) {
        fail(stream, status);
        return;
    }
    stream->is_stale = false;
    stream->uncredited += len;
    if (stream->uncredited >= CREDIT_STEP) {
        send_credit(stream);
    }
}

static void write_to_socket(struct byte_stream *stream, struct write_request *request)
{
    uv_buf_t buffer = uv_buf_init(request->bytes, (unsigned)request->len);
    int status;

    request->uv.data = request;
    request->stream = stream;
    status = uv_write(&request->uv, stream->socket, &buffer, 1, on_written);
    if (status < 0) {
        free(request);
        fail(stream, status);
    }
}

static int take_data(struct byte_stream *stream, const char *base64)
{
    size_t base64_len = strlen(base64);
    size_t room = base64_len / 4 * 3 + 3;
    struct write_request *request = malloc(sizeof *request + room);

    if (request == NULL) {
        abort_stream(stream, "internal", "no memory");
        return 0;
    }
    if (sodium_base642bin((unsigned char *)request->bytes, room, base64, base64_len, NULL,
                          &request->len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        free(request);
        return ERR_INVALID;
    }
    if (request->len > stream->take_window || stream->peer_has_ended) {
        free(request);
        abort_stream(stream, "window", "the peer sent more than it may");
        return 0;
    }
    stream->take_window -= request->len;
    write_to_socket(stream, request);
    return 0;
}

static void take_credit(struct byte_stream *stream, size_t credit)
{
    if (credit > WIRE_IMPORT_WINDOW - stream->send_window) {
        abort_stream(stream, "window", "the peer gave back more than it was sent");
        return;
    }
    stream->is_stale = false;
    stream->send_window += credit;
    read_on(stream);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct byte_stream *stream = request->data;

    if (uv_is_closing((uv_handle_t *)stream->socket)) {
        return;
    }
    if (status < 0) {
        fail(stream, status);
    } else {
        stream->is_shut = true;
        end_if_both_have(stream);
    }
}

static void take_end(struct byte_stream *stream, const struct wire_import *message)
{
    char reason[REASON_SIZE];
    int status;

    if (message->code[0] != '\0') {
        snprintf(reason, sizeof reason, "the peer ends it (%s): %s", message->code,
                 message->message);
        end(stream, reason);
        return;
    }
    if (stream->peer_has_ended) {
        return;
    }
    stream->peer_has_ended = true;
    stream->shutdown.data = stream;
    status = uv_shutdown(&stream->shutdown, stream->socket, on_shutdown);
    if (status < 0) {
        fail(stream, status);
    }
}

static struct byte_stream *find(struct byte_streams *streams, const char *import)
{
    for (size_t i = 0; i < streams->count; i++) {
        if (strcmp(streams->items[i]->import, import) == 0) {
            return streams->items[i];
        }
    }
    return NULL;
}

int byte_streams_take(struct byte_streams *streams, const struct wire_import *message)
{
    struct byte_stream *stream = find(streams, message->import);

    if (stream == NULL) {
        return 0; /* What was under way when it ended. */
    }
    switch (message->type) {
    case WIRE_IMPORT_DATA:
        return take_data(stream, message->bytes);
    case WIRE_IMPORT_CREDIT:
        take_credit(stream, (size_t)message->credit);
        return 0;
    case WIRE_IMPORT_END:
        take_end(stream, message);
        return 0;
    default:
        return ERR_INVALID;
    }
}

/* --- Begin and end ---------------------------------------------------------------------------- */

int byte_streams_open(uv_loop_t *loop, const struct byte_streams_callbacks *callbacks,
                      void *context, struct byte_streams **streams)
{
    struct byte_streams *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->callbacks = callbacks;
    opened->context = context;
    uv_timer_init(loop, &opened->linger); /* Documented never to fail. */
    opened->linger.data = opened;
    opened->open_handles = 1;
    *streams = opened;
    return 0;
}

int byte_streams_add(struct byte_streams *streams, const char *import, uv_stream_t *socket)
{
    struct byte_stream *stream = NULL;
    int err = ERR_NOMEM;

    if (find(streams, import) != NULL) {
        err = ERR_EXISTS;
    } else if (streams->count == BYTE_STREAMS_MAX) {
        err = ERR_FULL;
    } else {
        stream = calloc(1, sizeof *stream);
    }
    if (stream == NULL) {
        raw_stream_close(socket, NULL, NULL);
        return err;
    }
    stream->streams = streams;
    text_copy(stream->import, sizeof stream->import, import);
    stream->socket = socket;
    stream->send_window = WIRE_IMPORT_WINDOW;
    stream->take_window = WIRE_IMPORT_WINDOW;
    socket->data = stream;
    streams->items[streams->count++] = stream;
    streams->open_handles++;
    err = link_error_from_uv(uv_read_start(socket, on_alloc, on_read));
    if (err != 0) {
        forget(stream);
    }
    return err;
}

size_t byte_streams_count(const struct byte_streams *streams)
{
    return streams->count;
}

void byte_streams_drop(struct byte_streams *streams)
{
    while (streams->count > 0) {
        forget(streams->items[streams->count - 1]);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void byte_streams_close(struct byte_streams *streams)
{
    byte_streams_drop(streams);
    uv_close((uv_handle_t *)&streams->linger, on_timer_closed);
}
