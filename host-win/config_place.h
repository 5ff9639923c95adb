/* Where the configuration lies on Windows, and the log beside it. */
#ifndef TTYFERRY_HOST_WIN_CONFIG_PLACE_H
#define TTYFERRY_HOST_WIN_CONFIG_PLACE_H

#include <stddef.h>

#define CONFIG_PLACE_PATH_SIZE 1024

/* Writes `%LOCALAPPDATA%\ttyferry\config.json` as UTF-8. Returns 0, ERR_NOT_FOUND if the variable
 * is not set, or ERR_TOO_LONG. */
int config_place_default_path(char path[CONFIG_PLACE_PATH_SIZE]);

/* The same for `%LOCALAPPDATA%\ttyferry\agent.log`, where a supervised agent writes. */
int config_place_log_path(char path[CONFIG_PLACE_PATH_SIZE]);

#endif
