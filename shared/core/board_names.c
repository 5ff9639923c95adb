#include "shared/core/board_names.h"

#include <string.h>

#include "shared/core/text.h"

/* How well a family fits a board; more is better. */
enum fit {
    FIT_NOT,
    FIT_ALONE,  /* nothing is known of the board, and no other family has this identity */
    FIT_ANY,    /* the family takes any board with this identity */
    FIT_PLACE,  /* it was here last */
    FIT_PORT,   /* it is meant for this place */
    FIT_SERIAL, /* it is this very board */
};

void board_names_init(struct board_names *names, const struct board_families *families)
{
    memset(names, 0, sizeof *names);
    names->families = families;
}

static bool has_identity(const struct board_family *family, const struct board *board)
{
    return board_family_find_identity(family, board->vid, board->pid) < family->identity_count;
}

static bool is_first_identity(const struct board_family *family, const struct board *board)
{
    return board_family_find_identity(family, board->vid, board->pid) == 0;
}

static bool is_only_one(const struct board_names *names, const struct board *board)
{
    size_t count = 0;

    for (size_t i = 0; i < names->families->count; i++) {
        count += has_identity(&names->families->items[i], board);
    }
    return count == 1;
}

static bool is_at(const char *place, const struct board *board)
{
    return place[0] != '\0' && strcmp(place, board->busid) == 0;
}

static enum fit judge(const struct board_names *names, size_t at, const struct board *board)
{
    const struct board_family *family = &names->families->items[at];
    bool is_same = family->serial[0] != '\0' && text_equal_nocase(family->serial, board->serial);

    if (!has_identity(family, board) ||
        (family->busid[0] != '\0' && !is_at(family->busid, board))) {
        return FIT_NOT;
    }
    if (is_same) {
        return FIT_SERIAL;
    }
    if (is_first_identity(family, board) && family->serial[0] != '\0') {
        return FIT_NOT;
    }
    if (family->serial[0] == '\0' && family->busid[0] != '\0') {
        return FIT_PORT;
    }
    if (is_at(names->places[at], board)) {
        return FIT_PLACE;
    }
    if (family->serial[0] == '\0') {
        return FIT_ANY;
    }
    return board->serial[0] == '\0' && is_only_one(names, board) ? FIT_ALONE : FIT_NOT;
}

static bool is_worn(const char *name, const struct board_table *boards, const struct board *but)
{
    for (size_t i = 0; i < boards->count; i++) {
        const struct board *board = boards->items[i];

        if (strcmp(board->name, name) == 0 && !text_equal_nocase(board->id, but->id)) {
            return true;
        }
    }
    return false;
}

/* What is at a place now was not there before. */
static void remember(struct board_names *names, const struct board *board)
{
    for (size_t i = 0; i < names->families->count; i++) {
        bool is_its = strcmp(names->families->items[i].name, board->name) == 0;

        if (is_its) {
            text_copy(names->places[i], sizeof names->places[i], board->busid);
        } else if (is_at(names->places[i], board)) {
            names->places[i][0] = '\0';
        }
    }
}

const struct board_family *board_names_give(struct board_names *names,
                                            const struct board_table *boards, struct board *board)
{
    const struct board_family *best = NULL;
    const struct board_family *missed = NULL;
    enum fit best_fit = FIT_NOT;

    for (size_t i = 0; i < names->families->count; i++) {
        const struct board_family *family = &names->families->items[i];
        enum fit fit = judge(names, i, board);

        if (fit > best_fit && !is_worn(family->name, boards, board)) {
            best_fit = fit;
            best = family;
        } else if (fit != FIT_NOT && missed == NULL) {
            missed = family;
        }
    }
    text_copy(board->name, sizeof board->name, best != NULL ? best->name : "");
    remember(names, board);
    return best != NULL ? NULL : missed;
}
