#include "shared/cli/output_watch.h"

#include <sys/epoll.h>
#include <unistd.h>

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct output_watch *watch = poll->data;

    (void)status;
    (void)events;
    uv_poll_stop(poll);
    watch->on_gone(watch->context);
}

/* libuv would make stdout itself non-blocking, for everybody who shares it. So it watches an epoll
 * set instead, in which stdout is the one member, with what is always told: an error, a hang-up. */
void output_watch_start(uv_loop_t *loop, struct output_watch *watch, void (*on_gone)(void *context),
                        void *context)
{
    struct epoll_event nothing_else = {.events = 0};

    watch->on_gone = on_gone;
    watch->context = context;
    watch->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (watch->epoll < 0) {
        return;
    }
    if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, STDOUT_FILENO, &nothing_else) != 0 ||
        uv_poll_init(loop, &watch->poll, watch->epoll) != 0) {
        close(watch->epoll);
        watch->epoll = -1;
        return;
    }
    watch->poll.data = watch;
    uv_poll_start(&watch->poll, UV_READABLE, on_poll);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct output_watch *watch = handle->data;

    close(watch->epoll);
    watch->epoll = -1;
}

void output_watch_stop(struct output_watch *watch)
{
    if (watch->epoll >= 0) {
        uv_close((uv_handle_t *)&watch->poll, on_poll_closed);
    }
}
