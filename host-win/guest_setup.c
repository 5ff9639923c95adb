#include "host-win/guest_setup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-win/carried_program.h"
#include "host-win/wsl.h"
#include "shared/cli/cli_output.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define PLACED "/usr/local/bin/.ttyferry.new"
#define INSTALLED "/usr/local/bin/ttyferry"

/* How `ttyferry setup` begins the line of such a step. */
#define FAILED_STEP "failed "

/* The first one may have to boot the distribution. */
#define COMMAND_LIMIT_MS 120000

struct outcome {
    int error;
    int64_t exit_code;
    char *said;   /* its output as text, or NULL */
    char *errors; /* what it said on stderr, or NULL */
};

static void on_done(void *context, const struct child_result *result)
{
    struct outcome *outcome = context;

    outcome->error = result->error;
    outcome->exit_code = result->exit_code;
    wsl_list_decode(result->output, result->output_len, &outcome->said);
    wsl_list_decode(result->errors, result->errors_len, &outcome->errors);
}

static void finish(struct outcome *outcome)
{
    free(outcome->said);
    free(outcome->errors);
}

/* Copies the next line that is not empty, escaped, and goes on behind it. False at the end. */
static bool take_line(const char **rest, char line[GUEST_SETUP_MESSAGE_SIZE])
{
    char raw[GUEST_SETUP_MESSAGE_SIZE];
    const char *start;
    size_t len;

    if (*rest == NULL) {
        return false;
    }
    start = *rest + strspn(*rest, "\r\n");
    len = strcspn(start, "\r\n");
    *rest = start + len;
    snprintf(raw, sizeof raw, "%.*s", (int)(len < sizeof raw ? len : sizeof raw - 1), start);
    text_escape(line, GUEST_SETUP_MESSAGE_SIZE, raw);
    return len > 0;
}

/* The last line that tells of a failed step of `ttyferry setup`, which goes on to say what it has
 * taken back; else the last line of all, or "". */
static void telling_line(const char *text, char line[GUEST_SETUP_MESSAGE_SIZE])
{
    char each[GUEST_SETUP_MESSAGE_SIZE];
    bool has_failed = false;

    line[0] = '\0';
    while (take_line(&text, each)) {
        bool fails = strncmp(each, FAILED_STEP, strlen(FAILED_STEP)) == 0;

        if (fails || !has_failed) {
            text_copy(line, GUEST_SETUP_MESSAGE_SIZE, each);
        }
        has_failed = has_failed || fails;
    }
}

/* Says in the message why the command failed. Returns `error`. */
static int explain(struct guest_setup *setup, const char *what, const struct outcome *outcome,
                   int error)
{
    char line[GUEST_SETUP_MESSAGE_SIZE];

    telling_line(outcome->errors, line);
    if (line[0] == '\0') {
        telling_line(outcome->said, line);
    }
    if (outcome->error != 0) {
        snprintf(setup->message, sizeof setup->message, "%s in the distribution %s: %s", what,
                 setup->distribution, error_text(outcome->error));
    } else {
        snprintf(setup->message, sizeof setup->message,
                 "%s in the distribution %s failed (exit code %lld)%s%.700s", what,
                 setup->distribution, (long long)outcome->exit_code, line[0] != '\0' ? ": " : "",
                 line);
    }
    return error;
}

static int run(struct guest_setup *setup, const char *const *command, const char *input, size_t len,
               struct outcome *outcome)
{
    const char *argv[CHILD_ARGUMENTS_MAX];
    struct child_options options = {
        .argv = argv,
        .setting = WSL_SETTING,
        .input = input,
        .input_len = len,
        .limit_ms = COMMAND_LIMIT_MS,
    };
    int result = wsl_exec_argv(setup->wsl, setup->distribution, command, argv);

    memset(outcome, 0, sizeof *outcome);
    if (result == 0) {
        result = child_run(&options, on_done, outcome);
    }
    if (result != 0) {
        outcome->error = result;
    }
    return outcome->error == 0 && outcome->exit_code != 0 ? ERR_IO : outcome->error;
}

