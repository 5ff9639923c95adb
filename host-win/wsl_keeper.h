/* Keeps WSL from ending the distribution while boards are attached, and starts it for a board, as
 * `start_wsl` and `keep_alive` of the configuration say. A distribution that does not run is never
 * started without `start_wsl`. */
#ifndef TTYFERRY_HOST_WIN_WSL_KEEPER_H
#define TTYFERRY_HOST_WIN_WSL_KEEPER_H

#include "host-win/wsl.h"
#include "shared/core/board_table.h"

struct wsl_keeper;

/* `wsl` has to last until the keeper is closed, in the same turn of the loop. Nothing is started
 * before the first wsl_keeper_update. Returns 0 or ERR_NOMEM. */
int wsl_keeper_open(uv_loop_t *loop, struct wsl *wsl, const struct config *config,
                    struct wsl_keeper **keeper);

/* The boards are as in `boards` now, with what the guest reported. `has_come`: one of them just
 * has. */
void wsl_keeper_update(struct wsl_keeper *keeper, const struct board_table *boards, bool has_come);

/* While another session of Windows is the active one no distribution is started; one that runs is
 * held as before while a board is attached. */
void wsl_keeper_set_away(struct wsl_keeper *keeper, bool is_away);

/* Ends the session that it keeps, unlike the distribution, which WSL may then end when idle.
 * `on_closed` (may be NULL) runs once, last. */
void wsl_keeper_close(struct wsl_keeper *keeper, void (*on_closed)(void *context), void *context);

#endif
