/* Watches the boards at Windows: takes its notices, looks at its device tree and at what usbipd-win
 * shares, and finds out with the tracker what has become of the boards. */
#ifndef TTYFERRY_HOST_WIN_BOARD_WATCH_H
#define TTYFERRY_HOST_WIN_BOARD_WATCH_H

#include <stdbool.h>
#include <uv.h>

#include "host-win/host_notice.h"
#include "host-win/usbipd.h"
#include "shared/core/event.h"
#include "shared/core/pnp_tracker.h"
#include "shared/core/sharing.h"

struct board_watch;

struct board_watch_callbacks {
    /* See pnp_tracker_fn; sets the board's state. */
    pnp_tracker_fn on_change;
    /* What usbipd shares was read anew; `was_attached`: it had given the board to somebody. */
    void (*on_sharing)(void *context, struct board *board, bool was_attached);
};

struct board_watch_options {
    const struct usbipd_place *usbipd;
    bool believes_windows; /* see struct pnp_tracker */
};

/* Nothing is looked at before board_watch_look. `options`, `callbacks` and `context` must outlive
 * the watch. Returns 0 or ERR_NOMEM. */
int board_watch_open(uv_loop_t *loop, const struct board_watch_options *options,
                     const struct board_watch_callbacks *callbacks, void *context,
                     struct board_watch **watch);

/* The boards that are here, and what usbipd shares. The watch owns both. */
struct board_table *board_watch_boards(struct board_watch *watch);
const struct sharing *board_watch_sharing(const struct board_watch *watch);

/* Looks at everything, now. */
void board_watch_look(struct board_watch *watch);

/* Takes one in; HOST_NOTICE_STOP is not for the watch. The look that it calls for follows when all
 * that the loop has at hand has been taken in. */
void board_watch_notice(struct board_watch *watch, const struct host_notice *notice);

/* Some notices were dropped. */
void board_watch_notices_lost(struct board_watch *watch);

/* What the guest does with a board explains what Windows shows of it. `report` is EVENT_ATTACHING,
 * _READY, _FAILED or _DETACHED. */
void board_watch_report(struct board_watch *watch, const struct event *report);

/* This machine slept, or the guest was out of reach: what went meanwhile was nobody's wish. */
void board_watch_doubt(struct board_watch *watch);

/* No callback runs any more. Memory is released on the loop. */
void board_watch_close(struct board_watch *watch);

#endif
