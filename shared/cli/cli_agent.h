/* What the verb `agent` does alike on both sides: its options and the configuration. */
#ifndef TTYFERRY_CLI_CLI_AGENT_H
#define TTYFERRY_CLI_CLI_AGENT_H

#include <stdbool.h>

#include "shared/core/config.h"

struct cli_agent {
    struct config config;
    const char *stream; /* what --stream names (argv's memory), or NULL */
};

/* Reads --config, --log-level and --stream, sets the log's level, and reads the configuration: the
 * file that was named, which must be there, or the one at `default_path`, which need not. A
 * configuration that wants a key is refused, for this version can't prove one. Returns true to go
 * on; false when the verb ends here with `*exit_code`, and stderr (or --help on stdout) says why.
 */
bool cli_agent_prepare(const char *help, int argc, char **argv, const char *default_path,
                       struct cli_agent *agent, int *exit_code);

#endif
