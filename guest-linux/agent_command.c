#include "guest-linux/agent_command.h"

#include <unistd.h>

#include "guest-linux/agent.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_agent.h"
#include "shared/cli/cli_output.h"
#include "shared/core/error.h"
#include "shared/link/local_client.h"

#define VERB "agent"
#define DEFAULT_CONFIG "/etc/ttyferry/config.json"
#define STREAM_PATH_SIZE 256

static const char help[] =
    "Usage: ttyferry agent [--config PATH] [--key PATH] [--log-level LEVEL]\n"
    "                      [--stream SOCKET]\n"
    "\n"
    "Runs the guest agent in the foreground, as root: attaches the boards that the host agent\n"
    "names, tells when their ttys can be opened, and serves the event stream. Ctrl-C ends it;\n"
    "boards that are attached stay attached.\n"
    "\n"
    "  --config PATH      the configuration; without it " DEFAULT_CONFIG ", if there\n"
    "                     is one\n"
    "  --key PATH         the key that the host must prove; without it /etc/ttyferry/key.\n"
    "                     Unused where the configuration says \"auth\": \"none\"\n"
    "  --log-level LEVEL  error, warning, info (the default) or debug; the log goes to stderr\n"
    "  --stream SOCKET    serve the stream here instead of /run/ttyferry/events.sock\n"
    "\n"
    "Exit codes: 0 ended in order, 1 failed, 2 usage.\n";

int agent_command(int argc, char **argv)
{
    char stream_path[STREAM_PATH_SIZE];
    struct agent_options options;
    struct cli_agent agent;
    int exit_code;
    int err;

    if (!cli_agent_prepare(help, argc, argv, DEFAULT_CONFIG, &agent, &exit_code)) {
        return exit_code;
    }
    if (geteuid() != 0) {
        cli_output_error(VERB, "attaching boards is root's: run `sudo ttyferry agent`");
        return CLI_FAILED;
    }
    if (!cli_agent_check_key(&agent, &exit_code)) {
        return exit_code;
    }
    options.config = agent.config;
    options.key = agent.key;
    options.stream_path = agent.stream;
    if (options.stream_path == NULL) {
        err = local_client_default_path(stream_path, sizeof stream_path);
        if (err != 0) {
            cli_output_error(VERB, "there is no place for the stream: %s", error_text(err));
            return CLI_FAILED;
        }
        options.stream_path = stream_path;
    }
    return agent_run(&options) == 0 ? CLI_DONE : CLI_FAILED;
}
