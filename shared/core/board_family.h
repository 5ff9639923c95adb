/* Families: the boards that the configuration gives a name, each with every identity that one board
 * shows itself with (application, bootloader, DFU). Plain data. */
#ifndef TTYFERRY_CORE_BOARD_FAMILY_H
#define TTYFERRY_CORE_BOARD_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/board.h"

#define BOARD_FAMILIES_MAX 32
#define BOARD_FAMILY_IDENTITIES_MAX 8

struct board_identity {
    uint16_t vid;
    uint16_t pid;
};

struct board_family {
    char name[BOARD_NAME_SIZE];
    struct board_identity identities[BOARD_FAMILY_IDENTITIES_MAX]; /* the application's first */
    size_t identity_count;
    char serial[BOARD_SERIAL_SIZE]; /* of the first identity; empty: any board */
    char busid[BOARD_BUSID_SIZE];   /* empty: at any place */
};

struct board_families {
    struct board_family items[BOARD_FAMILIES_MAX];
    size_t count;
};

/* Reads "2341:8036" in any case. Returns 0 or ERR_INVALID. */
int board_identity_from_text(const char *text, struct board_identity *identity);

/* The place of the board's identity in the family, or `identity_count` if it has no such one. */
size_t board_family_find_identity(const struct board_family *family, uint16_t vid, uint16_t pid);

#endif
