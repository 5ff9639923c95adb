/* Asks Windows for its device nodes. */
#ifndef TTYFERRY_HOST_WIN_PNP_DEVICE_H
#define TTYFERRY_HOST_WIN_PNP_DEVICE_H

#include "shared/core/pnp_scan.h"

/* Fills `scan`, initialised and empty, with every present node of the USB enumerator and every
 * present COM port, whatever its enumerator. Takes milliseconds. Returns 0, ERR_NOMEM,
 * ERR_FULL (the rest is left out) or ERR_IO; on ERR_NOMEM and ERR_IO the scan says nothing. */
int pnp_device_scan(struct pnp_scan *scan);

#endif
