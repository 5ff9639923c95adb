/* The agents that run in this session, from outside: ending them in order, and starting one. */
#ifndef TTYFERRY_HOST_WIN_AGENT_PROCESS_H
#define TTYFERRY_HOST_WIN_AGENT_PROCESS_H

#include <wchar.h>

/* Asks every agent of this user's session to end, as taskkill does, and waits until they have. The
 * boards stay attached. `*ended` counts them. Returns 0, ERR_TIMEOUT if one does not end within
 * 15 s, or ERR_DENIED. */
int agent_process_end_all(unsigned *ended);

/* Runs a command line, such as the one of the Run key, detached from this process. Returns 0,
 * ERR_NOT_FOUND, ERR_DENIED or ERR_IO. */
int agent_process_start(const wchar_t *command);

#endif
