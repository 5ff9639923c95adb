/* /proc/net/route as the kernel writes it, and broken. */
#include "guest-linux/route_table.h"

#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define HEADING                                                                                    \
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define LOCAL "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
#define DEFAULT "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"

struct row {
    const char *name;
    const char *text;
    const char *gateway; /* NULL: none is found */
};

static const struct row rows[] = {
    {"the default route's gateway", HEADING DEFAULT LOCAL, "10.0.2.2"},
    {"after other routes", HEADING LOCAL DEFAULT, "10.0.2.2"},
    {"as WSL has it", HEADING "eth0\t00000000\t01A01EAC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
     "172.30.160.1"},
    {"the lowest metric",
     HEADING "wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
             "eth0\t00000000\tFE00A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
             "tun0\t00000000\t0300A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n",
     "192.168.0.254"},
    {"the first of equal ones",
     HEADING DEFAULT "eth1\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "10.0.2.2"},
    {"without the last line feed", HEADING "eth0 00000000 0202000A 0003 0 0 0 00000000",
     "10.0.2.2"},
    {"broken lines are passed over", HEADING "eth0\n\n\t\t\neth0 zz\n\xff\xfe\n" DEFAULT,
     "10.0.2.2"},
    {"no default route", HEADING LOCAL, NULL},
    {"a default route without a gateway",
     HEADING "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", NULL},
    {"a default route that is down",
     HEADING "eth0\t00000000\t0202000A\t0002\t0\t0\t0\t00000000\t0\t0\t0\n", NULL},
    {"half of the addresses by a mask",
     HEADING "tun0\t00000000\t0202000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n", NULL},
    {"a number beyond 32 bits",
     HEADING "eth0\t00000000\t10202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", NULL},
    {"a line that is cut", HEADING "eth0\t00000000\t0202000A\t0003\t0\t0\t0", NULL},
    {"the heading alone", HEADING, NULL},
    {"nothing", "", NULL},
};

static void the_gateway_is_found(void **state)
{
    const struct row *row = *state;
    char address[ROUTE_TABLE_ADDRESS_SIZE] = "untouched";

    assert_int_equal(route_table_default_gateway(row->text, address),
                     row->gateway != NULL ? 0 : ERR_NOT_FOUND);
    assert_string_equal(address, row->gateway != NULL ? row->gateway : "untouched");
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, rows, the_gateway_is_found);
    return cases_run("route_table", &cases);
}
