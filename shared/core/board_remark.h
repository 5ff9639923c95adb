/* What there is to say about a board besides its state: why it stands there, and what can be done
 * about it. Pure. */
#ifndef TTYFERRY_CORE_BOARD_REMARK_H
#define TTYFERRY_CORE_BOARD_REMARK_H

#include <stddef.h>

#include "shared/core/board.h"

#define BOARD_REMARKS_MAX 2

struct board_remark {
    const char *label; /* what goes before the text, with its space; static */
    const char *text;  /* not empty; static, or in the board, and then as it came: escape it */
};

/* Fills `remarks`, which live as long as the board, in the order in which they are to be said.
 * Returns their number. */
size_t board_remarks(const struct board *board, struct board_remark remarks[BOARD_REMARKS_MAX]);

#endif
