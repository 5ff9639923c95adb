/* `agent --supervise`: what autostart runs. Starts the agent, and again when it has crashed. */
#ifndef TTYFERRY_HOST_WIN_SUPERVISOR_H
#define TTYFERRY_HOST_WIN_SUPERVISOR_H

/* In the environment of the agent that it starts. */
#define SUPERVISOR_MARK "TTYFERRY_SUPERVISED"

/* Runs this program's `agent` with `arguments` (ended by NULL, without --supervise) until that has
 * ended in order, waiting longer and longer after each crash (1 s to 5 min). The agent ends with
 * the supervisor. One supervisor in a session: a second ends with 0 at once. Returns an exit code.
 */
int supervisor_run(char **arguments);

#endif
