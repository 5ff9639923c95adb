#include "guest-linux/route_table.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

/* Flags of the kernel's linux/route.h. */
#define FLAG_UP 0x1u
#define FLAG_GATEWAY 0x2u

struct route {
    unsigned destination;
    unsigned gateway; /* the address' four bytes as this machine reads them as one number */
    unsigned flags;
    unsigned metric;
    unsigned mask;
};

/* "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT". */
static bool line_to_route(const char *line, struct route *route)
{
    /* NULL: a number that does not matter. */
    const struct {
        unsigned *number;
        int base;
    } columns[] = {{&route->destination, 16},
                   {&route->gateway, 16},
                   {&route->flags, 16},
                   {NULL, 10},
                   {NULL, 10},
                   {&route->metric, 10},
                   {&route->mask, 16}};

    line += strcspn(line, " \t\n"); /* the interface */
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        char *end;
        unsigned long number;

        line += strspn(line, " \t");
        number = strtoul(line, &end, columns[i].base);
        if (end == line || number > UINT32_MAX)
            return false;
        if (columns[i].number)
            *columns[i].number = (unsigned)number;
        line = end;
    }
    return true;
}

static bool is_default(const struct route *route)
{
    return route->destination == 0 && route->mask == 0 && route->gateway != 0 &&
           (route->flags & (FLAG_UP | FLAG_GATEWAY)) == (FLAG_UP | FLAG_GATEWAY);
}

int route_table_default_gateway(const char *text, char address[ROUTE_TABLE_ADDRESS_SIZE])
{
    struct route best = {0};
    bool found = false;
    uint32_t gateway;
    uint8_t bytes[4];

    while (*text) {
        struct route route;

        if (line_to_route(text, &route) && is_default(&route) &&
            (!found || route.metric < best.metric)) {
            best = route;
            found = true;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    if (!found)
        return ERR_NOT_FOUND;
    gateway = best.gateway;
    memcpy(bytes, &gateway, sizeof bytes);
    snprintf(address, ROUTE_TABLE_ADDRESS_SIZE, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2],
             bytes[3]);
    return 0;
}
