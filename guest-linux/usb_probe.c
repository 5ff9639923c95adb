#include "guest-linux/usb_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/core/board.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define REQUEST_TO_HOST 0x80
#define REQUEST_GET_STATUS 0
#define STATUS_BYTES 2

/* A control transfer as usbfs takes it: the setup packet, in USB's little-endian, and the data. */
struct status_request {
    unsigned char setup[8];
    unsigned char status[STATUS_BYTES];
};

struct usb_probe {
    char node[BOARD_PATH_SIZE];
    int fd; /* -1 while there is none */
    struct usbdevfs_urb urb;
    struct status_request request;
    bool is_submitted;
    bool is_told; /* or nobody wants to know any more */
    bool has_poll;
    bool is_ending;
    unsigned open_handles; /* memory is released when it comes to 0 */
    uv_work_t work;
    uv_poll_t poll;
    uv_timer_t limit;
    unsigned limit_ms;
    usb_probe_done_fn on_done;
    void *context;
};

static void tell(struct usb_probe *probe, bool is_silent)
{
    if (!probe->is_told) {
        probe->is_told = true;
        probe->on_done(probe->context, is_silent);
    }
}

static void close_node(uv_work_t *work)
{
    struct usb_probe *probe = work->data;

    close(probe->fd);
}

static void on_node_closed(uv_work_t *work, int status)
{
    (void)status;
    free(work->data);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct usb_probe *probe = handle->data;

    if (--probe->open_handles > 0) {
        return;
    }
    /* A node with a transfer that is not over is left to the end of the process: closing it waits
     * for the peer. */
    if (probe->fd < 0 || probe->is_submitted ||
        uv_queue_work(handle->loop, &probe->work, close_node, on_node_closed) != 0) {
        free(probe);
    }
}

static void end(struct usb_probe *probe)
{
    if (probe->is_ending) {
        return;
    }
    probe->is_ending = true;
    uv_close((uv_handle_t *)&probe->limit, on_handle_closed);
    if (probe->has_poll) {
        uv_close((uv_handle_t *)&probe->poll, on_handle_closed);
    }
}

/* The transfer is over when it can be reaped, and after a disconnection it always can. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct usb_probe *probe = poll->data;
    struct usbdevfs_urb *reaped = NULL;

    (void)status;
    (void)events;
    if (ioctl(probe->fd, USBDEVFS_REAPURBNDELAY, &reaped) != 0 && errno == EAGAIN) {
        return;
    }
    probe->is_submitted = false;
    tell(probe, false);
    end(probe);
}

static void submit(uv_work_t *work)
{
    struct usb_probe *probe = work->data;

    probe->fd = open(probe->node, O_RDWR | O_CLOEXEC);
    probe->is_submitted = probe->fd >= 0 && ioctl(probe->fd, USBDEVFS_SUBMITURB, &probe->urb) == 0;
}

/* Whoever hears of the silence detaches the device, which ends the transfer. */
static void on_limit(uv_timer_t *timer)
{
    struct usb_probe *probe = timer->data;
    bool is_forgotten = probe->is_told;

    tell(probe, true);
    if (is_forgotten && probe->has_poll) {
        end(probe);
    }
}

static void on_submitted(uv_work_t *work, int status)
{
    struct usb_probe *probe = work->data;

    (void)status;
    probe->open_handles--;
    if (!probe->is_submitted || (probe->is_told && !uv_is_active((uv_handle_t *)&probe->limit)) ||
        uv_poll_init(work->loop, &probe->poll, probe->fd) != 0) {
        tell(probe, false);
        end(probe);
        return;
    }
    probe->has_poll = true;
    probe->open_handles++;
    probe->poll.data = probe;
    uv_poll_start(&probe->poll, UV_WRITABLE | UV_DISCONNECT, on_poll);
    if (uv_is_active((uv_handle_t *)&probe->limit)) {
        uv_timer_start(&probe->limit, on_limit, probe->limit_ms, 0);
    }
}

int usb_probe_open(uv_loop_t *loop, const char *node, unsigned limit_ms, usb_probe_done_fn on_done,
                   void *context, struct usb_probe **probe)
{
    struct usb_probe *opened = calloc(1, sizeof *opened);
    int err = ERR_TOO_LONG;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    if (text_copy(opened->node, sizeof opened->node, node) != 0) {
        goto free_probe;
    }
    opened->fd = -1;
    opened->request.setup[0] = REQUEST_TO_HOST;
    opened->request.setup[1] = REQUEST_GET_STATUS;
    opened->request.setup[6] = STATUS_BYTES;
    opened->urb.type = USBDEVFS_URB_TYPE_CONTROL;
    opened->urb.buffer = &opened->request;
    opened->urb.buffer_length = sizeof opened->request;
    opened->limit_ms = limit_ms;
    opened->on_done = on_done;
    opened->context = context;
    opened->work.data = opened;
    opened->limit.data = opened;
    err = ERR_IO;
    if (uv_queue_work(loop, &opened->work, submit, on_submitted) != 0) {
        goto free_probe;
    }
    uv_timer_init(loop, &opened->limit); /* Never fails. */
    uv_timer_start(&opened->limit, on_limit, limit_ms, 0);
    opened->open_handles = 2; /* the timer, and the work */
    *probe = opened;
    return 0;

free_probe:
    free(opened);
    return err;
}

void usb_probe_forget(struct usb_probe *probe)
{
    probe->is_told = true;
}
