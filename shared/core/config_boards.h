/* The section "boards" of the configuration: the user's own names, each with what it means. A part
 * of config. */
#ifndef TTYFERRY_CORE_CONFIG_BOARDS_H
#define TTYFERRY_CORE_CONFIG_BOARDS_H

#include "shared/core/board_family.h"
#include "shared/core/config.h"

struct cJSON;

/* Reads the section's members into `*families`. Returns 0, or ERR_INVALID with the reason. */
int config_boards_read(const struct cJSON *section, struct board_families *families,
                       char reason[CONFIG_REASON_SIZE]);

#endif
