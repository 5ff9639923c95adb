/* One board's import by whichever way leads to usbipd: to its address, or through the host agent.
 */
#ifndef TTYFERRY_GUEST_BOARD_IMPORT_H
#define TTYFERRY_GUEST_BOARD_IMPORT_H

#include "guest-linux/machine.h"
#include "guest-linux/usbip_import.h"

/* How long connecting to usbipd's address may take where the way through the host is left: a
 * firewall that drops says nothing. */
#define BOARD_IMPORT_CONNECT_MS 3000u

struct board_import;

/* Starts. `machine` must outlive it; `busid` is copied. Returns FAULT_NONE, and then `on_done` runs
 * once, never from inside this call, unless the import is cancelled before; `*import` is valid
 * until then. Returns why it can't be begun otherwise. */
enum attach_fault board_import_open(const struct machine *machine, const char *busid,
                                    usbip_import_done_fn on_done, void *context,
                                    struct board_import **import);

/* Gives up: `on_done` does not run any more. */
void board_import_cancel(struct board_import *import);

#endif
