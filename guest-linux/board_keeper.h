/* Keeps one board as the host wants it: lets the reconciler decide, has the attachment do it, tells
 * what becomes of it. */
#ifndef TTYFERRY_GUEST_BOARD_KEEPER_H
#define TTYFERRY_GUEST_BOARD_KEEPER_H

#include <stdbool.h>

#include "guest-linux/machine.h"
#include "shared/core/event.h"
#include "shared/core/uevent.h"

struct board_keeper;

/* Told in order, at any time but inside board_keeper_open and board_keeper_close; `event` is valid
 * during the call. EVENT_ARRIVAL, _UPDATE, _ATTACHING, _READY, _FAILED, _DETACHED, _REMOVAL. */
typedef void (*board_keeper_tell_fn)(void *context, const struct event *event);

/* `machine` and `context` must outlive it. Returns 0 or ERR_NOMEM; `*keeper` is the caller's until
 * board_keeper_close. */
int board_keeper_open(const struct machine *machine, const char *board_id,
                      board_keeper_tell_fn tell, void *context, struct board_keeper **keeper);

const char *board_keeper_board_id(const struct board_keeper *keeper);

/* What the host says. `board` has the facts; its state and nodes are not looked at. */
void board_keeper_arrived(struct board_keeper *keeper, const struct board *board, bool wanted,
                          const char *attached_to);
void board_keeper_seen(struct board_keeper *keeper, const struct board *board, bool wanted,
                       const char *attached_to);

/* The user has taken the board, or gives it back; `event` is EVENT_YIELDED or EVENT_TAKEN. What
 * follows from it comes with the next board_keeper_seen. */
void board_keeper_handed(struct board_keeper *keeper, const struct event *event);
void board_keeper_removed(struct board_keeper *keeper);

/* Looks whether the board still answers, if it is ready; one that does not is detached. */
void board_keeper_probe(struct board_keeper *keeper);

/* What the kernel says, and that some of it was lost. */
void board_keeper_uevent(struct board_keeper *keeper, const struct uevent *event);
void board_keeper_look_anew(struct board_keeper *keeper);

/* Some device has left its port. */
void board_keeper_room(struct board_keeper *keeper);

/* False if the board is certainly not in the kernel and not on its way there. */
bool board_keeper_may_hold(struct board_keeper *keeper, const struct board *board);

/* Tells again how the board stands, for a host that may not know: ready, or attaching and what came
 * of it. */
void board_keeper_repeat(struct board_keeper *keeper, board_keeper_tell_fn tell, void *context);

/* True when the board is gone and nothing of it is left. */
bool board_keeper_is_over(const struct board_keeper *keeper);

/* Tells nothing any more. A board that the kernel has stays attached. */
void board_keeper_close(struct board_keeper *keeper);

#endif
