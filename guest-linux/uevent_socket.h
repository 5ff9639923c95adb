/* The kernel's uevents, heard on the netlink group that the kernel itself sends to: it works with
 * and without udevd. Nothing else in the guest opens a netlink socket. */
#ifndef TTYFERRY_GUEST_UEVENT_SOCKET_H
#define TTYFERRY_GUEST_UEVENT_SOCKET_H

#include <uv.h>

#include "shared/core/uevent.h"

struct uevent_socket;

struct uevent_socket_callbacks {
    /* `event` is valid during the call. */
    void (*on_event)(void *context, const struct uevent *event);
    /* Events were lost: look at everything anew. */
    void (*on_overrun)(void *context);
};

/* Starts hearing. `callbacks` and `context` must outlive it. Returns 0, ERR_DENIED, ERR_NOMEM or
 * ERR_IO; `*socket` is the caller's until uevent_socket_close. */
int uevent_socket_open(uv_loop_t *loop, const struct uevent_socket_callbacks *callbacks,
                       void *context, struct uevent_socket **socket);

/* No callback runs any more; memory is released on the loop. */
void uevent_socket_close(struct uevent_socket *socket);

#endif
