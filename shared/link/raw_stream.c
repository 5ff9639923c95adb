#include "shared/link/raw_stream.h"

#include <stddef.h>
#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/link/link_error.h"

struct raw_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv; /* first, so that the stream's address is this one's */
    void (*on_closed)(void *context);
    void *context;
};

int raw_stream_create(uv_loop_t *loop, bool is_pipe, uv_stream_t **stream)
{
    struct raw_stream *created = calloc(1, sizeof *created);
    int status;

    if (created == NULL) {
        return ERR_NOMEM;
    }
    if (is_pipe) {
        status = uv_pipe_init(loop, &created->uv.pipe, 0);
    } else {
        status = uv_tcp_init(loop, &created->uv.tcp);
    }
    if (status < 0) {
        free(created);
        return link_error_from_uv(status);
    }
    *stream = &created->uv.stream;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct raw_stream *raw = (struct raw_stream *)handle;

    if (raw->on_closed != NULL) {
        raw->on_closed(raw->context);
    }
    free(raw);
}

void raw_stream_close(uv_stream_t *stream, void (*on_closed)(void *context), void *context)
{
    struct raw_stream *raw = (struct raw_stream *)stream;

    raw->on_closed = on_closed;
    raw->context = context;
    uv_close(&raw->uv.handle, on_handle_closed);
}
