/* Tells what becomes of the boards: to the readers of our stream, to the guest, and in the log. */
#ifndef TTYFERRY_HOST_WIN_BOARD_TELLER_H
#define TTYFERRY_HOST_WIN_BOARD_TELLER_H

#include <uv.h>

#include "host-win/guest_link.h"
#include "shared/core/pnp_tracker.h"
#include "shared/core/request.h"
#include "shared/core/sharing.h"
#include "shared/stream/stream.h"

struct board_teller;

/* `boards` are those that are here, each with its state as the teller has judged it, and `sharing`
 * is what they are judged by. They, `loop` and `stream` must outlive the teller. Returns 0 or
 * ERR_NOMEM. */
int board_teller_open(uv_loop_t *loop, struct stream *stream, const struct board_table *boards,
                      const struct sharing *sharing, struct board_teller **teller);

/* The link to tell the guest by; until then, and with NULL, nobody is told: a snapshot will. */
void board_teller_set_link(struct board_teller *teller, struct guest_link *link);

/* The tracker has found a change. Sets the board's state. */
void board_teller_change(struct board_teller *teller, enum pnp_change change, struct board *board);

/* `sharing` has been read anew; `was_attached`: by the former one usbipd had given the board to
 * somebody. */
void board_teller_judge_anew(struct board_teller *teller, struct board *board, bool was_attached);

/* The guest has reported EVENT_ATTACHING, _READY, _FAILED or _DETACHED. `board` is the one it is
 * about, or NULL if that is not here. */
void board_teller_report(struct board_teller *teller, const struct event *event,
                         struct board *board);

/* Somebody asks for REQUEST_YIELD or REQUEST_TAKE, by the board's id; `*outcome`, empty before,
 * says what came of it. A board that is yielded so stays with Windows, with all identities of its
 * name, until it is taken. */
void board_teller_request(struct board_teller *teller, enum request_type type, const char *board_id,
                          struct request_outcome *outcome);

/* Tells the guest which boards are the user's: before a snapshot, so that it lets go of them for
 * that reason, and after it, for those that it had not heard of. */
void board_teller_send_yields(struct board_teller *teller);

/* The link went: the guest will not say any more what waits for its word. */
void board_teller_link_down(struct board_teller *teller);

/* Tells nothing more. Memory is released on the loop. */
void board_teller_close(struct board_teller *teller);

#endif
