/*
 * The user's end of pnpbus.sys: installing it, opening it, and its three primitives.
 * Every function returns ERROR_SUCCESS or a Windows error code.
 */
#ifndef BUS_CLIENT_H
#define BUS_CLIENT_H

#include <windows.h>

#include "pnpbus.h"

/* Copies the driver into the prefix, registers its service and its root device, starts it.  May be
 * repeated. */
DWORD bus_client_install(const wchar_t *sys_path);

/* The caller closes the handle with CloseHandle. */
DWORD bus_client_open(HANDLE *bus);

/* Splits "USB\VID_1A86&PID_7523\5&1A2B&0&3" at its last backslash; ERROR_INVALID_PARAMETER if it
 * cannot. */
DWORD bus_client_node_from_id(struct pnpbus_node *node, const wchar_t *full_instance_id);

DWORD bus_client_add(HANDLE bus, const struct pnpbus_add *add);
DWORD bus_client_interface(HANDLE bus, const struct pnpbus_node *node, const GUID *interface_class,
                           BOOL enable);
DWORD bus_client_remove(HANDLE bus, const struct pnpbus_node *node);

#endif
