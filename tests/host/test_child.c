/* Programs that run hidden: what goes in, what comes out, and how they end. */
#include "host-win/child.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/host/self.h"

#define INPUT_SIZE (1024u * 1024)
#define NEVER_MS 600000

/* --- The child's side ------------------------------------------------------------------------- */

/* Prints its arguments, one a line, so that quoting shows. */
static int print_arguments(int argc, char **argv)
{
    _setmode(_fileno(stdout), _O_BINARY);
    for (int i = 2; i < argc; i++) {
        printf("[%s]\n", argv[i]);
    }
    return 0;
}

/* Adds up what it reads: the sum is the exit code. */
static int add_up(void)
{
    unsigned char bytes[4096];
    unsigned sum = 0;
    size_t got;

    _setmode(_fileno(stdin), _O_BINARY);
    while ((got = fread(bytes, 1, sizeof bytes, stdin)) > 0) {
        for (size_t i = 0; i < got; i++) {
            sum += bytes[i];
        }
    }
    return (int)(sum & 0xFF);
}

static int flood(void)
{
    for (unsigned i = 0; i < 4 * CHILD_OUTPUT_MAX; i++) {
        putchar('x');
        fputc('y', stderr);
    }
    return 3;
}

static int play(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "arguments") == 0) {
        return print_arguments(argc, argv);
    }
    if (strcmp(what, "sum") == 0) {
        return add_up();
    }
    if (strcmp(what, "flood") == 0) {
        return flood();
    }
    if (strcmp(what, "setting") == 0) {
        printf("%s", getenv("TTYFERRY_TEST_SETTING"));
        return 0;
    }
    Sleep(NEVER_MS); /* "wait" */
    return 0;
}

/* --- The test's side -------------------------------------------------------------------------- */

struct outcome {
    int calls;
    int error;
    int64_t exit_code;
    size_t output_len;
    size_t errors_len;
    char output[CHILD_OUTPUT_MAX + 1];
};

static void on_done(void *context, const struct child_result *result)
{
    struct outcome *outcome = context;

    outcome->calls++;
    outcome->error = result->error;
    outcome->exit_code = result->exit_code;
    outcome->output_len = result->output_len;
    outcome->errors_len = result->errors_len;
    assert_int_equal(strlen(result->output), result->output_len);
    memcpy(outcome->output, result->output, result->output_len + 1);
}

static struct outcome outcome;

static void run(struct child_options options, const char *const *arguments)
{
    static char path[SELF_PATH_SIZE];
    const char *argv[8] = {path};

    self_path(path);
    for (size_t i = 0; arguments[i] != NULL; i++) {
        argv[i + 1] = arguments[i];
    }
    if (options.argv == NULL) {
        options.argv = argv;
    }
    memset(&outcome, 0, sizeof outcome);
    assert_int_equal(child_run(&options, on_done, &outcome), 0);
    assert_int_equal(outcome.calls, 1);
}

static void arguments_arrive_as_they_are(void **state)
{
    const char *const arguments[] = {"arguments", "a b", "\"q\"", "C:\\x\\", "", "%PATH%", NULL};

    (void)state;
    run((struct child_options){.limit_ms = NEVER_MS}, arguments);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(outcome.exit_code, 0);
    assert_string_equal(outcome.output, "[a b]\n[\"q\"]\n[C:\\x\\]\n[]\n[%PATH%]\n");
}

static void input_arrives_whole(void **state)
{
    const char *const arguments[] = {"sum", NULL};
    char *input = malloc(INPUT_SIZE);
    unsigned sum = 0;

    (void)state;
    assert_non_null(input);
    for (unsigned i = 0; i < INPUT_SIZE; i++) {
        input[i] = (char)(i * 7 % 251);
        sum += (unsigned char)input[i];
    }
    run((struct child_options){.input = input, .input_len = INPUT_SIZE, .limit_ms = NEVER_MS},
        arguments);
    free(input);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(outcome.exit_code, sum & 0xFF);
}

static void no_input_is_an_end(void **state)
{
    const char *const arguments[] = {"sum", NULL};

    (void)state;
    run((struct child_options){.limit_ms = NEVER_MS}, arguments);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(outcome.exit_code, 0);
}

static void too_much_output_is_cut(void **state)
{
    const char *const arguments[] = {"flood", NULL};

    (void)state;
    run((struct child_options){.limit_ms = NEVER_MS}, arguments);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(outcome.exit_code, 3);
    assert_int_equal(outcome.output_len, CHILD_OUTPUT_MAX);
    assert_int_equal(outcome.errors_len, CHILD_ERRORS_MAX);
}

static void setting_is_in_the_environment(void **state)
{
    const char *const arguments[] = {"setting", NULL};

    (void)state;
    run((struct child_options){.setting = "TTYFERRY_TEST_SETTING=a=b", .limit_ms = NEVER_MS},
        arguments);
    assert_string_equal(outcome.output, "a=b");
}

static void limit_ends_it(void **state)
{
    const char *const arguments[] = {"wait", NULL};

    (void)state;
    run((struct child_options){.limit_ms = 1}, arguments);
    assert_int_equal(outcome.error, ERR_TIMEOUT);
}

static void held_input_is_no_end(void **state)
{
    const char *const arguments[] = {"sum", NULL};

    (void)state;
    run((struct child_options){.holds_input = true, .limit_ms = 300}, arguments);
    assert_int_equal(outcome.error, ERR_TIMEOUT);
}

static void missing_program_is_told(void **state)
{
    const char *const argv[] = {"C:\\nowhere\\wsl.exe", NULL};
    const char *const none[] = {NULL};

    (void)state;
    run((struct child_options){.argv = argv}, none);
    assert_int_equal(outcome.error, ERR_NOT_FOUND);
}

static void cancel_ends_it(void **state)
{
    char path[SELF_PATH_SIZE];
    const char *const argv[] = {path, "wait", NULL};
    struct child_options options = {.argv = argv, .holds_input = true};
    struct child *child;
    uv_loop_t loop;

    (void)state;
    self_path(path);
    memset(&outcome, 0, sizeof outcome);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(child_open(&loop, &options, on_done, &outcome, &child), 0);
    assert_int_equal(outcome.calls, 0);
    child_cancel(child);
    child_cancel(child);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.error, ERR_CANCELLED);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_arrive_as_they_are),
        cmocka_unit_test(input_arrives_whole),
        cmocka_unit_test(no_input_is_an_end),
        cmocka_unit_test(too_much_output_is_cut),
        cmocka_unit_test(setting_is_in_the_environment),
        cmocka_unit_test(limit_ends_it),
        cmocka_unit_test(held_input_is_no_end),
        cmocka_unit_test(missing_program_is_told),
        cmocka_unit_test(cancel_ends_it),
    };

    if (self_role()[0] != L'\0') {
        return play(argc, argv);
    }
    self_set_role(L"child");
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
