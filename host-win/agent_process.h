/* This user's agent, from outside: ending it in order, and starting one. */
#ifndef TTYFERRY_HOST_WIN_AGENT_PROCESS_H
#define TTYFERRY_HOST_WIN_AGENT_PROCESS_H

#include <stdbool.h>
#include <wchar.h>

/* Asks the agent that serves `stream` (a pipe's full name) to end, as taskkill does, and whatever
 * else runs `program`: the full path of ttyferryw.exe, which has nothing to do but that; or where
 * it was renamed to. Waits until they have. What has only just been started may serve nothing yet;
 * it is waited for. Agents of other programs with other streams go on. The boards stay attached.
 * While a crashed agent waits to be started again, its supervisor is asked instead. `*ended` says
 * whether there was any. Returns 0, ERR_TIMEOUT if one does not end within 15 s, ERR_DENIED if it
 * can't be asked (it runs in another session), or ERR_AUTH if somebody else serves that pipe. */
int agent_process_end(const char *stream, const wchar_t *program, bool *ended);

/* Runs a command line, such as the one of the Run key, detached from this process. Returns 0,
 * ERR_NOT_FOUND, ERR_DENIED, ERR_TOO_LONG or ERR_IO. */
int agent_process_start(const wchar_t *command);

#endif
