/* `ttyferry agent --stdio`: what the host agent starts in the guest where it can't reach the port.
 */
#ifndef TTYFERRY_GUEST_STDIO_COMMAND_H
#define TTYFERRY_GUEST_STDIO_COMMAND_H

#include <stdbool.h>

/* True if --stdio is among the arguments. */
bool stdio_command_is_meant(int argc, char **argv);

/* See struct cli_verb. Relays stdin and stdout to the agent that serves the link's socket; if there
 * is none, starts one in the background first, with the same options. So the agent's life never
 * hangs on a bridge. */
int stdio_command(const char *help, int argc, char **argv);

#endif
