#include "shared/core/board_table.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

void board_table_init(struct board_table *table)
{
    *table = (struct board_table){0};
}

void board_table_finish(struct board_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->items[i]);
    }
    free(table->items);
    board_table_init(table);
}

/* The place of the board with that id, or `count` if there is none. */
static size_t find_index(const struct board_table *table, const char *id)
{
    size_t i = 0;
    while (i < table->count && !text_equal_nocase(table->items[i]->id, id)) {
        i++;
    }
    return i;
}

struct board *board_table_find(const struct board_table *table, const char *id)
{
    size_t i = find_index(table, id);
    return i < table->count ? table->items[i] : NULL;
}

static int reserve(struct board_table *table)
{
    if (table->count < table->capacity) {
        return 0;
    }
    if (table->count == BOARD_TABLE_MAX) {
        return ERR_FULL;
    }
    size_t capacity = table->capacity == 0 ? 8 : 2 * table->capacity;
    if (capacity > BOARD_TABLE_MAX) {
        capacity = BOARD_TABLE_MAX;
    }
    struct board **items = realloc(table->items, capacity * sizeof(struct board *));
    if (items == NULL) {
        return ERR_NOMEM;
    }
    table->items = items;
    table->capacity = capacity;
    return 0;
}

int board_table_put(struct board_table *table, const struct board *board)
{
    struct board *known = board_table_find(table, board->id);
    if (known != NULL) {
        if (known != board) {
            *known = *board;
        }
        return 0;
    }
    int result = reserve(table);
    if (result != 0) {
        return result;
    }
    struct board *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    *copy = *board;
    table->items[table->count++] = copy;
    return 0;
}

void board_table_remove(struct board_table *table, const char *id)
{
    size_t i = find_index(table, id);
    if (i == table->count) {
        return;
    }
    free(table->items[i]);
    table->count--;
    memmove(&table->items[i], &table->items[i + 1], (table->count - i) * sizeof(struct board *));
}
