/* The boards that the user keeps for Windows until he takes them again, by the verb `yield`. A
 * board is known by its id, and one with a name by that too: a bootloader has another id, and the
 * program at Windows that flashes the board needs both. Pure. */
#ifndef TTYFERRY_CORE_YIELDS_H
#define TTYFERRY_CORE_YIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/core/board.h"

#define YIELDS_MAX 128

/* All zero is an empty one. */
struct yields {
    struct {
        char id[BOARD_ID_SIZE];
        char name[BOARD_NAME_SIZE]; /* may be empty */
    } items[YIELDS_MAX];
    size_t count;
};

bool yields_has(const struct yields *yields, const struct board *board);

/* Returns 0, also for one that is there, or ERR_FULL. */
int yields_add(struct yields *yields, const struct board *board);

/* Forgets the board with all its identities; one that is not there is fine. */
void yields_remove(struct yields *yields, const struct board *board);

#endif
