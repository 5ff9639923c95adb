#include "shared/link/pump.h"

#include <stdbool.h>
#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/link/link_error.h"
#include "shared/link/raw_stream.h"

/* One way: what is read from `from` goes to `to`. */
struct flow {
    struct pump *pump;
    uv_stream_t *from;
    uv_stream_t *to;
    bool has_ended; /* and `to` has been told */
    uv_write_t write;
    uv_shutdown_t shutdown;
    char buffer[PUMP_BUFFER_SIZE];
};

struct pump {
    struct flow flows[2];
    uv_timer_t linger;
    unsigned open_handles;
    bool closing;
    int error;
    pump_closed_fn on_closed;
    void *context;
};

static void on_one_closed(void *context)
{
    struct pump *pump = context;

    if (--pump->open_handles == 0) {
        pump->on_closed(pump->context, pump->error);
        free(pump);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_one_closed(handle->data);
}

void pump_close(struct pump *pump, int error)
{
    if (pump->closing) {
        return;
    }
    pump->closing = true;
    pump->error = error;
    raw_stream_close(pump->flows[0].from, on_one_closed, pump);
    raw_stream_close(pump->flows[1].from, on_one_closed, pump);
    uv_close((uv_handle_t *)&pump->linger, on_timer_closed);
}

static void on_linger(uv_timer_t *timer)
{
    pump_close(timer->data, ERR_TIMEOUT);
}

/* Something moved: once one side has ended, the other has its time anew. */
static void restart_linger(struct pump *pump)
{
    if (pump->flows[0].has_ended || pump->flows[1].has_ended) {
        uv_timer_start(&pump->linger, on_linger, PUMP_LINGER_MS, 0);
    }
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct flow *flow = request->data;
    struct pump *pump = flow->pump;

    if (status < 0) {
        pump_close(pump, link_error_from_uv(status));
        return;
    }
    flow->has_ended = true;
    if (pump->flows[0].has_ended && pump->flows[1].has_ended) {
        pump_close(pump, ERR_CLOSED);
    } else {
        restart_linger(pump);
    }
}

static void pass_end_on(struct flow *flow)
{
    int status;

    uv_read_stop(flow->from);
    flow->shutdown.data = flow;
    status = uv_shutdown(&flow->shutdown, flow->to, on_shutdown);
    if (status < 0) {
        pump_close(flow->pump, link_error_from_uv(status));
    }
}

static void start_reading(struct flow *flow);

static void on_written(uv_write_t *request, int status)
{
    struct flow *flow = request->data;

    if (flow->pump->closing) {
        return;
    }
    if (status < 0) {
        pump_close(flow->pump, link_error_from_uv(status));
    } else {
        start_reading(flow);
    }
}

/* What the other side takes at once costs no turn of the loop; for the rest nothing is read. */
static void write_on(struct flow *flow, uv_buf_t bytes)
{
    int status = uv_try_write(flow->to, &bytes, 1);

    if (status >= 0) {
        bytes.base += status;
        bytes.len -= (unsigned)status;
    } else if (status != UV_EAGAIN) {
        pump_close(flow->pump, link_error_from_uv(status));
        return;
    }
    if (bytes.len == 0) {
        return;
    }
    uv_read_stop(flow->from);
    flow->write.data = flow;
    status = uv_write(&flow->write, flow->to, &bytes, 1, on_written);
    if (status < 0) {
        pump_close(flow->pump, link_error_from_uv(status));
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    struct flow *flow = handle->data;

    (void)suggested_size;
    *buffer = uv_buf_init(flow->buffer, sizeof flow->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct flow *flow = stream->data;

    if (flow->pump->closing || count == 0) {
        return;
    }
    if (count == UV_EOF) {
        pass_end_on(flow);
    } else if (count < 0) {
        pump_close(flow->pump, link_error_from_uv((int)count));
    } else {
        restart_linger(flow->pump);
        write_on(flow, uv_buf_init(buffer->base, (unsigned)count));
    }
}

static void start_reading(struct flow *flow)
{
    int status = uv_read_start(flow->from, on_alloc, on_read);

    if (status < 0) {
        pump_close(flow->pump, link_error_from_uv(status));
    }
}

static void init_flow(struct pump *pump, struct flow *flow, uv_stream_t *from, uv_stream_t *to)
{
    flow->pump = pump;
    flow->from = from;
    flow->to = to;
    from->data = flow;
}

int pump_open(uv_loop_t *loop, uv_stream_t *left, uv_stream_t *right, pump_closed_fn on_closed,
              void *context, struct pump **pump)
{
    struct pump *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        raw_stream_close(left, NULL, NULL);
        raw_stream_close(right, NULL, NULL);
        return ERR_NOMEM;
    }
    init_flow(opened, &opened->flows[0], left, right);
    init_flow(opened, &opened->flows[1], right, left);
    uv_timer_init(loop, &opened->linger); /* Documented never to fail. */
    opened->linger.data = opened;
    opened->open_handles = 3;
    opened->on_closed = on_closed;
    opened->context = context;
    start_reading(&opened->flows[0]);
    if (!opened->closing) {
        start_reading(&opened->flows[1]);
    }
    *pump = opened;
    return 0;
}
