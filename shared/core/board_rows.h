/* The boards and the link as people read them: a table that fits a width, with what is wrong and
 * what can be done about it below the board's row. Pure; everything that came from outside is
 * escaped. */
#ifndef TTYFERRY_CORE_BOARD_ROWS_H
#define TTYFERRY_CORE_BOARD_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/core/event.h"

/* A narrower terminal gets rows of this width. */
#define BOARD_ROWS_WIDTH_MIN 20

struct board_rows_form {
    size_t width;            /* columns that a row may take; 0: any number */
    bool colours;            /* with the escapes of a terminal */
    const char *link_remedy; /* what can be done about a link that is down; NULL: nothing is said */
};

/* The boards of a snapshot: a line of titles, a line a board, one more for each further tty; "no
 * boards" if there is none. Columns that no board needs are left out; in a narrow window the
 * description is shortened first. Each line ends with LF. `*text` is the caller's to free().
 * Returns 0 or ERR_NOMEM. */
int board_rows_boards(const struct event *snapshot, const struct board_rows_form *form,
                      char **text);

/* The link of a snapshot, on one line; below it, while it is down, the remedy. As above. */
int board_rows_link(const struct event *snapshot, const struct board_rows_form *form, char **text);

#endif
