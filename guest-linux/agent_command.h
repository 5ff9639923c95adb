/* The verb `agent`. */
#ifndef TTYFERRY_GUEST_AGENT_COMMAND_H
#define TTYFERRY_GUEST_AGENT_COMMAND_H

/* See struct cli_verb. */
int agent_command(int argc, char **argv);

#endif
