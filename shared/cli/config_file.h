/* Reads a file of the configuration. */
#ifndef TTYFERRY_CLI_CONFIG_FILE_H
#define TTYFERRY_CLI_CONFIG_FILE_H

#include "shared/core/config.h"

/* Reads the file `path` (UTF-8) over what `*config` holds. Returns 0; ERR_INVALID, and then
 * `reason` says what is wrong in it; ERR_NOT_FOUND, ERR_DENIED, ERR_IS_FOLDER, ERR_TOO_LONG,
 * ERR_NOMEM, ERR_IO, and then `reason` is empty. `*config` stays untouched on failure. */
int config_file_read(const char *path, struct config *config, char reason[CONFIG_REASON_SIZE]);

#endif
