/* What the bridge starts: wsl.exe, with the guest agent's relay in a distribution. */
#ifndef TTYFERRY_HOST_WIN_WSL_BRIDGE_H
#define TTYFERRY_HOST_WIN_WSL_BRIDGE_H

#include "host-win/guest_link.h"

#define WSL_BRIDGE_PROGRAM_SIZE 1024

/* The caller's memory; must outlive the link that it is given to. */
struct wsl_bridge {
    const char *distribution;
    char program[WSL_BRIDGE_PROGRAM_SIZE];
};

/* `distribution` is the caller's; empty: there never is anything to start. */
struct guest_link_bridge wsl_bridge_init(struct wsl_bridge *bridge, const char *distribution);

#endif
