/*
 * One node on the bus of pnpbus.sys: its ids, its interfaces, and how it answers the PnP manager.
 */
#ifndef BUS_CHILD_H
#define BUS_CHILD_H

#include "pnpbus.h"

#include <ntddk.h>

#define BUS_CHILD_POOL_TAG 0x42506e50u

/* One interface class of a node.  The link name is owned while `registered` is set. */
struct bus_child_interface {
    GUID interface_class;
    UNICODE_STRING link_name;
    BOOLEAN registered;
    BOOLEAN enabled;
};

struct bus_child {
    LIST_ENTRY entry;
    DEVICE_OBJECT *device;
    BOOLEAN
    unplugged; /* off the list: the PnP manager's next REMOVE_DEVICE ends the device object */
    struct pnpbus_add request;
    struct bus_child_interface interfaces[PNPBUS_INTERFACES];
};

/* Starts a child in zeroed memory inside the device's extension.  The request has been checked. */
void bus_child_init(struct bus_child *child, DEVICE_OBJECT *device,
                    const struct pnpbus_add *request);

int bus_child_is(const struct bus_child *child, const struct pnpbus_node *node);

/* STATUS_INSUFFICIENT_RESOURCES after PNPBUS_INTERFACES different classes. */
NTSTATUS bus_child_set_interface(struct bus_child *child, const GUID *interface_class,
                                 BOOLEAN enable);

/* Completes the IRP.  After IRP_MN_REMOVE_DEVICE an unplugged child and its device are gone. */
NTSTATUS bus_child_pnp(struct bus_child *child, IRP *irp);

NTSTATUS bus_child_complete(IRP *irp, NTSTATUS status);

/* Whether strings and lists of a request end inside their arrays, and the ids are not empty. */
BOOLEAN bus_child_node_is_valid(const struct pnpbus_node *node);
BOOLEAN bus_child_add_is_valid(const struct pnpbus_add *add);

#endif
