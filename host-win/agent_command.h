/* `ttyferry agent`: reads the arguments and the configuration, and runs the agent. */
#ifndef TTYFERRY_HOST_WIN_AGENT_COMMAND_H
#define TTYFERRY_HOST_WIN_AGENT_COMMAND_H

/* A struct cli_verb's run: returns an exit code of enum cli_exit. */
int agent_command(int argc, char **argv);

#endif
