#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/core/vhci_status.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HEADING "hub port sta spd dev      sockfd local_busid\n"

static struct vhci_status make_status(const char *const texts[], size_t count)
{
    struct vhci_status status;

    vhci_status_init(&status);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(vhci_status_add(&status, texts[i], strlen(texts[i])), 0);
    return status;
}

/* `controllers` files with `per_hub` ports a hub, all free. */
static struct vhci_status make_idle(unsigned controllers, unsigned per_hub)
{
    struct vhci_status status;

    vhci_status_init(&status);
    for (unsigned c = 0; c < controllers; c++) {
        char text[4096] = HEADING;
        size_t len = strlen(text);

        for (unsigned i = 0; i < 2 * per_hub; i++)
            len += (size_t)snprintf(text + len, sizeof text - len,
                                    "%s  %04u 004 000 00000000 000000 0-0\n",
                                    i < per_hub ? "hs" : "ss", c * 2 * per_hub + i);
        assert_int_equal(vhci_status_add(&status, text, len), 0);
    }
    return status;
}

static struct vhci_port *port_of(struct vhci_status *status, unsigned port)
{
    for (size_t i = 0; i < status->count; i++)
        if (status->ports[i].port == port)
            return &status->ports[i];
    fail_msg("no port %u", port);
    return NULL;
}

static void test_rows(void **state)
{
    const char *const texts[] = {HEADING "hs  0000 006 002 00010002 000003 1-1\n"
                                         "hs  0001 004 000 00000000 000000 0-0\n"
                                         "ss  0002 005 005 ffffffff 4294967295 0-0\n"
                                         "ss  0003 007 000 00000000 000000 0-0"};
    struct vhci_status status = make_status(texts, 1);

    (void)state;
    assert_int_equal(status.count, 4);
    assert_int_equal(status.skipped, 0);
    assert_int_equal(status.controllers, 1);
    assert_int_equal(status.ports[0].state, VHCI_PORT_USED);
    assert_int_equal(status.ports[0].devid, 0x10002);
    assert_false(status.ports[0].super_speed);
    assert_int_equal(status.ports[2].devid, 0xffffffff);
    assert_true(status.ports[2].super_speed);
    assert_int_equal(status.ports[3].state, VHCI_PORT_ERROR);
    assert_int_equal(vhci_status_find(&status, 1)->state, VHCI_PORT_FREE);
    assert_null(vhci_status_find(&status, 4));
    vhci_status_finish(&status);
}

/* Between two good rows; the good ones stay. */
struct skip_case {
    const char *name;
    const char *row;
};

static const struct skip_case skip_cases[] = {
    {"rows that do not parse: an unknown hub", "xs  0001 004 000 00000000 000000 0-0"},
    {"rows that do not parse: cut after the state", "hs  0001 004"},
    {"rows that do not parse: cut before the busid", "hs  0001 004 000 00000000 000000"},
    {"rows that do not parse: one column too many", "hs  0001 004 000 00000000 000000 0-0 x"},
    {"rows that do not parse: a port that is no number", "hs  000x 004 000 00000000 000000 0-0"},
    {"rows that do not parse: a negative port", "hs  -001 004 000 00000000 000000 0-0"},
    {"rows that do not parse: a port beyond the kernel's", "hs  3840 004 000 00000000 000000 0-0"},
    {"rows that do not parse: a devid too long", "hs  0001 004 000 100000000 000000 0-0"},
    {"rows that do not parse: a number without end",
     "hs  00000000000000000000001 004 000 00000000 000000 0-0"},
    {"rows that do not parse: a port named twice", "hs  0000 004 000 00000000 000000 0-0"},
    {"rows that do not parse: binary", "\x01\xff\x80 \x7f"},
    {"rows that do not parse: empty", ""},
};

static void run_skip(void **state)
{
    const struct skip_case *row = *state;
    char text[512];
    struct vhci_status status;

    snprintf(text, sizeof text,
             HEADING "hs  0000 006 002 00010002 000003 1-1\n%s\n"
                     "hs  0007 004 000 00000000 000000 0-0\n",
             row->row);
    vhci_status_init(&status);
    assert_int_equal(vhci_status_add(&status, text, strlen(text)), 0);
    assert_int_equal(status.skipped, 1);
    assert_int_equal(status.count, 2);
    assert_int_equal(status.ports[0].state, VHCI_PORT_USED);
    assert_int_equal(status.ports[1].port, 7);
    vhci_status_finish(&status);
}

static void test_choose_first(void **state)
{
    struct vhci_status status = make_idle(8, 15);
    struct vhci_port port;

    (void)state;
    assert_int_equal(vhci_status_choose(&status, BOARD_SPEED_FULL, NULL, NULL, &port), 0);
    assert_int_equal(port.port, 0);
    assert_int_equal(vhci_status_choose(&status, BOARD_SPEED_SUPER, NULL, NULL, &port), 0);
    assert_int_equal(port.port, 15);
    assert_int_equal(vhci_status_choose(&status, BOARD_SPEED_UNKNOWN, NULL, NULL, &port),
                     ERR_INVALID);
    vhci_status_finish(&status);
}

static void test_choose_spreads(void **state)
{
    struct vhci_status status = make_idle(3, 8);
    struct vhci_port port;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(vhci_status_choose(&status, BOARD_SPEED_HIGH, NULL, NULL, &port), 0);
        assert_int_equal(port.controller, i % 3);
        port_of(&status, port.port)->state = VHCI_PORT_USED;
    }
    vhci_status_finish(&status);
}

