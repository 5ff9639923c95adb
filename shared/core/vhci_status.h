/* vhci_hcd's status files as data: which ports there are, which are free, and where in the
 * device tree the device of a port will appear. Pure.
 *
 * A port's number counts through all controllers. Each controller has two root hubs with equally
 * many ports, high speed first. Nothing of that is taken for granted: Debian builds 8 controllers
 * of 15 + 15 ports, WSL one of 8 + 8. */
#ifndef TTYFERRY_CORE_VHCI_STATUS_H
#define TTYFERRY_CORE_VHCI_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/board.h"

/* The kernel's limits are 128 controllers of 15 + 15 ports. */
#define VHCI_STATUS_CONTROLLERS_MAX 128u
#define VHCI_STATUS_PORTS_MAX 3840u
#define VHCI_STATUS_DEVPATH_SIZE 96u

/* The kernel's numbers in the column `sta`. */
enum vhci_port_state {
    VHCI_PORT_FREE = 4,
    VHCI_PORT_NOT_ENUMERATED = 5,
    VHCI_PORT_USED = 6,
    VHCI_PORT_ERROR = 7,
};

struct vhci_port {
    unsigned port;
    unsigned controller;
    bool super_speed;
    unsigned state; /* enum vhci_port_state, or a number this version does not know */
    uint32_t devid; /* may be 0 on a port in use */
};

struct vhci_status {
    struct vhci_port *ports; /* owned, in the order of the files */
    size_t count;
    size_t capacity;
    unsigned controllers; /* files added */
    size_t skipped;       /* rows that did not parse */
};

void vhci_status_init(struct vhci_status *status);
void vhci_status_finish(struct vhci_status *status);

/* Adds the text of one controller's file (`status`, then `status.1`, ...). A row that does not
 * parse is skipped and counted. Returns 0, ERR_NOMEM or ERR_FULL; what was read before then
 * stays. */
int vhci_status_add(struct vhci_status *status, const char *text, size_t len);

/* The row of `port`, or NULL. */
const struct vhci_port *vhci_status_find(const struct vhci_status *status, unsigned port);

/* A port that must not be chosen although it is free. */
typedef bool (*vhci_status_held_fn)(const void *context, unsigned port);

/* Chooses a free port for a device of `speed` on the controller where least goes on, for a peer
 * that does not answer holds up every enumeration on its controller. `held` may be NULL. Returns
 * 0, ERR_INVALID for an unknown speed, ERR_FULL when no port is free. */
int vhci_status_choose(const struct vhci_status *status, enum board_speed speed,
                       vhci_status_held_fn held, const void *context, struct vhci_port *port);

/* The number that a device on `port` has at its root hub: 1 for the hub's first port. `nports` is
 * what the file of that name says, for all controllers. Returns 0, or ERR_INVALID if the number
 * of controllers and ports do not fit each other or the row. */
int vhci_status_hub_port(const struct vhci_status *status, unsigned nports,
                         const struct vhci_port *port, unsigned *hub_port);

/* Writes the DEVPATH of the device: its root hub is bus `busnum` of `controller`. */
void vhci_status_devpath(unsigned controller, unsigned busnum, unsigned hub_port,
                         char devpath[VHCI_STATUS_DEVPATH_SIZE]);

#endif
