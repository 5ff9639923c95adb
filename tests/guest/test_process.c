/* Running programs: real ones, for the kernel's part is half of it. */
#include "guest-linux/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/guest/tree.h"
#include "tests/link/rig.h"

#define LONG_MS 30000u

struct outcome {
    bool done;
    int error;
    int status;
    char output[PROCESS_OUTPUT_SIZE];
};

static void on_done(void *context, const struct process_result *result)
{
    struct outcome *outcome = context;

    assert_false(outcome->done);
    outcome->done = true;
    outcome->error = result->error;
    outcome->status = result->status;
    strcpy(outcome->output, result->output);
}

static void run(struct rig *rig, const char *const argv[], uint64_t timeout_ms,
                struct outcome *outcome)
{
    struct process *process;

    *outcome = (struct outcome){.done = false};
    assert_int_equal(process_run(&rig->loop, argv, timeout_ms, on_done, outcome, &process), 0);
    assert_false(outcome->done);
    rig_run_until(rig, &outcome->done);
}

static void run_script(struct rig *rig, const char *script, uint64_t timeout_ms,
                       struct outcome *outcome)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};

    run(rig, argv, timeout_ms, outcome);
}

/* Nobody is left to be waited for. */
static void expect_no_children(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void output_and_status_are_told(void **state)
{
    struct outcome outcome;

    run_script(*state, "echo mirrored; echo aside >&2; exit 3", LONG_MS, &outcome);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(outcome.status, 3);
    assert_string_equal(outcome.output, "mirrored\n");
    expect_no_children();
}

static void the_environment_is_clean(void **state)
{
    struct outcome outcome;

    assert_int_equal(setenv("TTYFERRY_TEST", "leaks", 1), 0);
    run_script(*state, "echo \"[$TTYFERRY_TEST] $LC_ALL $PATH $(pwd)\"; cat", LONG_MS, &outcome);
    assert_string_equal(outcome.output, "[] C /usr/sbin:/usr/bin:/sbin:/bin /\n");
    assert_int_equal(outcome.status, 0);
}

static void a_program_that_is_not_there_is_told(void **state)
{
    const char *argv[] = {"/nonexistent/program", NULL};
    struct outcome outcome;

    run(*state, argv, LONG_MS, &outcome);
    assert_int_equal(outcome.error, ERR_NOT_FOUND);
    assert_string_equal(outcome.output, "");
    expect_no_children();
}

static void a_file_that_is_no_program_is_told(void **state)
{
    char path[TREE_PATH_SIZE];
    const char *argv[] = {path, NULL};
    struct outcome outcome;
    struct tree tree;

    tree_make(&tree);
    tree_write(&tree, "/plain", "text\n");
    tree_path(&tree, "/plain", path);
    run(*state, argv, LONG_MS, &outcome);
    assert_int_equal(outcome.error, ERR_DENIED);
    tree_remove(&tree);
}

static void a_program_that_takes_too_long_is_killed(void **state)
{
    struct outcome outcome;

    run_script(*state, "echo begun; exec sleep 1000", 100, &outcome);
    assert_int_equal(outcome.error, ERR_TIMEOUT);
    assert_int_equal(outcome.status, 128 + SIGKILL);
    expect_no_children();
}

static void a_signal_is_a_status(void **state)
{
    struct outcome outcome;

    run_script(*state, "kill -TERM $$", LONG_MS, &outcome);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(outcome.status, 128 + SIGTERM);
}

static void output_beyond_the_room_is_thrown_away(void **state)
{
    struct outcome outcome;

    run_script(*state, "head -c 300000 /dev/zero | tr '\\0' x; exit 5", LONG_MS, &outcome);
    assert_int_equal(outcome.status, 5);
    assert_int_equal(strlen(outcome.output), PROCESS_OUTPUT_SIZE - 1);
    assert_int_equal(strspn(outcome.output, "x"), PROCESS_OUTPUT_SIZE - 1);
}

static void a_grandchild_that_keeps_the_pipe_is_waited_for_till_the_deadline(void **state)
{
    struct outcome outcome;
    char *end;
    long grandchild;

    run_script(*state, "sleep 1000 & echo $!", 200, &outcome);
    assert_int_equal(outcome.error, ERR_TIMEOUT);
    grandchild = strtol(outcome.output, &end, 10);
    assert_true(grandchild > 1 && *end == '\n');
    assert_int_equal(kill((pid_t)grandchild, SIGKILL), 0);
}

static void a_cancelled_program_is_killed_and_not_told_of(void **state)
{
    const char *argv[] = {"/bin/sleep", "1000", NULL};
    struct rig *rig = *state;
    struct outcome outcome = {.done = false};
    struct process *process;

    assert_int_equal(process_run(&rig->loop, argv, LONG_MS, on_done, &outcome, &process), 0);
    process_cancel(process);
    /* The watchdog's handle is unreferenced: the loop ends when the program's are closed. */
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_false(outcome.done);
    expect_no_children();
}

static void a_program_that_could_not_start_can_be_cancelled(void **state)
{
    const char *argv[] = {"/nonexistent/program", NULL};
    struct rig *rig = *state;
    struct outcome outcome = {.done = false};
    struct process *process;

    assert_int_equal(process_run(&rig->loop, argv, LONG_MS, on_done, &outcome, &process), 0);
    process_cancel(process);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_false(outcome.done);
}

static void the_last_line_is_heard(void **state)
{
    static const struct {
        const char *script;
        int fd;
        int status;
        const char *said;
    } rows[] = {
        {"echo one; echo two; echo aside >&2; exit 3", STDOUT_FILENO, 3, "two"},
        {"echo one; echo first >&2; echo second >&2; echo two; exit 1", STDERR_FILENO, 1, "second"},
        {"head -c 300000 /dev/zero >&2; echo >&2; printf end >&2", STDERR_FILENO, 0, "end"},
        {"exit 2", STDERR_FILENO, 2, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *argv[] = {"/bin/sh", "-c", rows[i].script, NULL};
        struct last_line said;

        assert_int_equal(process_hear_alone(argv, NULL, rows[i].fd, LONG_MS, &said),
                         rows[i].status);
        assert_string_equal(last_line_text(&said), rows[i].said);
    }
    expect_no_children();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(output_and_status_are_told),
        RIG_TEST(the_environment_is_clean),
        RIG_TEST(a_program_that_is_not_there_is_told),
        RIG_TEST(a_file_that_is_no_program_is_told),
        RIG_TEST(a_program_that_takes_too_long_is_killed),
        RIG_TEST(a_signal_is_a_status),
        RIG_TEST(output_beyond_the_room_is_thrown_away),
        RIG_TEST(a_grandchild_that_keeps_the_pipe_is_waited_for_till_the_deadline),
        RIG_TEST(a_cancelled_program_is_killed_and_not_told_of),
        RIG_TEST(a_program_that_could_not_start_can_be_cancelled),
        cmocka_unit_test(the_last_line_is_heard),
    };

    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
