#include "guest-linux/clock_watch.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "shared/core/error.h"

/* The year 2255: the timer itself never runs out. */
#define FAR_AWAY_S 9000000000

struct clock_watch {
    int fd;
    uv_poll_t poll;
    void (*on_set)(void *context);
    void *context;
};

/* A timer of the wall clock that asks to be cancelled when somebody sets that (timerfd_create(2)).
 */
static int arm(const struct clock_watch *watch)
{
    const struct itimerspec never = {.it_value = {.tv_sec = FAR_AWAY_S}};

    return timerfd_settime(watch->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct clock_watch *watch = poll->data;
    uint64_t expirations;

    (void)status;
    (void)events;
    if (read(watch->fd, &expirations, sizeof expirations) >= 0 || errno != ECANCELED) {
        return;
    }
    if (arm(watch) != 0) {
        uv_poll_stop(poll);
    }
    watch->on_set(watch->context);
}

int clock_watch_open(uv_loop_t *loop, void (*on_set)(void *context), void *context,
                     struct clock_watch **watch)
{
    struct clock_watch *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->on_set = on_set;
    opened->context = context;
    opened->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (opened->fd < 0) {
        goto free_watch;
    }
    if (arm(opened) != 0 || uv_poll_init(loop, &opened->poll, opened->fd) != 0) {
        goto close_timer;
    }
    opened->poll.data = opened;
    uv_poll_start(&opened->poll, UV_READABLE, on_readable);
    *watch = opened;
    return 0;

close_timer:
    close(opened->fd);
free_watch:
    free(opened);
    return ERR_IO;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct clock_watch *watch = handle->data;

    close(watch->fd);
    free(watch);
}

void clock_watch_close(struct clock_watch *watch)
{
    uv_close((uv_handle_t *)&watch->poll, on_poll_closed);
}
