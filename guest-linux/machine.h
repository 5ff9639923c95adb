/* What the guest agent uses of the machine it runs on. Tests name other roots and programs. */
#ifndef TTYFERRY_GUEST_MACHINE_H
#define TTYFERRY_GUEST_MACHINE_H

#include <uv.h>

#include "guest-linux/dev_links.h"
#include "guest-linux/held_ports.h"
#include "guest-linux/host_imports.h"
#include "guest-linux/modules.h"
#include "guest-linux/tty_node.h"
#include "guest-linux/udev_notes.h"
#include "guest-linux/vhci.h"
#include "guest-linux/windows_address.h"
#include "shared/core/config.h"
#include "shared/core/import_route.h"

/* Everything is borrowed and outlives what it is given to. */
struct machine {
    uv_loop_t *loop;
    const struct config *config;
    const char *sysfs_root; /* "/sys" */
    struct vhci *vhci;
    struct held_ports *held;
    struct tty_node_paths nodes;
    struct dev_links *links;
    struct udev_notes udev_notes;
    struct modules *modules;
    struct windows_address_paths address;
    struct import_route *route;
    struct host_imports *host;
};

#endif
