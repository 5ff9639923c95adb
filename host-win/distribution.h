/* The distribution that the guest agent lives in: kept running, or started, as the boards and the
 * configuration want it, and reached by the bridge. */
#ifndef TTYFERRY_HOST_WIN_DISTRIBUTION_H
#define TTYFERRY_HOST_WIN_DISTRIBUTION_H

#include <stdbool.h>
#include <uv.h>

#include "host-win/guest_link.h"
#include "shared/core/board_table.h"
#include "shared/core/config.h"

struct distribution;

/* `config` and `boards`, which are as told, with what the guest has made of them, must outlive it.
 * Away or not: see distribution_set_away. Returns 0, ERR_TOO_LONG, ERR_IO or ERR_NOMEM. */
int distribution_open(uv_loop_t *loop, const struct config *config,
                      const struct board_table *boards, bool is_away,
                      struct distribution **distribution);

/* The boards have changed; `has_come`: there is one more. They are looked at a moment later, when
 * all is said about them. */
void distribution_boards_changed(struct distribution *distribution, bool has_come);

/* As wsl_keeper_set_away. */
void distribution_set_away(struct distribution *distribution, bool is_away);

/* For the options of the link, which must be closed before the distribution is; and that link, once
 * it is open. */
struct guest_ways_bridge distribution_bridge(struct distribution *distribution);
void distribution_set_link(struct distribution *distribution, struct guest_link *link);

/* Ends what it runs. Memory is released on the loop. */
void distribution_close(struct distribution *distribution);

#endif
