/* What came, changed and went: Windows' notices and scans in, changes of boards out. Pure: no
 * clock, no Windows. Times are milliseconds of any clock that does not jump.
 *
 * Scans are the ground truth; notices add what scans can't see: that a board went and came back
 * between two of them, and that a node which still lingers is on its way out. What the guest
 * reports tells usbipd-win's capture and release of a board from its own coming and going. */
#ifndef TTYFERRY_CORE_PNP_TRACKER_H
#define TTYFERRY_CORE_PNP_TRACKER_H

#include "shared/core/board_table.h"
#include "shared/core/pnp_claims.h"
#include "shared/core/pnp_notices.h"
#include "shared/core/pnp_orphans.h"
#include "shared/core/pnp_scan.h"

#define PNP_CAPTURE_ADDRESS_SIZE 64
/* So long after a doubt nothing is taken for somebody's wish: usbipd drops a client that has been
 * silent for 15 s in the way in which it detaches. */
#define PNP_TRACKER_DOUBT_MS 30000

enum pnp_event_type {
    PNP_EVENT_ARRIVED,      /* the USB_DEVICE interface of `id` came; a scan follows */
    PNP_EVENT_REMOVED,      /* it went; a scan follows */
    PNP_EVENT_SCANNED,      /* `scan` is how things stand now */
    PNP_EVENT_NOTICES_LOST, /* some ARRIVED or REMOVED were dropped; a scan follows */
    PNP_EVENT_ASKED,        /* the guest has asked usbipd for `id` */
    PNP_EVENT_HELD,         /* it has it */
    PNP_EVENT_FAILED,       /* it has failed to get it */
    PNP_EVENT_RELEASED,     /* it let it go */
    PNP_EVENT_LOST,         /* usbipd took it from it */
    PNP_EVENT_NOTED,        /* `captures` is what usbipd-win's registry says now */
    PNP_EVENT_DOUBTED, /* the host slept, or the guest was out of reach: who knows why things went
                        */
    PNP_EVENT_TICK,    /* the deadline has come, or any other time */
};

/* A captured board as usbipd-win's registry has it. */
struct pnp_capture {
    char id[BOARD_ID_SIZE]; /* the original one, in lower case */
    char stub_id[BOARD_ID_SIZE];
    char description[BOARD_DESCRIPTION_SIZE];
    char address[PNP_CAPTURE_ADDRESS_SIZE]; /* of the client that has it */
};

struct pnp_event {
    enum pnp_event_type type;
    const char *id;     /* an instance id in any case */
    int64_t leaving_ms; /* PNP_EVENT_LOST only: how long ago the guest's kernel began to lose it */
    const struct pnp_scan *scan; /* PNP_EVENT_SCANNED only */
    /* PNP_EVENT_SCANNED, where they make known what was captured before the tracker began, and
     * PNP_EVENT_NOTED. */
    const struct pnp_capture *captures;
    size_t capture_count;
    int64_t now_ms;
};

enum pnp_change {
    PNP_CHANGE_ARRIVAL,
    PNP_CHANGE_UPDATE,
    PNP_CHANGE_RETURN, /* it is Windows' again, after usbipd had it; nobody was told that it went */
    PNP_CHANGE_GIVEN_UP, /* somebody at Windows made usbipd detach it */
    PNP_CHANGE_REMOVAL,
};

/* `board` belongs to the tracker and is valid during the call. Its `state` and `name` are
 * the caller's to set: BOARD_STATE_AVAILABLE and empty on arrival, then kept as long as the board
 * is here. */
typedef void (*pnp_tracker_fn)(void *context, enum pnp_change change, struct board *board);

struct pnp_tracker {
    struct board_table boards; /* the boards told as here */
    struct pnp_notices notices;
    struct pnp_claims claims;
    /* Told as boards of their own, for nobody can tell which ones they hide. */
    struct pnp_orphans orphans;
    /* Takes each removal and arrival at its word, usbipd-win's doing included. Only to show that
     * this never ends: each attach makes the board go. */
    bool believes_windows;
    int64_t doubted_until_ms;
};

void pnp_tracker_init(struct pnp_tracker *tracker);
void pnp_tracker_finish(struct pnp_tracker *tracker);

/* Takes one event and calls `on_change` for each change: removals first, then updates, then
 * arrivals. Returns 0, ERR_NOMEM, or ERR_FULL if there are more boards than a table holds; the
 * next scan then tells what is missing. */
int pnp_tracker_handle(struct pnp_tracker *tracker, const struct pnp_event *event,
                       pnp_tracker_fn on_change, void *context);

/* When the next PNP_EVENT_TICK is due, with a PNP_EVENT_SCANNED after it, or PNP_CLAIMS_NEVER. */
int64_t pnp_tracker_deadline(const struct pnp_tracker *tracker);

#endif