static void test_choose_avoids_stuck(void **state)
{
    struct vhci_status status = make_idle(2, 8);
    struct vhci_port port;

    (void)state;
    port_of(&status, 0)->state = VHCI_PORT_NOT_ENUMERATED;
    for (unsigned i = 16; i < 20; i++)
        port_of(&status, i)->state = VHCI_PORT_USED;
    assert_int_equal(vhci_status_choose(&status, BOARD_SPEED_LOW, NULL, NULL, &port), 0);
    assert_int_equal(port.port, 20);
    vhci_status_finish(&status);
}

static bool is_held(const void *context, unsigned port)
{
    return port == *(const unsigned *)context;
}

static void test_choose_skips_held(void **state)
{
    struct vhci_status status = make_idle(1, 8);
    struct vhci_port port;
    unsigned held = 0;

    (void)state;
    assert_int_equal(vhci_status_choose(&status, BOARD_SPEED_FULL, is_held, &held, &port), 0);
    assert_int_equal(port.port, 1);
    vhci_status_finish(&status);
}

static void test_choose_full(void **state)
{
    struct vhci_status status = make_idle(1, 8);
    struct vhci_port port = {.port = 77};

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        port_of(&status, i)->state = VHCI_PORT_USED;
    assert_int_equal(vhci_status_choose(&status, BOARD_SPEED_FULL, NULL, NULL, &port), ERR_FULL);
    assert_int_equal(port.port, 77);
    assert_int_equal(vhci_status_choose(&status, BOARD_SPEED_SUPER, NULL, NULL, &port), 0);
    vhci_status_finish(&status);
}

struct place_case {
    const char *name;
    unsigned controllers, per_hub, port;
    unsigned controller, hub_port;
};

static const struct place_case place_cases[] = {
    {"place: Debian, first port", 8, 15, 0, 0, 1},
    {"place: Debian, last high-speed port", 8, 15, 14, 0, 15},
    {"place: Debian, first SuperSpeed port", 8, 15, 15, 0, 1},
    {"place: Debian, third controller", 8, 15, 62, 2, 3},
    {"place: Debian, last port", 8, 15, 239, 7, 15},
    {"place: WSL, first port", 1, 8, 0, 0, 1},
    {"place: WSL, first SuperSpeed port", 1, 8, 8, 0, 1},
    {"place: WSL, last port", 1, 8, 15, 0, 8},
};

static void run_place(void **state)
{
    const struct place_case *row = *state;
    struct vhci_status status = make_idle(row->controllers, row->per_hub);
    const struct vhci_port *port = vhci_status_find(&status, row->port);
    unsigned hub_port = 0;

    assert_non_null(port);
    assert_int_equal(port->controller, row->controller);
    assert_int_equal(
        vhci_status_hub_port(&status, row->controllers * row->per_hub * 2, port, &hub_port), 0);
    assert_int_equal(hub_port, row->hub_port);
    vhci_status_finish(&status);
}

static void test_place_disagrees(void **state)
{
    struct vhci_status status = make_idle(2, 8);
    const struct vhci_port *port = vhci_status_find(&status, 9);
    unsigned hub_port = 99;

    (void)state;
    assert_int_equal(vhci_status_hub_port(&status, 0, port, &hub_port), ERR_INVALID);
    assert_int_equal(vhci_status_hub_port(&status, 33, port, &hub_port), ERR_INVALID);
    assert_int_equal(vhci_status_hub_port(&status, 60, port, &hub_port), ERR_INVALID);
    assert_int_equal(hub_port, 99);
    vhci_status_finish(&status);
}

static void test_devpath(void **state)
{
    char devpath[VHCI_STATUS_DEVPATH_SIZE];

    (void)state;
    vhci_status_devpath(2, 5, 3, devpath);
    assert_string_equal(devpath, "/devices/platform/vhci_hcd.2/usb5/5-3");
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        {"rows: states, hubs, devid", test_rows, NULL, NULL, NULL},
        {"choose: by speed", test_choose_first, NULL, NULL, NULL},
        {"choose: spreads over controllers", test_choose_spreads, NULL, NULL, NULL},
        {"choose: avoids a stuck enumeration", test_choose_avoids_stuck, NULL, NULL, NULL},
        {"choose: skips a held port", test_choose_skips_held, NULL, NULL, NULL},
        {"choose: none free", test_choose_full, NULL, NULL, NULL},
        {"place: nports and rows disagree", test_place_disagrees, NULL, NULL, NULL},
        {"place: devpath", test_devpath, NULL, NULL, NULL},
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(skip_cases) + COUNT(place_cases)];
    size_t count = 0;

    for (size_t i = 0; i < COUNT(plain); i++)
        tests[count++] = plain[i];
    for (size_t i = 0; i < COUNT(skip_cases); i++)
        tests[count++] = (struct CMUnitTest){.name = skip_cases[i].name,
                                             .test_func = run_skip,
                                             .initial_state = (void *)&skip_cases[i]};
    for (size_t i = 0; i < COUNT(place_cases); i++)
        tests[count++] = (struct CMUnitTest){.name = place_cases[i].name,
                                             .test_func = run_place,
                                             .initial_state = (void *)&place_cases[i]};
    return _cmocka_run_group_tests("vhci_status", tests, count, NULL, NULL);
}
