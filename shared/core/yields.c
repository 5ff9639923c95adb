#include "shared/core/yields.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

static bool is_of(const struct yields *yields, size_t i, const struct board *board)
{
    return text_equal_nocase(yields->items[i].id, board->id) ||
           (board->name[0] != '\0' && strcmp(yields->items[i].name, board->name) == 0);
}

bool yields_has(const struct yields *yields, const struct board *board)
{
    for (size_t i = 0; i < yields->count; i++) {
        if (is_of(yields, i, board)) {
            return true;
        }
    }
    return false;
}

int yields_add(struct yields *yields, const struct board *board)
{
    if (yields_has(yields, board)) {
        return 0;
    }
    if (yields->count == YIELDS_MAX) {
        return ERR_FULL;
    }
    text_copy(yields->items[yields->count].id, BOARD_ID_SIZE, board->id);
    text_copy(yields->items[yields->count].name, BOARD_NAME_SIZE, board->name);
    yields->count++;
    return 0;
}

void yields_remove(struct yields *yields, const struct board *board)
{
    for (size_t i = yields->count; i > 0; i--) {
        if (is_of(yields, i - 1, board)) {
            yields->items[i - 1] = yields->items[--yields->count];
        }
    }
}
