/* Where the configuration lies on Windows, and its bytes. */
#ifndef TTYFERRY_HOST_WIN_CONFIG_FILE_H
#define TTYFERRY_HOST_WIN_CONFIG_FILE_H

#include <stddef.h>

#include "shared/core/config.h"

#define CONFIG_FILE_PATH_SIZE 1024

/* Writes `%LOCALAPPDATA%\ttyferry\config.json` as UTF-8. Returns 0, ERR_NOT_FOUND if the variable
 * is not set, or ERR_TOO_LONG. */
int config_file_default_path(char path[CONFIG_FILE_PATH_SIZE]);

/* Reads the file over what `*config` holds. A byte order mark, as Windows' editors write it, is
 * skipped. Returns 0; ERR_NOT_FOUND; ERR_DENIED; ERR_TOO_LONG; ERR_IO; or ERR_INVALID with
 * `reason`, as config_from_text. `*config` stays untouched on failure. */
int config_file_read(const char *path, struct config *config, char reason[CONFIG_REASON_SIZE]);

#endif
