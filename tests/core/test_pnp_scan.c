#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/core/pnp_scan.h"
#include "shared/core/text.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NODES_MAX 6
#define IDS_TEXT 128

struct node_row {
    const char *id;
    const char *parent;
    const char *location;
    char ids[IDS_TEXT]; /* holds NULs */
    const char *port_name;
};

struct board_row {
    const char *id; /* NULL: no board */
    const char *com_port;
    const char *busid;
    enum board_kind kind;
};

struct scan_case {
    const char *name;
    struct node_row nodes[NODES_MAX];
    struct board_row boards[2];
};

#define CH340 "USB\\VID_1A86&PID_7523\\5&1A2B&0&3"
#define CH340_ID "usb\\vid_1a86&pid_7523\\5&1a2b&0&3"
#define FTDI "USB\\VID_0403&PID_6010\\FT1"
#define FTDI_ID "usb\\vid_0403&pid_6010\\ft1"
#define PICO "USB\\VID_2E8A&PID_000A\\E66"
#define PICO_ID "usb\\vid_2e8a&pid_000a\\e66"

static const struct scan_case scan_cases[] = {
    {"scan: the port on the node itself",
     {{CH340, "USB\\ROOT_HUB30\\4", "Port_#0003.Hub_#0001", "USB\\Class_ff\0", "COM7"}},
     {{CH340_ID, "COM7", "1-3", BOARD_KIND_SERIAL}}},
    {"scan: no driver, no port, yet serial by its chip",
     {{CH340, "", "Port_#0003.Hub_#0001", "USB\\Class_ff\0", ""}},
     {{CH340_ID, "", "1-3", BOARD_KIND_SERIAL}}},
    {"scan: the port on a child of another enumerator",
     {{"FTDIBUS\\VID_0403+PID_6010+FT1A\\0000", "usb\\vid_0403&pid_6010\\ft1", "", "", "COM9"},
      {FTDI, "", "Port_#0001.Hub_#0002", "", ""}},
     {{FTDI_ID, "COM9", "2-1", BOARD_KIND_SERIAL}}},
    {"scan: the port on a grandchild, the first of two",
     {{FTDI, "", "Port_#0001.Hub_#0002", "USB\\COMPOSITE\0", ""},
      {"FTDIBUS\\VID_0403+PID_6010+FT1B\\0000", "USB\\VID_0403&PID_6010&MI_01\\6&1&0&0001", "", "",
       "COM4"},
      {"USB\\VID_0403&PID_6010&MI_01\\6&1&0&0001", FTDI, "", "", ""},
      {"USB\\VID_0403&PID_6010&MI_00\\6&1&0&0000", FTDI, "", "", ""},
      {"FTDIBUS\\VID_0403+PID_6010+FT1A\\0000", "USB\\VID_0403&PID_6010&MI_00\\6&1&0&0000", "", "",
       "COM12"}},
     {{FTDI_ID, "COM12", "2-1", BOARD_KIND_SERIAL}}},
    {"scan: a composite board is what its interface is",
     {{PICO, "", "Port_#0004.Hub_#0001", "USB\\COMPOSITE\0", ""},
      {"USB\\VID_2E8A&PID_000A&MI_00\\7", PICO, "", "USB\\Class_02&SubClass_02\0", ""}},
     {{PICO_ID, "", "1-4", BOARD_KIND_SERIAL}}},
    {"scan: hubs, stubs and root hubs are no boards",
     {{"USB\\VID_05E3&PID_0610\\5&2", "", "Port_#0002.Hub_#0001", "USB\\Class_09\0", ""},
      {"USB\\VID_80EE&PID_CAFE\\5&1A2B&0&3", "", "Port_#0003.Hub_#0001", "", ""},
      {"USB\\ROOT_HUB30\\4", "", "", "", ""}},
     {{0}}},
    {"scan: an incompatible hub gives no busid",
     {{CH340, "", "Port_#000A.Hub_#0001", "", ""}},
     {{CH340_ID, "", "", BOARD_KIND_SERIAL}}},
    {"scan: a printer's port is no COM port",
     {{"USB\\VID_04F9&PID_0001\\X", "", "Port_#0001.Hub_#0001", "USB\\Class_07\0", "LPT3"}},
     {{"usb\\vid_04f9&pid_0001\\x", "", "1-1", BOARD_KIND_OTHER}}},
    {"scan: a child whose parent is not there",
     {{"USB\\VID_2E8A&PID_000A&MI_00\\7", PICO, "", "", "COM3"}},
     {{0}}},
    {"scan: parents in a circle",
     {{"A\\B\\C", "A\\B\\D", "", "", "COM3"}, {"A\\B\\D", "A\\B\\C", "", "", ""}},
     {{0}}},
    {"scan: two boards, each with its own port",
     {{CH340, "", "Port_#0003.Hub_#0001", "", "COM7"},
      {PICO, "", "Port_#0004.Hub_#0001", "", "COM8"}},
     {{CH340_ID, "COM7", "1-3", BOARD_KIND_SERIAL}, {PICO_ID, "COM8", "1-4", BOARD_KIND_SERIAL}}},
};

