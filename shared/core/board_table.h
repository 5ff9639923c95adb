/* The boards that an agent knows, by id: a bounded set that owns its entries. */
#ifndef TTYFERRY_CORE_BOARD_TABLE_H
#define TTYFERRY_CORE_BOARD_TABLE_H

#include "shared/core/board.h"

#define BOARD_TABLE_MAX 128

struct board_table {
    struct board **items; /* owned; the order is that of arrival */
    size_t count;
    size_t capacity;
};

void board_table_init(struct board_table *table);
void board_table_finish(struct board_table *table);

/* The board with that id (compared ignoring case), or NULL. The table owns it; the pointer is
 * valid until that board is removed. */
struct board *board_table_find(const struct board_table *table, const char *id);

/* Adds a copy of `board`, or overwrites the one with its id. Returns 0, ERR_FULL or ERR_NOMEM. */
int board_table_put(struct board_table *table, const struct board *board);

/* Forgets the board with that id; unknown ids are fine. */
void board_table_remove(struct board_table *table, const char *id);

#endif
