#include "usbip_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "usb_firmware.h"

#include "shared/core/error.h"

enum { BACKLOG = 64, US_PER_S = 1000000, US_PER_MS = 1000, NS_PER_US = 1000 };

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

static int open_listener(struct usbip_server *server, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof address;
    int on = 1;
    int error = ERR_IO;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->listener < 0) {
        return ERR_IO;
    }
    setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server->listener, (struct sockaddr *)&address, len) != 0) {
        error = errno == EADDRINUSE ? ERR_BUSY : ERR_IO;
        goto close_listener;
    }
    if (listen(server->listener, BACKLOG) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0) {
        goto close_listener;
    }
    server->port = ntohs(address.sin_port);
    return 0;

close_listener:
    close(server->listener);
    server->listener = -1;
    return error;
}

int usbip_server_init(struct usbip_server *server, uint16_t port)
{
    memset(server, 0, sizeof *server);
    return open_listener(server, port);
}

void usbip_server_close(struct usbip_server *server)
{
    while (server->session_count > 0) {
        struct usbip_session *session = server->sessions[--server->session_count];
        usbip_session_forget_board(session);
        usbip_session_destroy(session);
    }
    if (server->listener >= 0) {
        close(server->listener);
        server->listener = -1;
    }
}

int usbip_server_reopen(struct usbip_server *server)
{
    return server->listener >= 0 ? 0 : open_listener(server, server->port);
}

void usbip_server_finish(struct usbip_server *server)
{
    usbip_server_close(server);
    usbip_export_clear(&server->exports);
    usb_hardware_clear(&server->hardware);
}

void usbip_server_set_windows(struct usbip_server *server, usbip_on_windows_event *on_event,
                              void *context)
{
    server->exports.on_windows_event = on_event;
    server->exports.context = context;
}

static int take_hardware(struct usbip_server *server, struct usbip_export_config *config)
{
    const char *name = config->hardware ? config->hardware : config->busid;
    for (size_t i = 0; i < server->exports.count; i++) {
        const struct usb_hardware *hardware = server->exports.items[i]->board->hardware;
        if (hardware && strcmp(hardware->name, name) == 0) {
            return ERR_BUSY;
        }
    }
    config->board.clock_us = now_us;
    return usb_hardware_take(&server->hardware, name, config->board.firmware->kind,
                             &config->board.hardware);
}

int usbip_server_plug(struct usbip_server *server, const struct usbip_export_config *config)
{
    struct usbip_export_config own = *config;
    int error = 0;
    if (usbip_export_find(&server->exports, config->busid)) {
        return ERR_EXISTS;
    }
    if (config->board.firmware) {
        error = take_hardware(server, &own);
    }
    return error == 0 ? usbip_export_add(&server->exports, &own) : error;
}

struct usb_hardware *usbip_server_hardware(const struct usbip_server *server, const char *busid)
{
    const struct usbip_export *item = usbip_export_find(&server->exports, busid);
    return item ? item->board->hardware : NULL;
}

static void remove_session(struct usbip_server *server, size_t index)
{
    usbip_session_destroy(server->sessions[index]);
    server->sessions[index] = server->sessions[--server->session_count];
}

int usbip_server_hang_up(struct usbip_server *server, const char *busid)
{
    struct usbip_export *item = usbip_export_find(&server->exports, busid);
    if (!item) {
        return ERR_NOT_FOUND;
    }
    /* Backwards, since a removal moves the last session into the gap. */
    for (size_t i = server->session_count; i-- > 0;) {
        if (server->sessions[i]->item == item) {
            usbip_session_forget_board(server->sessions[i]);
            remove_session(server, i);
        }
    }
    if (item->state != USBIP_EXPORT_AWAY) {
        item->state = USBIP_EXPORT_IDLE;
    }
    return 0;
}

int usbip_server_unplug(struct usbip_server *server, const char *busid)
{
    int error = usbip_server_hang_up(server, busid);
    if (error == 0) {
        usbip_export_remove(&server->exports, usbip_export_find(&server->exports, busid));
    }
    return error;
}