static void add_node(struct pnp_scan *scan, const struct node_row *row)
{
    struct pnp_node *node;

    assert_int_equal(pnp_scan_add(scan, &node), 0);
    text_copy(node->instance_id, sizeof(node->instance_id), row->id);
    text_copy(node->parent_id, sizeof(node->parent_id), row->parent);
    text_copy(node->location, sizeof(node->location), row->location);
    text_copy(node->port_name, sizeof(node->port_name), row->port_name);
    memcpy(node->ids, row->ids, sizeof(row->ids));
}

static void run_scan(void **state)
{
    const struct scan_case *row = *state;
    struct board_table boards;
    struct pnp_scan scan;
    size_t expected = 0;

    pnp_scan_init(&scan);
    board_table_init(&boards);
    for (size_t i = 0; i < NODES_MAX && row->nodes[i].id != NULL; i++)
        add_node(&scan, &row->nodes[i]);
    assert_int_equal(pnp_scan_to_boards(&scan, &boards), 0);
    for (; expected < 2 && row->boards[expected].id != NULL; expected++) {
        const struct board *board = board_table_find(&boards, row->boards[expected].id);

        assert_non_null(board);
        assert_string_equal(board->id, row->boards[expected].id);
        assert_string_equal(board->com_port, row->boards[expected].com_port);
        assert_string_equal(board->busid, row->boards[expected].busid);
        assert_int_equal(board->kind, row->boards[expected].kind);
    }
    assert_int_equal(boards.count, expected);
    board_table_finish(&boards);
    pnp_scan_finish(&scan);
}

static void test_too_many_nodes(void **state)
{
    struct pnp_scan scan;
    struct pnp_node *node;

    (void)state;
    pnp_scan_init(&scan);
    for (int i = 0; i < PNP_SCAN_NODES_MAX; i++)
        assert_int_equal(pnp_scan_add(&scan, &node), 0);
    assert_int_equal(pnp_scan_add(&scan, &node), ERR_FULL);
    assert_int_equal(scan.count, PNP_SCAN_NODES_MAX);
    pnp_scan_finish(&scan);
}

static void test_too_many_boards(void **state)
{
    struct board_table boards;
    struct pnp_scan scan;

    (void)state;
    pnp_scan_init(&scan);
    board_table_init(&boards);
    for (int i = 0; i <= BOARD_TABLE_MAX; i++) {
        struct pnp_node *node;

        assert_int_equal(pnp_scan_add(&scan, &node), 0);
        snprintf(node->instance_id, sizeof(node->instance_id), "USB\\VID_1A86&PID_7523\\%d", i);
    }
    assert_int_equal(pnp_scan_to_boards(&scan, &boards), ERR_FULL);
    assert_int_equal(boards.count, BOARD_TABLE_MAX);
    board_table_finish(&boards);
    pnp_scan_finish(&scan);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(scan_cases) + 2] = {
        {.name = "scan: too many nodes", .test_func = test_too_many_nodes},
        {.name = "scan: too many boards", .test_func = test_too_many_boards},
    };

    for (size_t i = 0; i < COUNT(scan_cases); i++) {
        tests[2 + i] = (struct CMUnitTest){.name = scan_cases[i].name,
                                           .test_func = run_scan,
                                           .initial_state = (void *)&scan_cases[i]};
    }
    return _cmocka_run_group_tests("pnp_scan", tests, COUNT(tests), NULL, NULL);
}
