#include "guest-linux/usbip_import.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"

/* A cut connection is noticed within 5 s; the kernel's defaults take hours. */
#define KEEPALIVE_IDLE_S 2
#define KEEPALIVE_INTERVAL_S 1
#define KEEPALIVE_PROBES 3
#define USER_TIMEOUT_MS 5000

struct usbip_import {
    uv_poll_t poll;
    uv_timer_t deadline;
    unsigned open_handles; /* memory is released when it comes to 0 */
    bool ending;
    bool cancelled;
    bool connected;
    bool is_local;     /* the peer is this machine's loopback, or this process */
    unsigned reply_ms; /* the deadline from the connection on; 0: it was set for all of it */
    size_t sent;
    uint8_t request[USBIP_PROTOCOL_REQUEST_SIZE];
    struct usbip_reply reply;
    struct usbip_import_result result; /* owns result.fd until on_done */
    usbip_import_done_fn on_done;
    void *context;
};

static void close_socket(struct usbip_import *import)
{
    if (import->result.fd >= 0)
        close(import->result.fd);
    import->result.fd = -1;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct usbip_import *import = handle->data;

    if (--import->open_handles > 0)
        return;
    if (import->cancelled || import->result.fault != FAULT_NONE)
        close_socket(import);
    if (!import->cancelled)
        import->on_done(import->context, &import->result);
    free(import);
}

static void end(struct usbip_import *import)
{
    if (import->ending)
        return;
    import->ending = true;
    uv_close((uv_handle_t *)&import->poll, on_handle_closed);
    uv_close((uv_handle_t *)&import->deadline, on_handle_closed);
}

__attribute__((format(printf, 3, 4))) static void
finish(struct usbip_import *import, enum attach_fault fault, const char *format, ...)
{
    va_list args;

    import->result.fault = fault;
    va_start(args, format);
    vsnprintf(import->result.detail, sizeof import->result.detail, format, args);
    va_end(args);
    end(import);
}

static enum attach_fault fault_from_errno(int number)
{
    switch (os_error_from_errno(number)) {
    case ERR_REFUSED:
        return FAULT_REFUSED;
    case ERR_CLOSED:
        return FAULT_CLOSED;
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT:
    case ERR_DENIED:
        return FAULT_UNREACHABLE;
    default:
        return FAULT_INTERNAL;
    }
}

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* The kernel's own threads will use the socket as it is: latency and a dead peer are seen to
 * here. On loopback keepalive is left off, for in WSL's mirrored networking it has killed idle
 * connections. A failure costs comfort, not the import. */
static void tune_socket(const struct usbip_import *import)
{
    int fd = import->result.fd;

    (void)set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (import->is_local)
        return;
    (void)set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    (void)set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    (void)set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    (void)set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    (void)set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

static void take_reply(struct usbip_import *import)
{
    int flags = fcntl(import->result.fd, F_GETFL);

    if (import->reply.state == USBIP_REPLY_REFUSED) {
        finish(import, attach_fault_from_status(import->reply.status), "import status %u",
               (unsigned)import->reply.status);
        return;
    }
    if (flags < 0 || fcntl(import->result.fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        finish(import, FAULT_INTERNAL, "fcntl: %s", strerror(errno));
        return;
    }
    import->result.device = import->reply.device;
    finish(import, FAULT_NONE, "imported");
}

/* Reads what the reply still wants and never a byte more. */
static void read_reply(struct usbip_import *import)
{
    uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX];

    while (import->reply.state == USBIP_REPLY_PARTIAL) {
        size_t wanted = usbip_protocol_reply_wanted(&import->reply);
        ssize_t got = recv(import->result.fd, bytes, wanted, 0);

        if (got == 0) {
            finish(import, FAULT_CLOSED, "closed after %zu bytes of the reply", import->reply.len);
            return;
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got < 0) {
            finish(import, fault_from_errno(errno), "%s after %zu bytes of the reply",
                   strerror(errno), import->reply.len);
            return;
        }
        if (usbip_protocol_reply_feed(&import->reply, bytes, (size_t)got) != 0) {
            finish(import, FAULT_PROTOCOL, "%s", import->reply.reason);
            return;
        }
    }
    take_reply(import);
}

static void on_poll(uv_poll_t *poll, int status, int events);
static void start_deadline(struct usbip_import *import, unsigned ms);

static void write_request(struct usbip_import *import)
{
    while (import->sent < sizeof import->request) {
        ssize_t part = send(import->result.fd, import->request + import->sent,
                            sizeof import->request - import->sent, MSG_NOSIGNAL);

        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (part < 0) {
            finish(import, fault_from_errno(errno), "sending: %s", strerror(errno));
            return;
        }
        import->sent += (size_t)part;
    }
    if (uv_poll_start(&import->poll, UV_READABLE, on_poll) != 0)
        finish(import, FAULT_INTERNAL, "the socket cannot be watched");
}

static void finish_connect(struct usbip_import *import)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(import->result.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error) {
        finish(import, fault_from_errno(error), "connecting: %s", strerror(error));
        return;
    }
    import->connected = true;
    tune_socket(import);
    if (import->reply_ms != 0)
        start_deadline(import, import->reply_ms);
    write_request(import);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct usbip_import *import = poll->data;

    (void)events;
    if (import->ending)
        return;
    /* libuv reports a socket in error this way; SO_ERROR knows which. */
    if (status < 0 || !import->connected)
        finish_connect(import);
    else if (import->sent < sizeof import->request)
        write_request(import);
    else
        read_reply(import);
}

