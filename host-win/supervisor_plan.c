#include "host-win/supervisor_plan.h"

#include <stddef.h>
#include <string.h>

#include "shared/cli/cli.h"
#include "shared/core/error.h"

#define LOG_OPTION "--log-file"
#define RESTART_FIRST_MS 1000
#define RESTART_MAX_MS 300000
/* An agent that ran so long has not crashed because of how it was started. */
#define GOOD_RUN_MS 60000

const char *supervisor_plan_log(char *const *arguments, const char *fallback)
{
    const char *log = fallback;

    for (; *arguments != NULL; arguments++) {
        if (strcmp(*arguments, LOG_OPTION) == 0 && arguments[1] != NULL) {
            log = *++arguments;
        } else if (strncmp(*arguments, LOG_OPTION "=", sizeof LOG_OPTION) == 0) {
            log = *arguments + sizeof LOG_OPTION;
        }
    }
    return log;
}

int supervisor_plan_argv(const char *program, const char *log, char *const *arguments,
                         const char *argv[CHILD_ARGUMENTS_MAX])
{
    bool is_added = log != NULL && supervisor_plan_log(arguments, NULL) == NULL;
    size_t count = 0;

    argv[count++] = program;
    argv[count++] = "agent";
    if (is_added) {
        argv[count++] = LOG_OPTION;
        argv[count++] = log;
    }
    for (; *arguments != NULL; arguments++) {
        if (count + 1 == CHILD_ARGUMENTS_MAX) {
            return ERR_TOO_LONG;
        }
        argv[count++] = *arguments;
    }
    argv[count] = NULL;
    return 0;
}

void supervisor_plan_init(struct backoff *backoff)
{
    backoff_init(backoff, RESTART_FIRST_MS, RESTART_MAX_MS);
}

bool supervisor_plan_next(struct backoff *backoff, const struct supervisor_run_result *last,
                          uint32_t *delay_ms)
{
    if (last->error == 0 && (last->exit_code == CLI_DONE || last->exit_code == CLI_USAGE)) {
        return false;
    }
    if (last->ran_ms >= GOOD_RUN_MS) {
        backoff_reset(backoff);
    }
    *delay_ms = backoff_next(backoff);
    return true;
}
