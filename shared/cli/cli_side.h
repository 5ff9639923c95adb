/* The side of the link that this program is on, for what the verbs believe and say. The
 * platform's. */
#ifndef TTYFERRY_CLI_CLI_SIDE_H
#define TTYFERRY_CLI_CLI_SIDE_H

#include <stdbool.h>

/* What is at the other end of the link. */
extern const char *const cli_side_other;

/* What can be done about a link that is down: sentences. */
extern const char *const cli_side_link_remedy;

/* True where it is known without the link which boards are plugged in. */
extern const bool cli_side_sees_boards;

#endif
