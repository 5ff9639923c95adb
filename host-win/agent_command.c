#include "host-win/agent_command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "host-win/agent.h"
#include "host-win/config_place.h"
#include "host-win/supervisor.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_agent.h"
#include "shared/cli/cli_output.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/local_client.h"

#define VERB "agent"
#define STREAM_PATH_SIZE 256
/* For the lab, which shows what comes of it (docs/testing.md). */
#define BELIEVE_WINDOWS "TTYFERRY_LAB_BELIEVE_WINDOWS"

static const char help[] =
    "Usage: ttyferry agent [--supervise] [--config PATH] [--key PATH] [--log-level LEVEL]\n"
    "                      [--log-file PATH] [--stream PIPE]\n"
    "\n"
    "Runs the host agent in the foreground: hears boards come and go, tells the guest agent, and\n"
    "serves the event stream to this user's programs. Ctrl-C ends it.\n"
    "\n"
    "  --config PATH      the configuration; without it %LOCALAPPDATA%\\ttyferry\\config.json, if\n"
    "                     there is one\n"
    "  --key PATH         the key that the guest must prove; without it\n"
    "                     %LOCALAPPDATA%\\ttyferry\\key. Unused where the configuration says\n"
    "                     \"auth\": \"none\"\n"
    "  --log-level LEVEL  error, warning, info (the default) or debug\n"
    "  --log-file PATH    write the log there instead of to stderr; at 1 MiB it becomes PATH.1\n"
    "  --supervise        start it again when it has crashed; what is started at logon. Logs to\n"
    "                     %LOCALAPPDATA%\\ttyferry\\agent.log unless --log-file names another\n"
    "  --stream PIPE      serve the stream here instead of \\\\.\\pipe\\ttyferry-SID\n"
    "\n"
    "Exit codes: 0 ended in order, 1 failed, 2 usage.\n";

/* Without %LOCALAPPDATA% there is no default configuration; the name then only tells where it would
 * be. */
static void find_default_config(char path[CONFIG_PLACE_PATH_SIZE])
{
    if (config_place_default_path(path) != 0) {
        text_copy(path, CONFIG_PLACE_PATH_SIZE, "%LOCALAPPDATA%\\ttyferry\\config.json");
    }
}

/* Takes --supervise out of the arguments; false if it is not among them. */
static bool take_supervise(char **argv)
{
    bool found = false;
    char **kept = argv;

    for (; *argv != NULL; argv++) {
        if (strcmp(*argv, "--supervise") == 0) {
            found = true;
        } else {
            *kept++ = *argv;
        }
    }
    *kept = NULL;
    return found;
}

static int run_agent(int argc, char **argv)
{
    struct agent_options options = {
        .boards = {.usbipd = usbipd_place(), .believes_windows = getenv(BELIEVE_WINDOWS) != NULL}};
    char config_path[CONFIG_PLACE_PATH_SIZE];
    char stream_path[STREAM_PATH_SIZE];
    struct cli_agent agent;
    int exit_code;
    int error;

    find_default_config(config_path);
    if (!cli_agent_prepare(help, NULL, argc, argv, config_path, &agent, &exit_code)) {
        return exit_code;
    }
    if (!cli_agent_check_key(&agent, &exit_code)) {
        return exit_code;
    }
    if (cli_agent_log_to(agent.log_file) != CLI_DONE) {
        return CLI_FAILED;
    }
    options.config = agent.config;
    options.key = agent.key;
    options.stream_path = agent.stream;
    if (options.stream_path == NULL) {
        error = local_client_default_path(stream_path, sizeof stream_path);
        if (error != 0) {
            cli_output_error(VERB, "this user's SID can't be found out: %s", error_text(error));
            return CLI_FAILED;
        }
        options.stream_path = stream_path;
    }
    error = agent_run(&options);
    if (error == ERR_EXISTS && getenv(SUPERVISOR_MARK) != NULL) {
        log_info("another agent of this user runs; this one is not needed");
        return CLI_DONE;
    }
    if (error == ERR_EXISTS) {
        cli_output_error(VERB,
                         "another agent of this user serves %s already: end it first, or name "
                         "another pipe with --stream",
                         options.stream_path);
    }
    return error == 0 ? CLI_DONE : CLI_FAILED;
}

int agent_command(int argc, char **argv)
{
    return take_supervise(argv) ? supervisor_run(argv + 1) : run_agent(argc, argv);
}
