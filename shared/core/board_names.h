/* Gives boards the names of their families. A name is worn by one board at a time, and follows it
 * through its identities: a bootloader mostly has no serial number, or another one, and is known by
 * the place where its family was last. Where that was is kept in memory alone. */
#ifndef TTYFERRY_CORE_BOARD_NAMES_H
#define TTYFERRY_CORE_BOARD_NAMES_H

#include "shared/core/board_family.h"
#include "shared/core/board_table.h"

struct board_names {
    const struct board_families *families;
    char places[BOARD_FAMILIES_MAX][BOARD_BUSID_SIZE]; /* where each was last; empty: nowhere */
};

/* `families` must outlive the names. */
void board_names_init(struct board_names *names, const struct board_families *families);

/* Sets the name of a board that has come: that of the family which fits best, or the empty one.
 * `boards` are those that are here; the board itself may be among them.
 *
 * A family fits if it has the board's identity and nothing speaks against it: its port is another,
 * or its serial number is another than that of the first identity. Of those that fit, that with the
 * board's serial number comes first, then one that names this port, then the one that was at this
 * place last, then one that names neither; and at last one that names a serial number, if it alone
 * has this identity and the board has no serial number. Of equals the first in the configuration.
 *
 * Returns a family that fits, and whose name another board wears, if the board is left without a
 * name for that reason; else NULL. */
const struct board_family *board_names_give(struct board_names *names,
                                            const struct board_table *boards, struct board *board);

#endif
