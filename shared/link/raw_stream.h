/* A stream of libuv on the heap, so that it can change hands: from what has connected it to what
 * moves its bytes. Whoever has it sets the handle's `data`. */
#ifndef TTYFERRY_LINK_RAW_STREAM_H
#define TTYFERRY_LINK_RAW_STREAM_H

#include <stdbool.h>
#include <uv.h>

/* Makes a stream that is not yet connected: of TCP, or a pipe. Returns 0, ERR_NOMEM or a libuv
 * error as ours; `*stream` is the caller's until raw_stream_close. */
int raw_stream_create(uv_loop_t *loop, bool is_pipe, uv_stream_t **stream);

/* Closes and frees. `on_closed` (may be NULL) runs once, on the loop, after every request on the
 * stream has been told its end. */
void raw_stream_close(uv_stream_t *stream, void (*on_closed)(void *context), void *context);

#endif
