/* What the bridge starts: wsl.exe, with the guest agent's relay in the distribution. Only in one
 * that runs: looking for a guest starts none. */
#ifndef TTYFERRY_HOST_WIN_WSL_BRIDGE_H
#define TTYFERRY_HOST_WIN_WSL_BRIDGE_H

#include "host-win/guest_link.h"

struct wsl_bridge;

/* Before each try wsl.exe is asked what runs. `configured` as for wsl_open. Returns 0 or ours. */
int wsl_bridge_open(uv_loop_t *loop, const char *configured, struct wsl_bridge **bridge);

/* For the options of the link, which must be closed before the bridge. */
struct guest_ways_bridge wsl_bridge_for_link(struct wsl_bridge *bridge);

/* The link that was opened with it; NULL: there is none any more. */
void wsl_bridge_set_link(struct wsl_bridge *bridge, struct guest_link *link);

/* Frees it once a look that lasts has ended. */
void wsl_bridge_close(struct wsl_bridge *bridge);

#endif
