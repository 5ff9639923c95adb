/* What the verb `agent` does alike on both sides: its options and the configuration. */
#ifndef TTYFERRY_CLI_CLI_AGENT_H
#define TTYFERRY_CLI_CLI_AGENT_H

#include <stdbool.h>

#include "shared/cli/cli_args.h"
#include "shared/core/config.h"
#include "shared/link/key_file.h"

/* A side's own options beside the shared ones. */
#define CLI_AGENT_OWN_OPTIONS_MAX 8

struct cli_agent {
    struct config config;
    struct key_file key; /* what --key names (argv's memory), else `key_path` */
    char key_path[KEY_FILE_PATH_SIZE];
    const char *stream;   /* what --stream names (argv's memory), or NULL */
    const char *log_file; /* what --log-file names, or NULL */
};

/* Reads --config, --key, --log-level, --log-file, --stream and `own` (ended by a NULL name, or
 * NULL), sets the log's level, and reads the configuration: the file that was named, which must be
 * there, or the one at `default_path`, which need not. Returns true to go on; false when the verb
 * ends here with `*exit_code`, and stderr (or --help on stdout) says why. `agent` must stay where
 * it is. */
bool cli_agent_prepare(const char *help, const struct cli_option *own, int argc, char **argv,
                       const char *default_path, struct cli_agent *agent, int *exit_code);

/* Sends the log to the file `path` until the program ends (see log_file.h); NULL leaves it where it
 * is. Returns CLI_DONE, or CLI_FAILED, and then stderr says why. */
int cli_agent_log_to(const char *path);

/* Where the configuration wants a key, looks whether there is a good one: an agent without could
 * link with nobody. Returns as cli_agent_prepare. */
bool cli_agent_check_key(const struct cli_agent *agent, int *exit_code);

#endif
