#include "guest-linux/peer_watch.h"

#include <stdlib.h>
#include <unistd.h>

#include "shared/core/error.h"

struct peer_watch {
    uv_poll_t poll;
    int fd;
    peer_watch_fn on_hung_up;
    void *context;
};

/* An error says it too. */
static void on_disconnect(uv_poll_t *poll, int status, int events)
{
    struct peer_watch *watch = poll->data;

    (void)status;
    (void)events;
    uv_poll_stop(poll);
    watch->on_hung_up(watch->context);
}

int peer_watch_open(uv_loop_t *loop, int fd, peer_watch_fn on_hung_up, void *context,
                    struct peer_watch **watch)
{
    struct peer_watch *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        close(fd);
        return ERR_NOMEM;
    }
    opened->fd = fd;
    opened->on_hung_up = on_hung_up;
    opened->context = context;
    opened->poll.data = opened;
    if (uv_poll_init(loop, &opened->poll, fd) != 0) {
        close(fd);
        free(opened);
        return ERR_IO;
    }
    if (uv_poll_start(&opened->poll, UV_DISCONNECT, on_disconnect) != 0) {
        peer_watch_close(opened);
        return ERR_IO;
    }
    *watch = opened;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void peer_watch_close(struct peer_watch *watch)
{
    uv_poll_stop(&watch->poll);
    close(watch->fd);
    uv_close((uv_handle_t *)&watch->poll, on_closed);
}
