/* What to do about one board, decided from what the host wants, what is the case, what has just
 * happened and the time. Pure: the caller performs the actions and tells the outcome as the next
 * event. Times are milliseconds of any clock that does not jump. */
#ifndef TTYFERRY_CORE_RECONCILER_H
#define TTYFERRY_CORE_RECONCILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/attach_fault.h"
#include "shared/core/backoff.h"
#include "shared/core/event.h"

/* From the kernel's having the socket to usable nodes. */
#define RECONCILER_ENUMERATION_MS 20000
/* The kernel says nothing of a server that closes before the device has answered, nor of a device
 * that never does: the port is looked at after 1 s, and every 5 s from then on. One whose device
 * was asked and has not answered 5 s later is given up, for it holds up every other enumeration on
 * its controller. */
#define RECONCILER_LOOK_FIRST_MS 1000
#define RECONCILER_LOOK_MS 5000
#define RECONCILER_ANSWER_MS 5000
/* While a detached port is not free, it is looked at again after 20 ms, doubling up to 1 s (the
 * device's own uevent is what normally tells), and given up after 30 s. A silent peer takes the
 * kernel some 4.2 s. */
#define RECONCILER_CHECK_FIRST_MS 20
#define RECONCILER_CHECK_MAX_MS 1000
#define RECONCILER_DETACH_MS 30000

/* How long Windows may take to be done with a device that has come. */
#define RECONCILER_SETTLE_MS 3000

#define RECONCILER_ACTIONS_MAX 6
#define RECONCILER_NEVER INT64_MAX

enum reconciler_event {
    /* From the host. */
    RECONCILER_ARRIVED, /* enumerated just now: every backoff starts over */
    RECONCILER_SEEN,    /* named in a snapshot, or a fact changed */
    RECONCILER_MOVED,   /* either, and it is at another place now */
    RECONCILER_REMOVED, /* gone from Windows */
    /* From the edges. */
    RECONCILER_ATTACHED,      /* imported, and the kernel has the socket */
    RECONCILER_ATTACH_FAILED, /* `fault` says why; the port, if any, is not in use */
    RECONCILER_NODES_READY,   /* every node can be opened */
    RECONCILER_SILENT,        /* the board does not answer: its peer is gone without a word */
    RECONCILER_DEVICE_GONE,   /* the kernel has removed the USB device */
    RECONCILER_PORT_FREE,     /* vhci calls the port free */
    RECONCILER_UNANSWERED,    /* the device on the port has not answered yet, and was asked */
    RECONCILER_ROOM,          /* a port that was in use is free */
    RECONCILER_LEFT_OVER,     /* the kernel has it from a former run, though it is not wanted */
    RECONCILER_TICK,          /* the deadline has come, or any other time */
};

enum reconciler_phase {
    RECONCILER_IDLE,
    RECONCILER_ATTACHING,   /* import asked for, until the kernel has the socket */
    RECONCILER_ENUMERATING, /* until the nodes are ready */
    RECONCILER_READY,
    RECONCILER_DETACHING, /* until the port is free */
    RECONCILER_WAITING,   /* failed or lost, a retry may be due at the deadline */
};

enum reconciler_action {
    RECONCILER_ATTACH,        /* import the device and give it to vhci */
    RECONCILER_CANCEL_ATTACH, /* no outcome of it may be told any more */
    RECONCILER_DETACH,        /* write the detach; then look whether the port is free */
    RECONCILER_CHECK_PORT,    /* look whether the port is free, or its device does not answer */
    RECONCILER_RELEASE_PORT,  /* the port is no longer ours */
    RECONCILER_TELL_ARRIVAL,
    RECONCILER_TELL_UPDATE,
    RECONCILER_TELL_ATTACHING, /* reconciler->attempt */
    RECONCILER_TELL_READY,
    RECONCILER_TELL_FAILED,   /* reconciler->fault, ->retry_in_ms */
    RECONCILER_TELL_DETACHED, /* reconciler->reason */
    RECONCILER_TELL_REMOVAL,
};

struct reconciler_actions {
    enum reconciler_action items[RECONCILER_ACTIONS_MAX]; /* to be done in this order */
    size_t count;
};

struct reconciler {
    /* What the host says. */
    bool present;
    bool wanted;
    bool yielded; /* set by the caller: that it is not wanted is the user's own wish */
    /* What is the case. */
    enum reconciler_phase phase;
    bool told; /* the streams know the board */
    bool gone; /* ... and have to hear of its removal once the port is free */
    int64_t deadline_ms;
    int64_t give_up_ms; /* RECONCILER_ENUMERATING, RECONCILER_DETACHING */
    /* What the tellings carry. */
    unsigned attempt;
    enum attach_fault
        fault;           /* an import that is refused as in use soon after the arrival is busy */
    int64_t retry_in_ms; /* negative: no more tries */
    enum event_reason reason;
    /* Private. */
    enum attach_fault pending_fault; /* RECONCILER_DETACHING: told instead of a detachment */
    bool hurry;                      /* arrived anew while its port was not yet free */
    bool was_ready;
    int64_t arrived_ms;
    int64_t unanswered_ms;         /* RECONCILER_ENUMERATING: since when, or RECONCILER_NEVER */
    uint32_t retries[FAULT_COUNT]; /* used up since the arrival */
    struct backoff retry;
    struct backoff check;
};

void reconciler_init(struct reconciler *reconciler);

/* Takes the event in and says what to do. `wanted` counts for RECONCILER_ARRIVED, RECONCILER_SEEN
 * and RECONCILER_MOVED, `fault` for RECONCILER_ATTACH_FAILED. */
void reconciler_step(struct reconciler *reconciler, enum reconciler_event event, bool wanted,
                     enum attach_fault fault, int64_t now_ms, struct reconciler_actions *actions);

/* When the next RECONCILER_TICK is due, or RECONCILER_NEVER. */
int64_t reconciler_deadline(const struct reconciler *reconciler);

/* True when the board is gone and nothing of it is left: the caller forgets it. */
bool reconciler_is_over(const struct reconciler *reconciler);

#endif
