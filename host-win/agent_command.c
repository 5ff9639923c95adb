#include "host-win/agent_command.h"

#include <stddef.h>
#include <string.h>

#include "host-win/agent.h"
#include "host-win/config_file.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/link/local_client.h"

#define VERB "agent"
#define STREAM_PATH_SIZE 256

static const char help[] =
    "Usage: ttyferry agent [--config PATH] [--log-level LEVEL] [--stream PIPE]\n"
    "\n"
    "Runs the host agent in the foreground: hears boards come and go, tells the guest agent, and\n"
    "serves the event stream to this user's programs. Ctrl-C ends it.\n"
    "\n"
    "  --config PATH      the configuration; without it %LOCALAPPDATA%\\ttyferry\\config.json, if\n"
    "                     there is one\n"
    "  --log-level LEVEL  error, warning, info (the default) or debug; the log goes to stderr\n"
    "  --stream PIPE      serve the stream here instead of \\\\.\\pipe\\ttyferry-SID\n"
    "\n"
    "Exit codes: 0 ended in order, 1 failed, 2 usage.\n";

struct arguments {
    const char *config_path;
    const char *log_level;
    const char *stream;
};

static int set_log_level(const char *name)
{
    for (enum log_level level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        if (strcmp(name, log_level_name(level)) == 0) {
            log_set_level(level);
            return 0;
        }
    }
    return ERR_INVALID;
}

/* A configuration that was named must be there, the default one need not. `*path` is where it is
 * looked for; the message is for the user. */
static int load_config(const struct arguments *arguments, struct config *config,
                       char path[CONFIG_FILE_PATH_SIZE])
{
    char reason[CONFIG_REASON_SIZE];
    const char *from = arguments->config_path;
    int error = 0;

    strcpy(path, "%LOCALAPPDATA%\\ttyferry\\config.json");
    config_init(config);
    if (from == NULL) {
        error = config_file_default_path(path);
        from = path;
    }
    if (error == 0) {
        error = config_file_read(from, config, reason);
    }
    if (error == ERR_NOT_FOUND && arguments->config_path == NULL) {
        return 0;
    }
    if (error == ERR_INVALID && reason[0] != '\0') {
        cli_output_error(VERB, "the configuration %s is wrong: %s", from, reason);
    } else if (error != 0) {
        cli_output_error(VERB, "the configuration %s can't be read: %s", from, error_text(error));
    }
    return error;
}

static int run(const struct arguments *arguments)
{
    struct agent_options options = {.usbipd = usbipd_place()};
    char config_path[CONFIG_FILE_PATH_SIZE];
    char stream_path[STREAM_PATH_SIZE];
    int error;

    if (load_config(arguments, &options.config, config_path) != 0) {
        return CLI_FAILED;
    }
    if (options.config.link_auth != CONFIG_AUTH_NONE) {
        cli_output_error(VERB,
                         "this version can't prove a key to the guest yet. To link without any "
                         "proof, write {\"link\": {\"auth\": \"none\"}} into %s",
                         arguments->config_path != NULL ? arguments->config_path : config_path);
        return CLI_FAILED;
    }
    options.stream_path = arguments->stream;
    if (options.stream_path == NULL) {
        error = local_client_default_path(stream_path, sizeof stream_path);
        if (error != 0) {
            cli_output_error(VERB, "this user's SID can't be found out: %s", error_text(error));
            return CLI_FAILED;
        }
        options.stream_path = stream_path;
    }
    error = agent_run(&options);
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
    struct arguments arguments = {NULL, NULL, NULL};
    const struct cli_option options[] = {
        {"--config", &arguments.config_path, NULL},
        {"--log-level", &arguments.log_level, NULL},
        {"--stream", &arguments.stream, NULL},
        {NULL, NULL, NULL},
    };
    const struct cli_args args = {.verb = VERB, .help = help, .options = options};
    int exit_code;

    if (!cli_args_parse(&args, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (arguments.log_level != NULL && set_log_level(arguments.log_level) != 0) {
        return cli_args_refuse(VERB, "the log level is error, warning, info or debug, not",
                               arguments.log_level);
    }
    return run(&arguments);
}
