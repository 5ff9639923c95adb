/* A MATCH that fits several boards where one is meant. */
#ifndef TTYFERRY_CLI_CLI_AMBIGUITY_H
#define TTYFERRY_CLI_CLI_AMBIGUITY_H

#include "shared/core/board_table.h"
#include "shared/core/match.h"

/* Says so on stderr, with a line for each of `boards` that fits `match`, which was written as
 * `text`: what tells them apart. */
void cli_ambiguity_say(const char *verb, const char *text, const struct match *match,
                       const struct board_table *boards);

#endif
