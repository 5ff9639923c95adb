/*
 * What a real hub driver and a real installer write about a device node, written to the registry
 * from user mode.  Every function returns ERROR_SUCCESS or a Windows error code.
 */
#ifndef DEVNODE_H
#define DEVNODE_H

#include <windows.h>

/* NULL members are not written.  The lists' strings belong to the caller. */
struct devnode_properties {
    const wchar_t *description;   /* SPDRP_DEVICEDESC */
    const wchar_t *friendly_name; /* SPDRP_FRIENDLYNAME */
    const wchar_t *product;       /* DEVPKEY_Device_BusReportedDeviceDesc: the USB product string */
    const wchar_t *location;      /* DEVPKEY_Device_LocationInfo and SPDRP_LOCATION_INFORMATION */
    const wchar_t *location_path; /* the one entry of DEVPKEY_Device_LocationPaths */
    const wchar_t *parent;        /* DEVPKEY_Device_Parent: an instance id */
    DWORD address;                /* DEVPKEY_Device_Address */
};

/* Makes the node's registry entry before the node itself appears, so that nobody sees it without
 * its properties. */
DWORD devnode_seed(const wchar_t *instance_id, const struct devnode_properties *properties);

/* Gives a node a COM port's name ("PortName" among its device parameters) and a friendly name to go
 * with it; NULL takes the former away and leaves the latter. */
DWORD devnode_set_port(const wchar_t *instance_id, const wchar_t *port_name,
                       const wchar_t *friendly_name);

/* Removes the registry entry.  Windows keeps it and counts the node as not present; Wine 8 does not
 * know absent nodes and would go on listing it. */
DWORD devnode_erase(const wchar_t *instance_id);

/* Tells all top-level windows that the device tree has changed (WM_DEVICECHANGE,
 * DBT_DEVNODES_CHANGED). */
void devnode_broadcast(void);

/* Tells all top-level windows once more that an interface of a node has come (or gone), whatever is
 * true; returns when they have taken it.  The instance id is told as it is spelt. */
DWORD devnode_notice(const wchar_t *instance_id, const GUID *interface_class, BOOL arrival);

#endif
