#include "shared/core/import_route.h"

#include <string.h>

#include "shared/core/text.h"

void import_route_init(struct import_route *route, enum config_import policy)
{
    *route = (struct import_route){.policy = policy};
}

enum import_way import_route_first(const struct import_route *route)
{
    switch (route->policy) {
    case CONFIG_IMPORT_DIRECT:
        return IMPORT_WAY_DIRECT;
    case CONFIG_IMPORT_THROUGH_HOST:
        return IMPORT_WAY_HOST;
    case CONFIG_IMPORT_AUTO:
        break;
    }
    return route->prefers_host ? IMPORT_WAY_HOST : IMPORT_WAY_DIRECT;
}

bool import_route_has_other(const struct import_route *route, enum attach_fault fault)
{
    if (route->policy != CONFIG_IMPORT_AUTO) {
        return false;
    }
    switch (fault) {
    case FAULT_NO_ADDRESS:
    case FAULT_REFUSED:
    case FAULT_UNREACHABLE:
    case FAULT_NO_HOST:
        return true;
    default:
        return false; /* Whoever answered answers the same by the other way. */
    }
}

void import_route_worked(struct import_route *route, enum import_way way, enum attach_fault first)
{
    route->prefers_host = way == IMPORT_WAY_HOST && first != FAULT_REFUSED;
}

void import_route_forget(struct import_route *route)
{
    route->prefers_host = false;
}

void import_route_look(struct import_route *route, const char *gateway)
{
    if (strcmp(route->gateway, gateway) != 0) {
        text_copy(route->gateway, sizeof route->gateway, gateway);
        import_route_forget(route);
    }
}
