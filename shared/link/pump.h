/* Moves raw bytes between two streams, both ways, until both have ended. What one side does not
 * take is not read from the other: no more than PUMP_BUFFER_SIZE bytes wait each way. */
#ifndef TTYFERRY_LINK_PUMP_H
#define TTYFERRY_LINK_PUMP_H

#include <uv.h>

#define PUMP_BUFFER_SIZE (64u * 1024)
/* How long nothing may move after one side has ended: then the other is closed too. */
#define PUMP_LINGER_MS 5000u

struct pump;

/* The last callback: ERR_CLOSED for an orderly end of both sides, ERR_TIMEOUT for one side's that
 * the other did not follow, what pump_close was given, or what failed. The pump is freed after it.
 */
typedef void (*pump_closed_fn)(void *context, int error);

/* Starts. `left` and `right` are connected and come from raw_stream_create; they are the pump's
 * from here on, whatever is returned. Returns 0, and then `on_closed` runs once, never from inside
 * this call; or ERR_NOMEM, and then both are being closed. */
int pump_open(uv_loop_t *loop, uv_stream_t *left, uv_stream_t *right, pump_closed_fn on_closed,
              void *context, struct pump **pump);

/* Closes both at once. Idempotent; on_closed never runs inside this call. */
void pump_close(struct pump *pump, int error);

#endif
