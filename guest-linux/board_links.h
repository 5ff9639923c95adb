/* All that leads to an attached board's ttys: the links by id and by path, the stable links of a
 * named board, what udev's rules are told of them, nodes that were missing. It comes before anybody
 * hears of the ttys, and goes with the board. */
#ifndef TTYFERRY_GUEST_BOARD_LINKS_H
#define TTYFERRY_GUEST_BOARD_LINKS_H

#include "guest-linux/machine.h"

/* Makes for `owner` what `nodes` and `name`, valid or empty for none, call for, and fills in the
 * links of its ttys. */
void board_links_put(const struct machine *machine, const void *owner, const char *name,
                     struct tty_nodes *nodes);

/* The board is called `name` now. */
void board_links_rename(const struct machine *machine, const void *owner, const char *name,
                        struct board_ttys *ttys);

/* Takes all of it away; `nodes` is empty then. */
void board_links_drop(const struct machine *machine, const void *owner, struct tty_nodes *nodes);

/* The board stays in the kernel without us: leaves what leads to it. */
void board_links_leave(const struct machine *machine, const void *owner);

#endif
