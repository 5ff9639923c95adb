/* The agent that runs, as another program of ours sees it: found by its stream's socket, for that
 * is what only one agent can have; ended by a signal to just that process. Everything blocks. */
#ifndef TTYFERRY_GUEST_AGENT_CONTROL_H
#define TTYFERRY_GUEST_AGENT_CONTROL_H

#include <stdint.h>
#include <sys/types.h>

/* Lets go of every board, then ends (see agent.h). */
#define AGENT_CONTROL_RELEASE SIGUSR1
/* Ends; boards stay attached. */
#define AGENT_CONTROL_END SIGTERM

struct agent_control {
    pid_t pid;
    int fd; /* a pidfd: what the number means cannot change any more; agent_control_close */
};

/* The agent that serves the socket at `stream_path`. Returns 0, ERR_NOT_FOUND if there is none,
 * ERR_DENIED if the one there does not belong to us, ERR_UNSUPPORTED on kernels before 5.3,
 * ERR_TOO_LONG, ERR_IO. */
int agent_control_find(const char *stream_path, struct agent_control *agent);

/* Sends the signal and waits for the end; after `limit_ms` the process is killed. Returns 0,
 * ERR_TIMEOUT if it had to be killed, ERR_DENIED. */
int agent_control_end(const struct agent_control *agent, int signal_number, int limit_ms);

void agent_control_close(struct agent_control *agent);

/* Waits until an agent serves the socket. Returns 0, or ERR_TIMEOUT after `limit_ms`. */
int agent_control_await(const char *stream_path, int limit_ms);

#endif
