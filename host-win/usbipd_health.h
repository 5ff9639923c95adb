/* Whether usbipd-win is there and runs, told to the user once for each state of things. */
#ifndef TTYFERRY_HOST_WIN_USBIPD_HEALTH_H
#define TTYFERRY_HOST_WIN_USBIPD_HEALTH_H

#include "shared/core/sharing.h"

enum usbipd_health { USBIPD_UNKNOWN, USBIPD_MISSING, USBIPD_STOPPED, USBIPD_RUNS };

/* Logs what has to be done before any board can be shared, if that is something else than `*told`
 * (at first USBIPD_UNKNOWN), and writes what was told there. */
void usbipd_health_tell(const struct sharing *sharing, enum usbipd_health *told);

#endif
