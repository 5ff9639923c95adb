/*
 * The ioctl interface between the PnP bus driver of the lab (pnpbus.sys) and its control program.
 *
 * The driver offers three primitives and no policy: add a device node, switch one interface of a
 * node, remove a node.  What a "board" is (nodes, children, properties, their order) is the
 * caller's business. Every request returns only after the plug-and-play manager has acted on it
 * completely, so that requests made one after the other never merge into one change.
 *
 * Strings are UTF-16, NUL-terminated inside their array; lists are REG_MULTI_SZ.  The driver
 * answers STATUS_INVALID_PARAMETER to a request whose size or termination is wrong.
 *
 * Included by kernel and user code alike, hence only headers that both have.
 */
#ifndef PNPBUS_H
#define PNPBUS_H

#include <guiddef.h>
#include <stddef.h>
#include <stdint.h>

#define PNPBUS_SERVICE L"ttyferry-pnpbus"
#define PNPBUS_USER_PATH L"\\\\.\\TtyferryPnpBus"
#define PNPBUS_KERNEL_PATH L"\\Device\\TtyferryPnpBus"
#define PNPBUS_LINK_PATH L"\\DosDevices\\TtyferryPnpBus"

/* CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900 + n, METHOD_BUFFERED, FILE_ANY_ACCESS), spelt out because the
 * macro lives in different headers in kernel and user mode. */
#define PNPBUS_IOCTL(n) ((0x22u << 16) | ((0x900u + (n)) << 2))

#define PNPBUS_IOCTL_ADD PNPBUS_IOCTL(0)       /* takes struct pnpbus_add */
#define PNPBUS_IOCTL_INTERFACE PNPBUS_IOCTL(1) /* takes struct pnpbus_interface */
#define PNPBUS_IOCTL_REMOVE PNPBUS_IOCTL(2)    /* takes struct pnpbus_node */

enum {
    PNPBUS_ID_CHARS =
        200, /* Windows' MAX_DEVICE_ID_LEN, for both halves of an instance id together */
    PNPBUS_IDS_CHARS = 512, /* a list of hardware or compatible ids */
    PNPBUS_INTERFACES = 4   /* interface classes that one node can have over its life */
};

/* Names a node: "USB\VID_1A86&PID_7523" and "5&1A2B&0&3".  Compared without regard to ASCII case.
 */
struct pnpbus_node {
    wchar_t device_id[PNPBUS_ID_CHARS];
    wchar_t instance_id[PNPBUS_ID_CHARS];
};

/* STATUS_OBJECT_NAME_COLLISION if the node is there already. */
struct pnpbus_add {
    struct pnpbus_node node;
    wchar_t hardware_ids[PNPBUS_IDS_CHARS];
    wchar_t compatible_ids[PNPBUS_IDS_CHARS];
    uint32_t address; /* of the device on its bus: the port number for USB */
    uint32_t raw; /* 1: the node starts without a function driver; 0: it stays there unstarted (Code
                     28) */
};

/* STATUS_NOT_FOUND if there is no such node.  Setting an interface to the state it has is no error
 * and raises no event. */
struct pnpbus_interface {
    struct pnpbus_node node;
    GUID interface_class;
    uint32_t enable;
};

#endif
