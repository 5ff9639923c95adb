/* `agent --supervise`: what autostart runs. Starts the agent, and again when it has crashed. */
#ifndef TTYFERRY_HOST_WIN_SUPERVISOR_H
#define TTYFERRY_HOST_WIN_SUPERVISOR_H

/* In the environment of the agent that it starts. */
#define SUPERVISOR_MARK "TTYFERRY_SUPERVISED"

/* Of the hidden window that there is while no agent runs, between two tries: WM_CLOSE to it asks
 * the supervisor to end. */
#define SUPERVISOR_WINDOW_CLASS L"ttyferry-supervisor"

/* Runs this program's `agent` with `arguments` (ended by NULL, without --supervise) until that has
 * ended in order, waiting longer and longer after each crash (supervisor_plan.h). The agent ends
 * with the supervisor. Unless the arguments name a --log-file, it is agent.log beside the
 * configuration; the supervisor's own words go there too, and what a failing agent said last on
 * its stderr. One supervisor in a session: a second ends with 0 at once. Returns an exit code. */
int supervisor_run(char **arguments);

#endif
