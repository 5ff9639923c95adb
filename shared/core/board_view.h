/* The boards as a stream tells them: how each event changes the table, for the agent that
 * publishes and for the reader that follows. Pure. */
#ifndef TTYFERRY_CORE_BOARD_VIEW_H
#define TTYFERRY_CORE_BOARD_VIEW_H

#include "shared/core/board_table.h"
#include "shared/core/event.h"

/* Applies an event to the boards and fills event->board with the whole board as it stands after it
 * (with BOARD_STATE_GONE for one that is removed). What is looked at in event->board:
 * EVENT_ARRIVAL all of it; EVENT_UPDATE the host's facts (the nodes are kept, and so is the state
 * unless both are among available, needs_sharing and waiting); EVENT_READY id, ttys and usb_node;
 * any other type the id.
 * EVENT_LINK changes nothing. Returns 0; ERR_NOT_FOUND for a board that is not there; ERR_EXISTS
 * for an EVENT_READY, EVENT_ATTACHING or EVENT_DETACHED that says nothing new; ERR_INVALID for
 * EVENT_SNAPSHOT and EVENT_DROPPED; ERR_FULL; ERR_NOMEM. On failure both stay untouched. */
int board_view_apply(struct board_table *boards, struct event *event);

/* At most so many events are missing before one. */
#define BOARD_VIEW_MISSING_MAX 2

/* What must have happened before the event, by the order of a board's life, and was not told, for
 * instance while the link was down: fills `missing` with the types in order (EVENT_DETACHED,
 * EVENT_ATTACHING) and returns their number. */
size_t board_view_missing(const struct board_table *boards, const struct event *event,
                          enum event_type missing[BOARD_VIEW_MISSING_MAX]);

#endif