static void on_deadline(uv_timer_t *timer)
{
    struct usbip_import *import = timer->data;

    if (import->connected)
        finish(import, FAULT_IMPORT_TIMEOUT, "no whole reply, %zu bytes of it came",
               import->reply.len);
    else
        finish(import, FAULT_UNREACHABLE, "no answer to the connection");
}

static int parse_address(const struct usbip_import_target *target, struct sockaddr_storage *address,
                         socklen_t *len, bool *is_local)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

    memset(address, 0, sizeof *address);
    if (uv_ip4_addr(target->address, target->port, v4) == 0) {
        *len = sizeof *v4;
        *is_local = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
        return 0;
    }
    if (uv_ip6_addr(target->address, target->port, v6) == 0) {
        *len = sizeof *v6;
        *is_local = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        return 0;
    }
    return ERR_INVALID;
}

static void start_deadline(struct usbip_import *import, unsigned ms)
{
    if (uv_timer_start(&import->deadline, on_deadline, ms, 0) != 0)
        finish(import, FAULT_INTERNAL, "no deadline can be set");
}

static void connect_to(struct usbip_import *import, const struct sockaddr_storage *address,
                       socklen_t address_len)
{
    int err;

    do
        err = connect(import->result.fd, (const struct sockaddr *)address, address_len);
    while (err != 0 && errno == EINTR);
    if (err != 0 && errno != EINPROGRESS)
        finish(import, fault_from_errno(errno), "connecting: %s", strerror(errno));
    else if (!import->ending && uv_poll_start(&import->poll, UV_WRITABLE, on_poll) != 0)
        finish(import, FAULT_INTERNAL, "the socket cannot be watched");
}

static struct usbip_import *create(const char *busid, int *err)
{
    struct usbip_import *made = calloc(1, sizeof *made);

    *err = ERR_NOMEM;
    if (!made)
        return NULL;
    made->result.fd = -1;
    *err = usbip_protocol_import_request(busid, made->request);
    if (*err) {
        free(made);
        return NULL;
    }
    usbip_protocol_reply_init(&made->reply, busid);
    return made;
}

static int init_handles(uv_loop_t *loop, struct usbip_import *import)
{
    int err = link_error_from_uv(uv_poll_init_socket(loop, &import->poll, import->result.fd));

    if (err)
        return err;
    uv_timer_init(loop, &import->deadline);
    import->poll.data = import;
    import->deadline.data = import;
    import->open_handles = 2;
    return 0;
}

int usbip_import_open(uv_loop_t *loop, const struct usbip_import_target *target,
                      usbip_import_done_fn on_done, void *context, struct usbip_import **import)
{
    struct sockaddr_storage address;
    socklen_t address_len;
    int err;
    struct usbip_import *made = create(target->busid, &err);

    if (!made)
        return err;
    made->on_done = on_done;
    made->context = context;
    made->reply_ms = target->connect_ms != 0 ? target->deadline_ms : 0;
    err = parse_address(target, &address, &address_len, &made->is_local);
    if (err)
        goto free_import;
    made->result.fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    err = made->result.fd < 0 ? os_error_from_errno(errno) : init_handles(loop, made);
    if (err)
        goto close_socket;
    start_deadline(made, target->connect_ms != 0 ? target->connect_ms : target->deadline_ms);
    connect_to(made, &address, address_len);
    *import = made;
    return 0;

close_socket:
    close_socket(made);
free_import:
    free(made);
    return err;
}

/* Who made the socket may have left it blocking. */
static int make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ? os_error_from_errno(errno)
                                                                    : 0;
}

int usbip_import_open_fd(uv_loop_t *loop, int fd, const char *busid, unsigned deadline_ms,
                         usbip_import_done_fn on_done, void *context, struct usbip_import **import)
{
    int err;
    struct usbip_import *made = create(busid, &err);

    if (!made) {
        close(fd);
        return err;
    }
    made->on_done = on_done;
    made->context = context;
    made->result.fd = fd;
    made->connected = true;
    made->is_local = true; /* What is beyond the host agent, it watches itself. */
    err = make_nonblocking(fd);
    if (!err)
        err = init_handles(loop, made);
    if (err) {
        close_socket(made);
        free(made);
        return err;
    }
    tune_socket(made);
    start_deadline(made, deadline_ms);
    if (!made->ending && uv_poll_start(&made->poll, UV_WRITABLE, on_poll) != 0)
        finish(made, FAULT_INTERNAL, "the socket cannot be watched");
    *import = made;
    return 0;
}

void usbip_import_cancel(struct usbip_import *import)
{
    import->cancelled = true;
    end(import);
}