int guest_setup_place(struct guest_setup *setup, const char *program, size_t len)
{
    static const char *const tee[] = {"tee", PLACED, NULL};
    static const char *const chmod[] = {"chmod", "0755", PLACED, NULL};
    static const char *const sum[] = {"sha256sum", PLACED, NULL};
    char hash[CARRIED_PROGRAM_HASH_SIZE];
    struct outcome outcome;
    int result = run(setup, tee, program, len, &outcome);

    if (result != 0) {
        result = explain(setup, "writing " PLACED, &outcome, result);
        finish(&outcome);
        return result;
    }
    finish(&outcome);
    result = run(setup, chmod, NULL, 0, &outcome);
    if (result != 0) {
        result = explain(setup, "chmod " PLACED, &outcome, result);
        finish(&outcome);
        return result;
    }
    finish(&outcome);
    carried_program_hash(program, len, hash);
    result = run(setup, sum, NULL, 0, &outcome);
    if (result != 0) {
        result = explain(setup, "sha256sum " PLACED, &outcome, result);
    } else if (outcome.said == NULL || strncmp(outcome.said, hash, strlen(hash)) != 0) {
        snprintf(setup->message, sizeof setup->message,
                 "the program did not arrive whole in the distribution %s (its SHA-256 is another "
                 "one): look whether its disk is full, and try again",
                 setup->distribution);
        result = ERR_IO;
    }
    finish(&outcome);
    return result;
}

/* Shows the steps of the guest below ours. */
static void show(const char *text)
{
    char line[GUEST_SETUP_MESSAGE_SIZE];

    while (take_line(&text, line)) {
        cli_output_text("        ");
        cli_output_line(line, strlen(line));
    }
}

static int run_setup(struct guest_setup *setup, const char *const *command, const char *request,
                     size_t len, const char *what)
{
    struct outcome outcome;
    int result = run(setup, command, request, len, &outcome);

    if (result != 0) {
        explain(setup, what, &outcome, result);
    }
    show(outcome.said);
    finish(&outcome);
    return result;
}

int guest_setup_run(struct guest_setup *setup, const char *request, size_t len)
{
    static const char *const command[] = {PLACED, "setup", NULL};

    return run_setup(setup, command, request, len, "\"ttyferry setup\"");
}

int guest_setup_renew_key(struct guest_setup *setup, const char *request, size_t len)
{
    static const char *const command[] = {INSTALLED, "setup", "--key-only", NULL};

    return run_setup(setup, command, request, len, "\"ttyferry setup --key-only\"");
}

int guest_setup_find(struct guest_setup *setup, bool *is_there)
{
    static const char *const look[] = {"test", "-e", INSTALLED, NULL};
    struct outcome outcome;
    int result = run(setup, look, NULL, 0, &outcome);

    if (outcome.error == 0 && (outcome.exit_code == 0 || outcome.exit_code == 1)) {
        *is_there = outcome.exit_code == 0;
        result = 0;
    } else {
        result = explain(setup, "looking for " INSTALLED, &outcome, result);
    }
    finish(&outcome);
    return result;
}

int guest_setup_drop(struct guest_setup *setup)
{
    static const char *const remove[] = {"rm", "-f", PLACED, NULL};
    struct outcome outcome;
    int result = run(setup, remove, NULL, 0, &outcome);

    if (result != 0) {
        result = explain(setup, "removing " PLACED, &outcome, result);
    }
    finish(&outcome);
    return result;
}

int guest_setup_remove(struct guest_setup *setup, bool purge)
{
    const char *const command[] = {INSTALLED, "setup", "--remove", purge ? "--purge" : NULL, NULL};
    bool is_there = false;
    int result = guest_setup_find(setup, &is_there);

    return result == 0 && is_there
               ? run_setup(setup, command, NULL, 0, "\"ttyferry setup --remove\"")
               : result;
}

int guest_setup_purge(struct guest_setup *setup, const char *program, size_t len)
{
    static const char *const command[] = {PLACED, "setup", "--remove", "--purge", NULL};
    bool is_there = false;
    int result = guest_setup_find(setup, &is_there);

    if (result != 0 || is_there) {
        return result;
    }
    result = guest_setup_place(setup, program, len);
    return result == 0 ? run_setup(setup, command, NULL, 0, "\"ttyferry setup --remove --purge\"")
                       : result;
}
