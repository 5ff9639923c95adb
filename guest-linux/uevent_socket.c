#include "guest-linux/uevent_socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/link/link_error.h"

#define KERNEL_GROUP 1u
/* A burst of a whole hub's devices fits in. */
#define RECEIVE_BUFFER_BYTES (8 * 1024 * 1024)
/* So many datagrams at one go; then the loop's other work gets its turn. */
#define DATAGRAMS_PER_TURN 256

struct uevent_socket {
    uv_poll_t poll;
    int fd;    /* owned */
    bool lost; /* events; what is still queued is from before that */
    const struct uevent_socket_callbacks *callbacks;
    void *context;
};

static void take_datagram(struct uevent_socket *socket, const char *datagram, size_t len)
{
    struct uevent event;

    if (uevent_from_datagram(datagram, len, &event) != 0)
        log_debug("uevent: a datagram of %zu bytes is malformed", len);
    else
        socket->callbacks->on_event(socket->context, &event);
}

/* Returns 0, ERR_BUSY when nothing is there, or another error. */
static int receive_one(struct uevent_socket *socket)
{
    char datagram[UEVENT_DATAGRAM_MAX];
    struct sockaddr_nl sender = {0};
    struct iovec part = {.iov_base = datagram, .iov_len = sizeof datagram};
    struct msghdr message = {
        .msg_name = &sender, .msg_namelen = sizeof sender, .msg_iov = &part, .msg_iovlen = 1};
    ssize_t len = recvmsg(socket->fd, &message, 0);

    if (len < 0 && errno == ENOBUFS) {
        log_warning("uevent: the kernel had more events than room, looking at everything anew");
        socket->lost = true;
        return 0;
    }
    if (len < 0)
        return errno == EINTR ? 0 : os_error_from_errno(errno);
    /* Any process with CAP_NET_ADMIN may send to the group; only the kernel has address 0. */
    if (message.msg_namelen != sizeof sender || sender.nl_pid != 0)
        return 0;
    if (message.msg_flags & MSG_TRUNC)
        socket->lost = true;
    else
        take_datagram(socket, datagram, (size_t)len);
    return 0;
}

/* Until the queue is empty the kernel goes on dropping, and says so only once (netlink_overrun):
 * a look before that would miss what happens meanwhile. */
static void tell_if_lost(struct uevent_socket *socket)
{
    if (socket->lost) {
        socket->lost = false;
        socket->callbacks->on_overrun(socket->context);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events);

/* libuv stops watching a socket with an error pending; ENOBUFS is one. */
static void watch(struct uevent_socket *socket)
{
    const uv_handle_t *handle = (const uv_handle_t *)&socket->poll;

    if (!uv_is_active(handle) && !uv_is_closing(handle))
        (void)uv_poll_start(&socket->poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct uevent_socket *socket = poll->data;
    int err = 0;

    (void)events;
    (void)status; /* recvmsg names the error */
    for (int i = 0;
         !err && (socket->lost || i < DATAGRAMS_PER_TURN) && !uv_is_closing((uv_handle_t *)poll);
         i++)
        err = receive_one(socket);
    if (err == ERR_BUSY)
        tell_if_lost(socket);
    else if (err)
        log_error("uevent: reading from the kernel failed: %s", error_text(err));
    watch(socket);
}

static int open_netlink(int *fd)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
    int size = RECEIVE_BUFFER_BYTES;
    int made = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    int err;

    if (made < 0)
        return os_error_from_errno(errno);
    /* Beyond the system's limit only with CAP_NET_ADMIN; a smaller buffer works too. */
    if (setsockopt(made, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        (void)setsockopt(made, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(made, (struct sockaddr *)&address, sizeof address) != 0) {
        err = os_error_from_errno(errno);
        close(made);
        return err;
    }
    *fd = made;
    return 0;
}

int uevent_socket_open(uv_loop_t *loop, const struct uevent_socket_callbacks *callbacks,
                       void *context, struct uevent_socket **socket)
{
    struct uevent_socket *made = calloc(1, sizeof *made);
    int err = ERR_NOMEM;

    if (!made)
        return err;
    made->callbacks = callbacks;
    made->context = context;
    err = open_netlink(&made->fd);
    if (err)
        goto free_socket;
    err = link_error_from_uv(uv_poll_init(loop, &made->poll, made->fd));
    if (err)
        goto close_fd;
    made->poll.data = made;
    watch(made);
    *socket = made;
    return 0;

close_fd:
    close(made->fd);
free_socket:
    free(made);
    return err;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct uevent_socket *socket = handle->data;

    close(socket->fd);
    free(socket);
}

void uevent_socket_close(struct uevent_socket *socket)
{
    uv_close((uv_handle_t *)&socket->poll, on_poll_closed);
}
