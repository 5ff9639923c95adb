/* Who may open the boards' nodes, as the configuration says and this machine knows it. */
#ifndef TTYFERRY_GUEST_BOARD_ACCESS_H
#define TTYFERRY_GUEST_BOARD_ACCESS_H

#include "guest-linux/node_access.h"
#include "shared/core/config.h"

/* Looks the group up. Without it the nodes stay as they are made, root's, and a warning says what
 * to do. */
void board_access_init(struct node_access *access, const struct config *config);

#endif
