/* What the supervisor starts, and when again. Pure. */
#ifndef TTYFERRY_HOST_WIN_SUPERVISOR_PLAN_H
#define TTYFERRY_HOST_WIN_SUPERVISOR_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "host-win/child.h"
#include "shared/core/backoff.h"

/* How the agent's last run has ended. */
struct supervisor_run_result {
    int error; /* 0: by itself, with `exit_code`; else why it could not run */
    int64_t exit_code;
    uint64_t ran_ms;
};

/* The log file that `arguments` (ended by NULL) name, the last one if several, else `fallback`.
 * Points into either. */
const char *supervisor_plan_log(char *const *arguments, const char *fallback);

/* The agent's command line: `program`, "agent", --log-file with `log` where the arguments name
 * none, and the arguments. `log` may be NULL. `argv` points into all of them and is ended by NULL.
 * Returns 0, or ERR_TOO_LONG for too many arguments. */
int supervisor_plan_argv(const char *program, const char *log, char *const *arguments,
                         const char *argv[CHILD_ARGUMENTS_MAX]);

/* Waiting starts at 1 s and grows to 5 min. */
void supervisor_plan_init(struct backoff *backoff);

/* Whether the agent is to be started again, and then in how many milliseconds: it is, unless it
 * ended in order or its command line is wrong, which it would stay. A run of a minute was a good
 * one, after which waiting starts small again. */
bool supervisor_plan_next(struct backoff *backoff, const struct supervisor_run_result *last,
                          uint32_t *delay_ms);

#endif
