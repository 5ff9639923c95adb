/* The double of usbipd-win's TCP server: listens on 127.0.0.1 and runs a session per connection.
 *
 * It is driven from outside: usbip_server_prepare says what to poll for, usbip_server_dispatch acts
 * on the answer. */
#ifndef TTYFERRY_LAB_USBIP_SERVER_H
#define TTYFERRY_LAB_USBIP_SERVER_H

#include <poll.h>
#include <stdint.h>

#include "usb_hardware.h"
#include "usbip_export.h"
#include "usbip_session.h"

enum {
    USBIP_SERVER_MAX_SESSIONS = 128,
    USBIP_SERVER_MAX_FDS = USBIP_SERVER_MAX_SESSIONS + 1,
};

struct usbip_server {
    int listener;
    uint16_t port;
    struct usbip_export_table exports;
    struct usb_hardware_table hardware; /* boards with firmware, plugged in or not */
    struct usbip_session *sessions[USBIP_SERVER_MAX_SESSIONS]; /* owned */
    size_t session_count;
};

/* Listens on port, 0 for one that the system picks; server->port says which. Returns 0, ERR_BUSY
 * (port taken) or ERR_IO. */
int usbip_server_init(struct usbip_server *server, uint16_t port);

void usbip_server_finish(struct usbip_server *server);

/* The same results as usbip_export_add, or ERR_BUSY: its hardware is plugged in elsewhere. The
 * board's hardware and clock are the server's. */
int usbip_server_plug(struct usbip_server *server, const struct usbip_export_config *config);

/* Hangs up on whoever has the board, at once. 0 or ERR_NOT_FOUND. */
int usbip_server_unplug(struct usbip_server *server, const char *busid);

/* From here on a controller plays Windows: imports and releases wait for it. */
void usbip_server_set_windows(struct usbip_server *server, usbip_on_windows_event *on_event,
                              void *context);

/* Windows has brought the stub: the import is answered before this returns. 0, or ERR_NOT_FOUND if
 * no import of that board waits (its client may have gone). */
int usbip_server_captured(struct usbip_server *server, const char *busid);

/* The import is refused with `status`, and the board is Windows' own. The same results. */
int usbip_server_refuse(struct usbip_server *server, const char *busid, uint32_t status);

/* Windows has a released board back. 0, or ERR_NOT_FOUND if it has not been released. */
int usbip_server_freed(struct usbip_server *server, const char *busid);

/* Hangs up on whoever has the board, which Windows has back already. 0 or ERR_NOT_FOUND. */
int usbip_server_hang_up(struct usbip_server *server, const char *busid);

/* The service stops: every connection ends, and new ones are refused. */
void usbip_server_close(struct usbip_server *server);

/* It starts again on the same port. 0, ERR_BUSY or ERR_IO. */
int usbip_server_reopen(struct usbip_server *server);

/* The hardware of a board that is plugged in; NULL if there is none. */
struct usb_hardware *usbip_server_hardware(const struct usbip_server *server, const char *busid);

/* Fills fds (room for USBIP_SERVER_MAX_FDS) and returns how many; *timeout_us is when to dispatch
 * at the latest, or -1. */
size_t usbip_server_prepare(const struct usbip_server *server, struct pollfd *fds,
                            int64_t *timeout_us);

/* fds as usbip_server_prepare left them and poll filled them in. No plug or unplug in between. */
void usbip_server_dispatch(struct usbip_server *server, const struct pollfd *fds);

#endif
