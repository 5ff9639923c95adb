/* The agent's log, read from outside. */
#ifndef TTYFERRY_CLI_AGENT_LOG_H
#define TTYFERRY_CLI_AGENT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the log file at `path` (UTF-8) tells as the last warning or error since `since_ms` (UTC,
 * milliseconds since 1970), cut to `size`. Returns false, and `reason` is "", if there is none. */
bool agent_log_reason(const char *path, int64_t since_ms, char *reason, size_t size);

#endif
