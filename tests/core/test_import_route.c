#include "shared/core/import_route.h"

#include "tests/core/cases.h"

#define OF(type) CONFIG_IMPORT_##type

static const struct route_case {
    const char *name;
    /* d, h: direct, through the host has worked; r: the latter as direct was refused; f: forgotten;
     * a digit: that gateway, 0: none */
    const char *history;
    enum config_import policy;
    enum import_way first;
    enum attach_fault fault;
    bool has_other;
} route_cases[] = {
    {"route: auto begins direct", "", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_UNREACHABLE, true},
    {"route: refused", "", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_REFUSED, true},
    {"route: no address", "", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_NO_ADDRESS, true},
    {"route: the board is in use", "", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_IN_USE, false},
    {"route: usbipd does not answer", "", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_IMPORT_TIMEOUT, false},
    {"route: usbipd closes", "", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_CLOSED, false},
    {"route: it is no usbipd", "", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_PROTOCOL, false},
    {"route: the host's way is remembered", "h", OF(AUTO), IMPORT_WAY_HOST, FAULT_NO_HOST, true},
    {"route: the host does not reach it", "h", OF(AUTO), IMPORT_WAY_HOST, FAULT_REFUSED, true},
    {"route: the last way counts", "hd", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_UNREACHABLE, true},
    {"route: a refusal is asked for again", "r", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_REFUSED, true},
    {"route: it is forgotten", "hf", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_UNREACHABLE, true},
    {"route: the same network", "1h11", OF(AUTO), IMPORT_WAY_HOST, FAULT_REFUSED, true},
    {"route: another network", "1h2", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_UNREACHABLE, true},
    {"route: another network once", "1h2h2", OF(AUTO), IMPORT_WAY_HOST, FAULT_REFUSED, true},
    {"route: no network any more", "1h0", OF(AUTO), IMPORT_WAY_DIRECT, FAULT_NO_ADDRESS, true},
    {"route: never a gateway", "0h0", OF(AUTO), IMPORT_WAY_HOST, FAULT_REFUSED, true},
    {"route: the host whatever the network", "1h2", OF(THROUGH_HOST), IMPORT_WAY_HOST,
     FAULT_NO_HOST, false},
    {"route: direct only", "", OF(DIRECT), IMPORT_WAY_DIRECT, FAULT_UNREACHABLE, false},
    {"route: direct whatever worked", "h", OF(DIRECT), IMPORT_WAY_DIRECT, FAULT_REFUSED, false},
    {"route: the host only", "", OF(THROUGH_HOST), IMPORT_WAY_HOST, FAULT_NO_HOST, false},
    {"route: the host whatever worked", "df", OF(THROUGH_HOST), IMPORT_WAY_HOST, FAULT_REFUSED,
     false},
};

static void take_step(struct import_route *route, char step)
{
    char gateway[] = "172.20.0.x";

    switch (step) {
    case 'f':
        import_route_forget(route);
        break;
    case 'h':
        import_route_worked(route, IMPORT_WAY_HOST, FAULT_UNREACHABLE);
        break;
    case 'r':
        import_route_worked(route, IMPORT_WAY_HOST, FAULT_REFUSED);
        break;
    case 'd':
        import_route_worked(route, IMPORT_WAY_DIRECT, FAULT_NONE);
        break;
    default:
        gateway[sizeof gateway - 2] = step;
        import_route_look(route, step == '0' ? "" : gateway);
        break;
    }
}

static void run_route(void **state)
{
    const struct route_case *row = *state;
    struct import_route route;

    import_route_init(&route, row->policy);
    for (const char *step = row->history; *step != '\0'; step++) {
        take_step(&route, *step);
    }
    assert_int_equal(import_route_first(&route), row->first);
    assert_int_equal(import_route_has_other(&route, row->fault), row->has_other);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, route_cases, run_route);
    return cases_run("import_route", &cases);
}
