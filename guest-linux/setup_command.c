#include "guest-linux/setup_command.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-linux/guest_files.h"
#include "guest-linux/setup_removal.h"
#include "guest-linux/setup_steps.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/core/error.h"
#include "shared/core/setup_request.h"
#include "shared/core/text.h"
#include "shared/link/local_client.h"

#define VERB "setup"
#define LINE_SIZE (4 * SETUP_TEXT_SIZE)
#define SERVE_LIMIT_MS 10000

static const char help[] =
    "Usage: ttyferry setup [--key-only | --remove [--purge]]\n"
    "\n"
    "Installs this program as the guest agent, as root, or puts it in the place of an older one;\n"
    "boards that are attached stay attached. `ttyferry.exe install` on Windows runs this. If a\n"
    "step fails, everything is as it was before.\n"
    "\n"
    "Reads one JSON object from standard input, unless that is a terminal:\n"
    "  {\"key\": \"64 hex digits\", \"config\": {...}, \"host_program\": "
    "\"C:\\\\...\\\\ttyferry.exe\"}\n"
    "each member optional; the configuration is only written if there is none. Without a key,\n"
    "given now or before, setup fails, unless the configuration says \"auth\": \"none\".\n"
    "\n"
    "  --key-only  replace the key, and do nothing else\n"
    "  --remove    let go of every board, end the agent, remove it\n"
    "  --purge     with --remove: key, configuration, logs and notes too\n"
    "\n"
    "Prints a line for each step, `ok ...` or `failed ...`.\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 usage.\n";

static void report(void *context, bool ok, const char *text)
{
    char line[LINE_SIZE];
    char escaped[LINE_SIZE - 16];

    (void)context;
    snprintf(line, sizeof line, "%s %s\n", ok ? "ok" : "failed",
             text_escape(escaped, sizeof escaped, text));
    /* Nobody may be left to read it; the steps are done nevertheless. */
    (void)cli_output_text(line);
}

/* Returns how many bytes came, one more than allowed at most, or ERR_IO. */
static ssize_t read_input(char *text, size_t size)
{
    size_t len = 0;
    ssize_t part = 1;

    if (isatty(STDIN_FILENO)) {
        return 0;
    }
    while (part > 0 && len < size) {
        part = read(STDIN_FILENO, text + len, size - len);
        len += part > 0 ? (size_t)part : 0;
    }
    return part < 0 ? ERR_IO : (ssize_t)len;
}

/* Returns true and the request, which the caller finishes. */
static bool read_request(struct setup_request *request)
{
    char *text = malloc(SETUP_REQUEST_TEXT_MAX + 1);
    ssize_t len = text != NULL ? read_input(text, SETUP_REQUEST_TEXT_MAX + 1) : ERR_NOMEM;
    char reason[CONFIG_REASON_SIZE];
    int err = len < 0 ? (int)len : 0;

    if (err != 0) {
        snprintf(reason, sizeof reason, "standard input: %s", error_text(err));
    } else {
        err = setup_request_parse(text, (size_t)len, request, reason);
    }
    if (text != NULL) {
        explicit_bzero(text, SETUP_REQUEST_TEXT_MAX + 1); /* It has the key. */
    }
    free(text);
    if (err != 0) {
        report(NULL, false, reason);
        cli_output_error(VERB, "%s", reason);
    }
    return err == 0;
}

static int run_with_request(const struct setup_machine *machine,
                            int (*run)(const struct setup_machine *, const struct setup_request *))
{
    struct setup_request request;
    int err;

    if (!read_request(&request)) {
        return CLI_FAILED;
    }
    err = run(machine, &request);
    explicit_bzero(request.key, sizeof request.key);
    setup_request_finish(&request);
    return err == 0 ? CLI_DONE : CLI_FAILED;
}

static bool find_program(char *path, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", path, size - 1);

    if (len < 0 || (size_t)len == size - 1) {
        cli_output_error(VERB, "this program does not know its own file: is /proc mounted?");
        return false;
    }
    path[len] = '\0';
    return true;
}

struct choice {
    bool key_only;
    bool removes;
    bool purges;
};

static bool read_choice(int argc, char **argv, struct choice *choice, int *exit_code)
{
    const struct cli_option options[] = {
        {"--key-only", NULL, &choice->key_only},
        {"--remove", NULL, &choice->removes},
        {"--purge", NULL, &choice->purges},
        {NULL, NULL, NULL},
    };
    const struct cli_args args = {.verb = VERB, .help = help, .options = options};

    if (!cli_args_parse(&args, argc, argv, exit_code)) {
        return false;
    }
    if (choice->purges && !choice->removes) {
        *exit_code = cli_args_refuse(VERB, "goes with --remove only", "--purge");
        return false;
    }
    if (choice->key_only && choice->removes) {
        *exit_code = cli_args_refuse(VERB, "does not go with --remove", "--key-only");
        return false;
    }
    return true;
}

int setup_command(int argc, char **argv)
{
    char program[GUEST_FILES_PATH_SIZE];
    char stream_path[GUEST_FILES_PATH_SIZE];
    struct setup_machine machine = {
        .root = "",
        .systemctl = "/bin/systemctl",
        .journalctl = "/bin/journalctl",
        .udevadm = "/bin/udevadm",
        .stream_path = stream_path,
        .program = program,
        .serve_limit_ms = SERVE_LIMIT_MS,
        .report = report,
    };
    struct choice choice = {.key_only = false};
    int exit_code;

    if (!read_choice(argc, argv, &choice, &exit_code)) {
        return exit_code;
    }
    if (geteuid() != 0) {
        cli_output_error(VERB, "installing is root's: run `sudo ttyferry setup`");
        return CLI_FAILED;
    }
    if (!find_program(program, sizeof program) ||
        local_client_default_path(stream_path, sizeof stream_path) != 0) {
        return CLI_FAILED;
    }
    /* Whoever reads our lines may end in the middle; the steps must not. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (choice.removes) {
        return setup_removal_run(&machine, choice.purges) == 0 ? CLI_DONE : CLI_FAILED;
    }
    return run_with_request(&machine,
                            choice.key_only ? setup_steps_renew_key : setup_steps_install);
}
