#include "guest-linux/agent_command.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "guest-linux/agent.h"
#include "guest-linux/background.h"
#include "guest-linux/kick_command.h"
#include "guest-linux/run_file.h"
#include "guest-linux/stdio_command.h"
#include "shared/cli/agent_log.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_agent.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/log_file.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/link/local_client.h"
#include "shared/link/local_shared_unix.h"

#define VERB "agent"
#define DEFAULT_CONFIG "/etc/ttyferry/config.json"
#define DEFAULT_LOG "/var/log/ttyferry/agent.log"
#define STREAM_PATH_SIZE 256

static const char help[] =
    "Usage: ttyferry agent [--background | --stdio] [--config PATH] [--key PATH]\n"
    "                      [--log-level LEVEL] [--log-file PATH] [--stream SOCKET]\n"
    "\n"
    "Runs the guest agent in the foreground, as root: attaches the boards that the host agent\n"
    "names, tells when their ttys can be opened, and serves the event stream. Ctrl-C ends it;\n"
    "boards that are attached stay attached.\n"
    "\n"
    "  --background       go on in the background once everything is served; the log then goes to\n"
    "                     " DEFAULT_LOG "\n"
    "  --stdio            be no agent, but the host agent's way to one: pass stdin and stdout to\n"
    "                     the socket link.sock beside the stream's, and start an agent in the\n"
    "                     background if none serves it\n"
    "  --config PATH      the configuration; without it " DEFAULT_CONFIG ", if there\n"
    "                     is one\n"
    "  --key PATH         the key that the host must prove; without it /etc/ttyferry/key.\n"
    "                     Unused where the configuration says \"auth\": \"none\"\n"
    "  --log-level LEVEL  error, warning, info (the default) or debug\n"
    "  --log-file PATH    write the log there instead of to stderr; at 1 MiB it becomes PATH.1\n"
    "  --stream SOCKET    serve the stream here instead of /run/ttyferry/events.sock, and not for\n"
    "                     other distributions\n"
    "\n"
    "Exit codes: 0 ended in order, 1 failed, 2 usage; of --stdio also 4, no agent serves the\n"
    "socket and none could be started.\n";

static int find_places(const struct cli_agent *agent, char stream_path[STREAM_PATH_SIZE],
                       char link_path[RUN_FILE_PATH_SIZE], struct agent_options *options)
{
    int err = 0;

    options->stream_path = agent->stream;
    if (options->stream_path == NULL) {
        err = local_client_default_path(stream_path, STREAM_PATH_SIZE);
        options->stream_path = stream_path;
        options->shared_root = LOCAL_SHARED_ROOT;
    }
    if (err == 0) {
        err = run_file_path(options->stream_path, RUN_FILE_LINK, link_path);
        options->link_path = link_path;
    }
    if (err != 0) {
        cli_output_error(VERB, "there is no place for the stream: %s", error_text(err));
        return CLI_FAILED;
    }
    return CLI_DONE;
}

static void on_ready(void *context)
{
    background_ready(context);
}

static int run(struct agent_options *options, const char *log_file)
{
    if (cli_agent_log_to(log_file) != CLI_DONE) {
        return CLI_FAILED;
    }
    return agent_run(options) == 0 ? CLI_DONE : CLI_FAILED;
}

/* As the log's lines have it. */
static int64_t now_ms(void)
{
    uv_timeval64_t now;

    return uv_gettimeofday(&now) == 0 ? now.tv_sec * 1000 + now.tv_usec / 1000 : 0;
}

/* Said before anything is begun: who waits for the daemon would be sent to a file that is not
 * there.
 */
static bool can_log(const char *path)
{
    struct log_file *file;
    int err = log_file_open(path, &file);

    if (err != 0) {
        cli_output_error(VERB, "the log can't be written to %s: %s", path, error_text(err));
        return false;
    }
    log_file_close(file);
    return true;
}

static void say_why(const char *log_file, int64_t since_ms)
{
    char said[LOG_MESSAGE_SIZE];

    if (agent_log_reason(log_file, since_ms, said, sizeof said)) {
        cli_output_error(VERB, "the agent has not come up: %s", said);
    } else {
        cli_output_error(VERB, "the agent has not come up, and has logged no warning in %s",
                         log_file);
    }
}

/* `options` is a copy, for what it points to does not outlive the call. */
static int run_in_background(struct agent_options options, const char *log_file)
{
    struct background background;
    int64_t since_ms = now_ms();
    bool is_ready;

    log_file = log_file != NULL ? log_file : DEFAULT_LOG;
    if (!can_log(log_file)) {
        return CLI_FAILED;
    }
    options.on_ready = on_ready;
    options.ready_context = &background;
    if (background_enter(&background, &is_ready)) {
        return run(&options, log_file);
    }
    if (is_ready) {
        kick_quietly(); /* As the unit does, outside of what the agent may do. */
    } else {
        say_why(log_file, since_ms);
    }
    return is_ready ? CLI_DONE : CLI_FAILED;
}

int agent_command(int argc, char **argv)
{
    bool is_background = false;
    const struct cli_option own[] = {{"--background", NULL, &is_background}, {NULL, NULL, NULL}};
    char stream_path[STREAM_PATH_SIZE];
    char link_path[RUN_FILE_PATH_SIZE];
    struct agent_options options = {.on_ready = NULL};
    struct cli_agent agent;
    int exit_code;

    if (stdio_command_is_meant(argc, argv)) {
        return stdio_command(help, argc, argv);
    }
    if (!cli_agent_prepare(help, own, argc, argv, DEFAULT_CONFIG, &agent, &exit_code)) {
        return exit_code;
    }
    if (geteuid() != 0) {
        cli_output_error(VERB, "attaching boards is root's: run `sudo ttyferry agent`");
        return CLI_FAILED;
    }
    if (!cli_agent_check_key(&agent, &exit_code)) {
        return exit_code;
    }
    umask(S_IWGRP | S_IWOTH); /* Whatever the shell's: what is made is for others to enter. */
    options.config = agent.config;
    options.key = agent.key;
    exit_code = find_places(&agent, stream_path, link_path, &options);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    return is_background ? run_in_background(options, agent.log_file)
                         : run(&options, agent.log_file);
}