static int answer_import(struct usbip_server *server, const char *busid, uint32_t status)
{
    for (size_t i = 0; i < server->session_count; i++) {
        struct usbip_session *session = server->sessions[i];
        if (session->state == USBIP_SESSION_CAPTURE && strcmp(session->item->busid, busid) == 0) {
            usbip_session_answer_import(session, status);
            if (!usbip_session_step(session, now_us())) {
                remove_session(server, i);
            }
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

int usbip_server_captured(struct usbip_server *server, const char *busid)
{
    return answer_import(server, busid, USBIP_IMPORT_OK);
}

int usbip_server_refuse(struct usbip_server *server, const char *busid, uint32_t status)
{
    return answer_import(server, busid, status);
}

int usbip_server_freed(struct usbip_server *server, const char *busid)
{
    struct usbip_export *item = usbip_export_find(&server->exports, busid);
    if (!item || item->state != USBIP_EXPORT_RELEASING) {
        return ERR_NOT_FOUND;
    }
    item->state = USBIP_EXPORT_IDLE;
    return 0;
}

/* How long until a board does something by itself, or -1. */
static int64_t board_wait_us(const struct usbip_export *item, int64_t now)
{
    int64_t due = item->board->wake_us;
    if (item->state == USBIP_EXPORT_AWAY) {
        due = item->return_us;
    } else if (item->board->departure.chip && !item->is_leaving_told) {
        due = now;
    }
    if (due == USB_BOARD_NEVER) {
        return -1;
    }
    return due > now ? due - now : 0;
}

static int64_t boards_wait_us(const struct usbip_server *server, int64_t now)
{
    int64_t shortest = -1;
    for (size_t i = 0; i < server->exports.count; i++) {
        int64_t wait_us = board_wait_us(server->exports.items[i], now);
        if (wait_us >= 0 && (shortest < 0 || wait_us < shortest)) {
            shortest = wait_us;
        }
    }
    return shortest;
}

/* A board has left the bus: where a controller plays Windows it is the one to unplug it, and to
 * plug in what returns. */
static void see_off(struct usbip_server *server, struct usbip_export *item)
{
    if (server->exports.on_windows_event) {
        item->is_leaving_told = true;
        server->exports.on_windows_event(server->exports.context, USBIP_WINDOWS_LEAVES, item);
        return;
    }
    usbip_server_hang_up(server, item->busid);
    item->state = USBIP_EXPORT_AWAY;
    item->return_us = now_us() + (int64_t)item->board->departure.after_ms * US_PER_MS;
}

static void run_boards(struct usbip_server *server)
{
    for (size_t i = 0; i < server->exports.count; i++) {
        struct usbip_export *item = server->exports.items[i];
        usb_board_run_timer(item->board);
        if (item->state == USBIP_EXPORT_AWAY) {
            if (now_us() >= item->return_us && usbip_export_return(item) != 0) {
                item->return_us = now_us() + US_PER_S; /* No memory: it is tried again. */
            }
        } else if (item->board->departure.chip && !item->is_leaving_told) {
            see_off(server, item);
        }
    }
}

size_t usbip_server_prepare(const struct usbip_server *server, struct pollfd *fds,
                            int64_t *timeout_us)
{
    int64_t now = now_us();
    bool has_room = server->session_count < USBIP_SERVER_MAX_SESSIONS;
    *timeout_us = boards_wait_us(server, now);
    fds[0] = (struct pollfd){.fd = has_room ? server->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < server->session_count; i++) {
        const struct usbip_session *session = server->sessions[i];
        int64_t wait_us = usbip_session_wait_us(session, now);
        short events = usbip_session_wants_input(session, now) ? POLLIN : POLLRDHUP;
        if (session->conn.output_len > 0 && !usbip_conn_is_dripping(&session->conn)) {
            events |= POLLOUT;
        }
        if (wait_us >= 0 && (*timeout_us < 0 || wait_us < *timeout_us)) {
            *timeout_us = wait_us;
        }
        fds[i + 1] = (struct pollfd){.fd = session->conn.fd, .events = events};
    }
    return server->session_count + 1;
}

static void accept_one(struct usbip_server *server)
{
    struct usbip_session *session;
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    session = usbip_session_create(fd, &server->exports);
    if (session) {
        server->sessions[server->session_count++] = session;
    }
}

/* While a session waits for time to pass, a hang-up is all it can hear, and ends it. */
static bool has_hung_up(const struct pollfd *fd)
{
    return (fd->events & POLLIN) == 0 && (fd->revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void usbip_server_dispatch(struct usbip_server *server, const struct pollfd *fds)
{
    int64_t now = now_us();
    /* Backwards, since a removal moves the last session into the gap. */
    for (size_t i = server->session_count; i-- > 0;) {
        struct usbip_session *session = server->sessions[i];
        bool is_due = usbip_session_wait_us(session, now) == 0;
        if (has_hung_up(&fds[i + 1]) ||
            ((fds[i + 1].revents != 0 || is_due) && !usbip_session_step(session, now))) {
            remove_session(server, i);
        }
    }
    if (fds[0].revents != 0) {
        accept_one(server);
    }
    run_boards(server);
}
