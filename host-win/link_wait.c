#include "host-win/link_wait.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "shared/cli/stream_reader.h"
#include "shared/core/error.h"

/* How long after a stream that was not there it is looked for again: the agent is starting. */
#define AGAIN_MS 100

struct link_wait {
    uv_loop_t loop;
    uv_timer_t limit;
    uv_timer_t again;
    const char *path;
    struct stream_reader *reader;
    char used[CLI_STREAM_PATH_SIZE];
    bool has_agent;
    bool is_done;
    int result;
};

static void end(struct link_wait *wait, int result)
{
    if (wait->is_done) {
        return;
    }
    wait->is_done = true;
    wait->result = result;
    uv_close((uv_handle_t *)&wait->limit, NULL);
    uv_close((uv_handle_t *)&wait->again, NULL);
    if (wait->reader != NULL) {
        stream_reader_close(wait->reader, ERR_CANCELLED);
    }
}

static void on_change(void *context, struct stream_reader *reader)
{
    struct link_wait *wait = context;
    struct event snapshot;

    wait->has_agent = true;
    stream_reader_snapshot(reader, &snapshot);
    if (snapshot.link_up) {
        end(wait, 0);
    }
}

static void on_again(uv_timer_t *timer);

static void on_closed(void *context, int error)
{
    struct link_wait *wait = context;

    (void)error;
    wait->reader = NULL;
    if (!wait->is_done) {
        uv_timer_start(&wait->again, on_again, AGAIN_MS, 0);
    }
}

static const struct stream_reader_callbacks callbacks = {
    .on_change = on_change,
    .on_closed = on_closed,
};

static void on_again(uv_timer_t *timer)
{
    struct link_wait *wait = timer->data;

    if (stream_reader_open(&wait->loop, wait->path, &callbacks, wait, wait->used, &wait->reader) !=
        0) {
        wait->reader = NULL;
        uv_timer_start(&wait->again, on_again, AGAIN_MS, 0);
    }
}

static void on_limit(uv_timer_t *timer)
{
    struct link_wait *wait = timer->data;

    end(wait, wait->has_agent ? ERR_TIMEOUT : ERR_NOT_FOUND);
}

int link_wait_run(const char *stream, uint64_t limit_ms)
{
    struct link_wait wait = {.path = stream};

    if (uv_loop_init(&wait.loop) != 0) {
        return ERR_NOMEM;
    }
    uv_timer_init(&wait.loop, &wait.limit);
    uv_timer_init(&wait.loop, &wait.again);
    wait.limit.data = &wait;
    wait.again.data = &wait;
    uv_timer_start(&wait.limit, on_limit, limit_ms, 0);
    on_again(&wait.again);
    uv_run(&wait.loop, UV_RUN_DEFAULT);
    uv_loop_close(&wait.loop);
    return wait.result;
}
