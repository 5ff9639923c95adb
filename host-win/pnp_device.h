/* Asks Windows for its device nodes. */
#ifndef TTYFERRY_HOST_WIN_PNP_DEVICE_H
#define TTYFERRY_HOST_WIN_PNP_DEVICE_H

#include "shared/core/pnp_scan.h"

/* Fills `scan`, initialised and empty, with every present node of the USB enumerator and every
 * present COM port, whatever its enumerator. `last` is what the last scan gave, maybe nothing: what
 * has gone since then is looked for with more care. Takes milliseconds. Returns 0, ERR_NOMEM,
 * ERR_FULL (the rest is left out) or ERR_IO; on ERR_NOMEM and ERR_IO the scan says nothing. */
int pnp_device_scan(const struct pnp_scan *last, struct pnp_scan *scan);

#endif
