/* Which way an import goes: to usbipd's address, or over the link and through the host agent. Pure:
 * what was tried and what came of it comes in as values. */
#ifndef TTYFERRY_CORE_IMPORT_ROUTE_H
#define TTYFERRY_CORE_IMPORT_ROUTE_H

#include <stdbool.h>

#include "shared/core/attach_fault.h"
#include "shared/core/config.h"

enum import_way { IMPORT_WAY_DIRECT, IMPORT_WAY_HOST };

/* Room for a numeric address. */
#define IMPORT_ROUTE_ADDRESS_SIZE 64

struct import_route {
    enum config_import policy;
    bool prefers_host;                       /* what worked last, where the policy leaves it open */
    char gateway[IMPORT_ROUTE_ADDRESS_SIZE]; /* at the last look, empty: none */
};

void import_route_init(struct import_route *route, enum config_import policy);

/* The way to try first. */
enum import_way import_route_first(const struct import_route *route);

/* True if the other way is to be tried too after a first one that came to `fault`:
 * where the policy leaves it open and usbipd was not reached at all. */
bool import_route_has_other(const struct import_route *route, enum attach_fault fault);

/* An import has reached usbipd: that way is the next import's first, unless it was tried in place
 * of one that had been refused (`first`; FAULT_NONE: there was none). A refusal takes no time, and
 * usbipd may just have been restarting. */
void import_route_worked(struct import_route *route, enum import_way way, enum attach_fault first);

/* The network may be another, and its firewall too: the direct way comes first again. */
void import_route_forget(struct import_route *route);

/* Looks at the guest's default gateway (empty: there is none), which is Windows or what Windows has
 * too: if it is another than at the last look, so is the network, and what worked is forgotten. */
void import_route_look(struct import_route *route, const char *gateway);

#endif
