/* One board's way into the kernel and out again: the import, the port, the drivers, the nodes. It
 * does what it is told and says what happened; what to do is the reconciler's. */
#ifndef TTYFERRY_GUEST_ATTACHMENT_H
#define TTYFERRY_GUEST_ATTACHMENT_H

#include <stdbool.h>

#include "guest-linux/machine.h"
#include "shared/core/attach_fault.h"
#include "shared/core/event.h"
#include "shared/core/uevent.h"

struct attachment;

/* They run on the loop, and inside attachment_uevent and attachment_look_anew; inside no other call
 * to this header. */
struct attachment_callbacks {
    /* The kernel has the socket. */
    void (*on_attached)(void *context);
    /* The attaching came to nothing, and no port is in use. `detail` is for the log. */
    void (*on_failed)(void *context, enum attach_fault fault, const char *detail);
    /* Every node can be opened. `nodes` and `took` are valid during the call. */
    void (*on_ready)(void *context, const struct tty_nodes *nodes, const struct event_took *took);
    /* The kernel has removed the USB device. */
    void (*on_gone)(void *context);
};

/* `machine`, `callbacks` and `context` must outlive it. Returns 0 or ERR_NOMEM; `*attachment` is
 * the caller's until attachment_close. */
int attachment_open(const struct machine *machine, const struct attachment_callbacks *callbacks,
                    void *context, struct attachment **attachment);

/* Takes over the board if the kernel has it already, as after a restart of the agent. True if so:
 * then it is as if on_attached had run, and attachment_look_anew is due. */
bool attachment_adopt(struct attachment *attachment, const struct board *board);

/* True if attachment_adopt would take the board over, or if it is too early to tell. */
bool attachment_may_adopt(struct attachment *attachment, const struct board *board);

/* As attachment_adopt, but only for what this agent or a former run of it has attached: what
 * another program has is left alone. */
bool attachment_adopt_own(struct attachment *attachment, const struct board *board);

/* Starts to attach the board; no attaching or port may be left of an earlier one. Takes over what a
 * former run of the agent has begun. Returns FAULT_NONE, and then on_attached or on_failed follows;
 * or why it cannot even be tried. */
enum attach_fault attachment_start(struct attachment *attachment, const struct board *board);

/* Ends an attaching that has not come to on_attached: none of its callbacks runs any more. */
void attachment_cancel(struct attachment *attachment);

/* Tells the kernel to let go of the board. No on_ready follows any more. */
void attachment_detach(struct attachment *attachment);

/* True when the kernel has let go of the board, and its nodes are gone. */
bool attachment_port_is_free(struct attachment *attachment);

/* The port may go to another board. */
void attachment_release_port(struct attachment *attachment);

/* Takes in what the kernel says; about other devices it does nothing. */
void attachment_uevent(struct attachment *attachment, const struct uevent *event);

/* How long ago the peer hung up, attachment_detach was called, or the kernel began to take the
 * device away, in milliseconds; 0: none of them. */
int64_t attachment_leaving_ms(const struct attachment *attachment);

/* True if the device on the port does not answer, though it was asked. */
bool attachment_is_unanswered(struct attachment *attachment);

/* True if there is a port for the board. */
bool attachment_has_room(struct attachment *attachment, const struct board *board);

/* Uevents were lost: looks for itself how things stand, and tells it soon. */
void attachment_look_anew(struct attachment *attachment);

/* No callback runs any more. A board that the kernel has stays attached. */
void attachment_close(struct attachment *attachment);

#endif
