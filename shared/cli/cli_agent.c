#include "shared/cli/cli_agent.h"

#include <stddef.h>
#include <string.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/config_file.h"
#include "shared/cli/log_file.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

#define VERB "agent"
/* Those of both sides. */
#define COMMON_OPTIONS 5u

static int set_log_level(const char *name)
{
    for (enum log_level level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        if (strcmp(name, log_level_name(level)) == 0) {
            log_set_level(level);
            return CLI_DONE;
        }
    }
    return cli_args_refuse(VERB, "the log level is error, warning, info or debug, not", name);
}

/* Reads the configuration at `path`. */
static int load_config(const char *path, bool is_required, struct config *config)
{
    char reason[CONFIG_REASON_SIZE];
    int error;

    config_init(config);
    error = config_file_read(path, config, reason);
    if (error == 0 || (error == ERR_NOT_FOUND && !is_required)) {
        return CLI_DONE;
    }
    if (reason[0] != '\0') {
        cli_output_error(VERB, "the configuration %s is wrong: %s", path, reason);
    } else {
        cli_output_error(VERB, "the configuration %s can't be read: %s", path, error_text(error));
    }
    return CLI_FAILED;
}

/* The agents run as root in the guest and as the user on Windows, whose keys these are. */
static void find_key(const char *named, struct cli_agent *agent)
{
    agent->key.owner = 0;
    agent->key.path = named != NULL ? named : agent->key_path;
    if (key_file_default_path(agent->key_path) != 0) {
        agent->key_path[0] = '\0'; /* No such file: told when a key is wanted. */
    }
}

bool cli_agent_check_key(const struct cli_agent *agent, int *exit_code)
{
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;

    if (agent->config.link_auth == CONFIG_AUTH_NONE) {
        return true;
    }
    if (key_file_read(&agent->key, &key, reason) != 0) {
        cli_output_error(VERB, "%s", reason);
        *exit_code = CLI_FAILED;
        return false;
    }
    link_key_wipe(&key);
    return true;
}

int cli_agent_log_to(const char *path)
{
    struct log_file *file; /* It lives as long as the program. */
    int error = path != NULL ? log_file_open(path, &file) : 0;

    if (error != 0) {
        cli_output_error(VERB, "the log can't be written to %s: %s", path, error_text(error));
        return CLI_FAILED;
    }
    return CLI_DONE;
}

bool cli_agent_prepare(const char *help, const struct cli_option *own, int argc, char **argv,
                       const char *default_path, struct cli_agent *agent, int *exit_code)
{
    const char *config_path = NULL;
    const char *log_level = NULL;
    const char *key_path = NULL;
    struct cli_option options[COMMON_OPTIONS + CLI_AGENT_OWN_OPTIONS_MAX + 1] = {
        {"--config", &config_path, NULL},   {"--key", &key_path, NULL},
        {"--log-level", &log_level, NULL},  {"--log-file", &agent->log_file, NULL},
        {"--stream", &agent->stream, NULL},
    };
    const struct cli_args args = {.verb = VERB, .help = help, .options = options};

    for (size_t i = 0; own != NULL && own[i].name != NULL && i < CLI_AGENT_OWN_OPTIONS_MAX; i++) {
        options[COMMON_OPTIONS + i] = own[i];
    }
    agent->stream = NULL;
    agent->log_file = NULL;
    if (!cli_args_parse(&args, argc, argv, exit_code)) {
        return false;
    }
    *exit_code = log_level != NULL ? set_log_level(log_level) : CLI_DONE;
    if (*exit_code == CLI_DONE) {
        const char *path = config_path != NULL ? config_path : default_path;

        *exit_code = load_config(path, config_path != NULL, &agent->config);
        find_key(key_path, agent);
    }
    return *exit_code == CLI_DONE;
}
