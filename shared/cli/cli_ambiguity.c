#include "shared/cli/cli_ambiguity.h"

#include <stddef.h>

#include "shared/cli/cli_output.h"

static void say_board(const char *verb, const struct board *board)
{
    cli_output_error(verb, "  %04x:%04x serial=%s port=%s %s", board->vid, board->pid,
                     board->serial[0] != '\0' ? board->serial : "(none)",
                     board->busid[0] != '\0' ? board->busid : "(unknown)", board->description);
}

void cli_ambiguity_say(const char *verb, const char *text, const struct match *match,
                       const struct board_table *boards)
{
    size_t count = 0;

    for (size_t i = 0; i < boards->count; i++) {
        count += match_check(match, boards->items[i]) ? 1 : 0;
    }
    cli_output_error(verb, "\"%s\" fits %zu boards, say which one is meant:", text, count);
    for (size_t i = 0; i < boards->count; i++) {
        if (match_check(match, boards->items[i])) {
            say_board(verb, boards->items[i]);
        }
    }
}
