/* Reads /proc/net/route. Pure. */
#ifndef TTYFERRY_GUEST_ROUTE_TABLE_H
#define TTYFERRY_GUEST_ROUTE_TABLE_H

#include <stddef.h>

#define ROUTE_TABLE_ADDRESS_SIZE 16 /* "255.255.255.255" */

/* Writes the gateway of the default route with the lowest metric. Lines that do not parse are
 * skipped. Returns 0 or ERR_NOT_FOUND. */
int route_table_default_gateway(const char *text, char address[ROUTE_TABLE_ADDRESS_SIZE]);

#endif
