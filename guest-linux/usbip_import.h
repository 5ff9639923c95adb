/* Imports one device: connects to usbipd, or takes a socket that leads to it, asks, reads exactly
 * the reply, and hands over the connected socket. Nothing blocks; nothing else in the guest talks
 * to usbipd. */
#ifndef TTYFERRY_GUEST_USBIP_IMPORT_H
#define TTYFERRY_GUEST_USBIP_IMPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "shared/core/attach_fault.h"
#include "shared/core/usbip_protocol.h"

/* usbipd-win answers only after Windows has re-enumerated the device: 10 s at most. */
#define USBIP_IMPORT_DEADLINE_MS 20000u
#define USBIP_IMPORT_DETAIL_SIZE 160

struct usbip_import;

struct usbip_import_target {
    const char *address; /* numeric, IPv4 or IPv6 */
    uint16_t port;
    const char *busid;
    unsigned deadline_ms; /* for all of it; with connect_ms for what follows the connecting */
    unsigned connect_ms;  /* for the connecting alone, or 0 */
};

struct usbip_import_result {
    enum attach_fault fault;               /* FAULT_NONE: imported */
    char detail[USBIP_IMPORT_DETAIL_SIZE]; /* what happened, for the log and the user */
    int fd; /* the callee's, to be closed; -1 with a fault. Blocking, as the kernel wants it */
    bool through_host; /* by board_import: the bytes pass the host agent */
    struct usbip_device device;
};

typedef void (*usbip_import_done_fn)(void *context, const struct usbip_import_result *result);

/* Starts. The texts of `target` are copied. Returns 0, and then `on_done` runs once, never from
 * inside this call, unless the import is cancelled before; `*import` is valid until then. Returns
 * ERR_INVALID for an address or busid that is none, ERR_NOMEM, ERR_IO. */
int usbip_import_open(uv_loop_t *loop, const struct usbip_import_target *target,
                      usbip_import_done_fn on_done, void *context, struct usbip_import **import);

/* The same over a socket that is connected already: TCP, or one end of a pair. `fd` is the import's
 * from here on, whatever is returned. Returns as usbip_import_open. */
int usbip_import_open_fd(uv_loop_t *loop, int fd, const char *busid, unsigned deadline_ms,
                         usbip_import_done_fn on_done, void *context, struct usbip_import **import);

/* Gives up: `on_done` does not run any more, the socket is closed. */
void usbip_import_cancel(struct usbip_import *import);

#endif
