/* Reads device nodes back by the functions a product would use: the lab's own check of its driver.
 */
#ifndef NODE_SCAN_H
#define NODE_SCAN_H

#include <windows.h>

/* Prints a JSON array of the present nodes of an enumerator ("USB"), one object each with instance,
 * description, friendly_name, location, location_path, address, parent, product, hardware_id,
 * compatible_id (the first of each list) and port_name; what a node lacks is null.  Returns 0 or a
 * Windows error code. */
DWORD node_scan_print(const wchar_t *enumerator);

/* Prints a JSON array of the present interfaces of a class: path and instance. */
DWORD node_scan_print_interfaces(const GUID *interface_class);

#endif
