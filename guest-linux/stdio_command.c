#include "guest-linux/stdio_command.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "guest-linux/run_file.h"
#include "guest-linux/stdio_relay.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/core/error.h"
#include "shared/link/local_client.h"
#include "shared/link/local_connect.h"

#define VERB "agent"
#define STDIO_OPTION "--stdio"
#define BACKGROUND_OPTION "--background"
#define EXE_PATH_SIZE 4096
#define ARGUMENTS_MAX 32
#define STREAM_PATH_SIZE 256
/* An agent that was not started here may be on its way: two bridges at once, or the system's own
 * start. */
#define OTHERS_LIMIT_MS 10000
#define OTHERS_PERIOD_MS 50

bool stdio_command_is_meant(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], STDIO_OPTION) == 0) {
            return true;
        }
    }
    return false;
}

/* The same program, whatever has become of its file. */
static void become_agent(char **arguments)
{
    char exe[EXE_PATH_SIZE];
    size_t size = sizeof exe;

    if (uv_exepath(exe, &size) == 0) {
        execv(exe, arguments);
    }
    execv("/proc/self/exe", arguments);
    _exit(CLI_FAILED);
}

/* `ttyferry agent --background` with the options that --stdio came with. Returns true once the
 * agent serves. Its stdin and stdout are not the bridge's. */
static bool start_agent(int argc, char **argv)
{
    char *arguments[ARGUMENTS_MAX + 4] = {"ttyferry", VERB, BACKGROUND_OPTION};
    int count = 3;
    int status = -1;
    pid_t child;

    for (int i = 1; i < argc && count < ARGUMENTS_MAX + 3; i++) {
        if (strcmp(argv[i], STDIO_OPTION) != 0) {
            arguments[count++] = argv[i];
        }
    }
    child = fork();
    if (child == 0) {
        if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
            _exit(CLI_FAILED);
        }
        close(STDIN_FILENO);
        become_agent(arguments);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == CLI_DONE;
}

static int connect_in_time(const char *path, int *fd)
{
    int err = local_connect_open(path, fd);

    for (int waited_ms = 0; err != 0 && waited_ms < OTHERS_LIMIT_MS;
         waited_ms += OTHERS_PERIOD_MS) {
        (void)poll(NULL, 0, OTHERS_PERIOD_MS);
        err = local_connect_open(path, fd);
    }
    return err;
}

static int reach_agent(int argc, char **argv, const char *stream_path, const char *path, int *fd)
{
    int err = local_connect_open(path, fd);
    int stream_fd;

    if (err != ERR_NOT_FOUND && err != ERR_REFUSED) {
        return err;
    }
    if (start_agent(argc, argv)) {
        return local_connect_open(path, fd);
    }
    if (local_connect_open(stream_path, &stream_fd) != 0) {
        return err; /* There is none, and why has been said. */
    }
    close(stream_fd);
    return connect_in_time(path, fd);
}

static int relay(const char *path, int fd)
{
    int err = stdio_relay_run(STDIN_FILENO, STDOUT_FILENO, fd, STDIO_RELAY_LINGER_MS);

    if (err != 0) {
        cli_output_error(VERB, "the bridge to %s broke: %s", path, error_text(err));
        return CLI_FAILED;
    }
    return CLI_DONE;
}

/* Of the options only the stream's is for the relay; the agent that may be started reads the
 * others. Returns as cli_args_parse. */
static bool read_options(const char *help, int argc, char **argv, const char **stream,
                         int *exit_code)
{
    const char *ignored = NULL;
    bool is_background = false;
    bool is_stdio = false;
    const struct cli_option options[] = {
        {"--config", &ignored, NULL},    {"--key", &ignored, NULL},
        {"--log-level", &ignored, NULL}, {"--log-file", &ignored, NULL},
        {"--stream", stream, NULL},      {BACKGROUND_OPTION, NULL, &is_background},
        {STDIO_OPTION, NULL, &is_stdio}, {NULL, NULL, NULL},
    };
    const struct cli_args args = {.verb = VERB, .help = help, .options = options};

    if (!cli_args_parse(&args, argc, argv, exit_code)) {
        return false;
    }
    if (is_background) {
        cli_output_error(VERB, BACKGROUND_OPTION " does not go with " STDIO_OPTION
                                                 ", which starts an agent in the background by "
                                                 "itself where there is none");
        *exit_code = CLI_USAGE;
    }
    return !is_background;
}

int stdio_command(const char *help, int argc, char **argv)
{
    char default_stream[STREAM_PATH_SIZE];
    char path[RUN_FILE_PATH_SIZE];
    const char *stream = NULL;
    int exit_code;
    int err;
    int fd;

    if (!read_options(help, argc, argv, &stream, &exit_code)) {
        return exit_code;
    }
    err = stream == NULL ? local_client_default_path(default_stream, sizeof default_stream) : 0;
    stream = stream == NULL ? default_stream : stream;
    if (err == 0) {
        err = run_file_path(stream, RUN_FILE_LINK, path);
    }
    if (err != 0) {
        cli_output_error(VERB, "there is no place for the link's socket: %s", error_text(err));
        return CLI_FAILED;
    }
    err = reach_agent(argc, argv, stream, path, &fd);
    if (err != 0) {
        cli_output_error(VERB, "no agent serves %s: %s", path, error_text(err));
        return err == ERR_NOT_FOUND || err == ERR_REFUSED ? CLI_NO_AGENT : CLI_FAILED;
    }
    exit_code = relay(path, fd);
    close(fd);
    return exit_code;
}
