/* This user's agent, from outside: ending it in order, and starting one. */
#ifndef TTYFERRY_HOST_WIN_AGENT_PROCESS_H
#define TTYFERRY_HOST_WIN_AGENT_PROCESS_H

#include <stdbool.h>
#include <wchar.h>

/* Asks the agent that serves `stream` (a pipe's full name) to end, as taskkill does, and waits
 * until it has; agents with other streams go on. The boards stay attached. While a crashed agent
 * waits to be started again, its supervisor is asked instead. `*ended` says whether there was
 * either. Returns 0, ERR_TIMEOUT if it does not end within 15 s, ERR_DENIED if it can't be asked
 * (it runs in another session), or ERR_AUTH if somebody else serves that pipe. */
int agent_process_end(const char *stream, bool *ended);

/* Runs a command line, such as the one of the Run key, detached from this process. Returns 0,
 * ERR_NOT_FOUND, ERR_DENIED, ERR_TOO_LONG or ERR_IO. */
int agent_process_start(const wchar_t *command);

#endif
