/* Which way an import goes: to usbipd's address, or over the link and through the host agent. Pure:
 * what was tried and what came of it comes in as values. */
#ifndef TTYFERRY_CORE_IMPORT_ROUTE_H
#define TTYFERRY_CORE_IMPORT_ROUTE_H

#include <stdbool.h>

#include "shared/core/attach_fault.h"
#include "shared/core/config.h"

enum import_way { IMPORT_WAY_DIRECT, IMPORT_WAY_HOST };

struct import_route {
    enum config_import policy;
    bool prefers_host; /* what worked last, where the policy leaves it open */
};

void import_route_init(struct import_route *route, enum config_import policy);

/* The way to try first. */
enum import_way import_route_first(const struct import_route *route);

/* True if the other way is to be tried too after a first one that came to `fault`:
 * where the policy leaves it open and usbipd was not reached at all. */
bool import_route_has_other(const struct import_route *route, enum attach_fault fault);

/* An import has reached usbipd: that way is the next import's first. */
void import_route_worked(struct import_route *route, enum import_way way);

/* The network may be another: the direct way comes first again. */
void import_route_forget(struct import_route *route);

#endif
