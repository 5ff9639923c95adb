/* What the supervisor starts, and when again. */
#include "host-win/supervisor_plan.h"

#include <string.h>

#include "shared/cli/cli.h"
#include "shared/core/error.h"
#include "tests/core/cases.h"

#define LOG "C:\\agent.log"

struct argv_row {
    const char *name;
    const char *arguments[6];
    const char *log;
    const char *argv[8];
};

static const struct argv_row argv_rows[] = {
    {"none", {NULL}, LOG, {"p", "agent", "--log-file", LOG, NULL}},
    {"no log to name", {NULL}, NULL, {"p", "agent", NULL}},
    {"others",
     {"--log-level", "debug"},
     LOG,
     {"p", "agent", "--log-file", LOG, "--log-level", "debug", NULL}},
    {"a log file of one's own", {"--log-file", "x"}, LOG, {"p", "agent", "--log-file", "x", NULL}},
    {"in one word", {"--log-file=x"}, LOG, {"p", "agent", "--log-file=x", NULL}},
    {"one without its value",
     {"--log-file"},
     LOG,
     {"p", "agent", "--log-file", LOG, "--log-file", NULL}},
};

static void check_argv(void **state)
{
    const struct argv_row *row = *state;
    const char *argv[CHILD_ARGUMENTS_MAX];
    size_t i = 0;

    assert_int_equal(
        supervisor_plan_argv("p", row->log, (char *const *)(uintptr_t)row->arguments, argv), 0);
    for (; row->argv[i] != NULL; i++) {
        assert_non_null(argv[i]);
        assert_string_equal(argv[i], row->argv[i]);
    }
    assert_null(argv[i]);
}

struct log_row {
    const char *name;
    const char *arguments[6];
    const char *log;
};

static const struct log_row log_rows[] = {
    {"log: the usual one", {NULL}, LOG},
    {"log: named", {"--log-file", "x"}, "x"},
    {"log: named in one word", {"--log-file=x"}, "x"},
    {"log: named twice", {"--log-file=x", "--log-file", "y"}, "y"},
    {"log: a name that only begins so", {"--log-files", "x"}, LOG},
};

static void check_log(void **state)
{
    const struct log_row *row = *state;

    assert_string_equal(supervisor_plan_log((char *const *)(uintptr_t)row->arguments, LOG),
                        row->log);
}

struct next_row {
    const char *name;
    struct supervisor_run_result last; /* error, exit_code, ran_ms */
    bool again;
};

static const struct next_row next_rows[] = {
    {"ended in order", {0, CLI_DONE, 1000}, false},
    {"a wrong command line", {0, CLI_USAGE, 10}, false},
    {"failed", {0, CLI_FAILED, 10}, true},
    {"crashed", {0, INT64_C(0xC0000005), 10}, true},
    {"could not be started", {ERR_NOT_FOUND, 0, 0}, true},
    {"no memory, whatever the code", {ERR_NOMEM, CLI_USAGE, 0}, true},
};

static void check_next(void **state)
{
    const struct next_row *row = *state;
    struct backoff backoff;
    uint32_t delay_ms = 0;

    supervisor_plan_init(&backoff);
    assert_int_equal(supervisor_plan_next(&backoff, &row->last, &delay_ms), row->again);
    assert_int_equal(delay_ms, row->again ? 1000 : 0);
}

static void waits_longer_until_a_good_run(void **state)
{
    const struct supervisor_run_result bad = {0, CLI_FAILED, 59999};
    const struct supervisor_run_result good = {0, CLI_FAILED, 60000};
    struct backoff backoff;
    uint32_t delay_ms;

    (void)state;
    supervisor_plan_init(&backoff);
    for (uint32_t wanted_ms = 1000; wanted_ms < 300000; wanted_ms *= 2) {
        assert_true(supervisor_plan_next(&backoff, &bad, &delay_ms));
        assert_int_equal(delay_ms, wanted_ms);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(supervisor_plan_next(&backoff, &bad, &delay_ms));
        assert_int_equal(delay_ms, 300000);
    }
    assert_true(supervisor_plan_next(&backoff, &good, &delay_ms));
    assert_int_equal(delay_ms, 1000);
}

static void refuses_too_many_arguments(void **state)
{
    char word[] = "x";
    char *arguments[CHILD_ARGUMENTS_MAX + 1] = {NULL};
    const char *argv[CHILD_ARGUMENTS_MAX];

    (void)state;
    for (size_t i = 0; i < CHILD_ARGUMENTS_MAX - 5; i++) {
        arguments[i] = word;
    }
    assert_int_equal(supervisor_plan_argv("p", LOG, arguments, argv), 0);
    assert_null(argv[CHILD_ARGUMENTS_MAX - 1]);
    arguments[CHILD_ARGUMENTS_MAX - 5] = word;
    assert_int_equal(supervisor_plan_argv("p", LOG, arguments, argv), ERR_TOO_LONG);
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, argv_rows, check_argv);
    CASES_ADD(&cases, log_rows, check_log);
    CASES_ADD(&cases, next_rows, check_next);
    cases_add_one(&cases, "waits longer until a good run", waits_longer_until_a_good_run);
    cases_add_one(&cases, "refuses too many arguments", refuses_too_many_arguments);
    return cases_run("supervisor_plan", &cases);
}
