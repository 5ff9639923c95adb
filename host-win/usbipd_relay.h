/* The guest's imports through this host: for each that it asks for, connects to usbipd and passes
 * the bytes on, over a connection of its own to the guest or as a stream of the link. Nothing else
 * in the host talks to usbipd's port. */
#ifndef TTYFERRY_HOST_WIN_USBIPD_RELAY_H
#define TTYFERRY_HOST_WIN_USBIPD_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "shared/core/wire_import.h"
#include "shared/link/handshake.h"

/* As many as the guest has ports at most, under way or open. */
#define USBIPD_RELAY_MAX 64
/* How long all the connecting for one may take; less than the guest waits. */
#define USBIPD_RELAY_CONNECT_MS 8000u

struct usbipd_relay;

struct usbipd_relay_address {
    const char *address; /* numeric */
    uint16_t port;
};

struct usbipd_relay_options {
    struct usbipd_relay_address usbipd;
    struct usbipd_relay_address guest;        /* for connections of their own */
    const struct handshake_config *handshake; /* the link's; `import` is added */
};

struct usbipd_relay_link {
    /* Puts a line on the link; without one it does nothing. */
    void (*send)(void *context, const char *line, size_t len);
    /* How many bytes wait on the link to be written. */
    size_t (*waiting)(void *context);
    /* True if the link is a bridge, over which no connections can be made. */
    bool (*is_bridge)(void *context);
};

/* What `options` names, `link` and `context` must outlive it. Returns 0, ERR_INVALID for an address
 * that is none, or ERR_NOMEM; `*relay` is the caller's until usbipd_relay_close. */
int usbipd_relay_open(uv_loop_t *loop, const struct usbipd_relay_options *options,
                      const struct usbipd_relay_link *link, void *context,
                      struct usbipd_relay **relay);

/* Takes in what the guest says over the link. Returns 0, or ERR_INVALID for what makes no sense. */
int usbipd_relay_take(struct usbipd_relay *relay, const struct wire_import *message);

/* The link has written something. */
void usbipd_relay_written(struct usbipd_relay *relay);

/* The link has ended, and with it what is not yet open, and the streams over it. Connections of
 * their own go on. */
void usbipd_relay_link_down(struct usbipd_relay *relay);

/* How many imports are under way or open. */
size_t usbipd_relay_count(const struct usbipd_relay *relay);

/* Ends them all; no callback runs any more. Memory is released on the loop. */
void usbipd_relay_close(struct usbipd_relay *relay);

#endif
