#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/core/hardware_id.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define LONG_100                                                                                   \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "123456789"

struct instance_case {
    const char *name;
    const char *text;
    int result;
    struct hardware_id expected;
};

static const struct instance_case instance_cases[] = {
    {"instance: no serial when the instance has an ampersand",
     "USB\\VID_1A86&PID_7523\\5&1A2B&0&3",
     0,
     {0x1a86, 0x7523, -1, "", "usb\\vid_1a86&pid_7523\\5&1a2b&0&3"}},
    {"instance: a serial keeps its case",
     "usb\\vid_2e8a&pid_000f\\D83acdDEF8D410EB",
     0,
     {0x2e8a, 0x000f, -1, "D83acdDEF8D410EB", "usb\\vid_2e8a&pid_000f\\d83acddef8d410eb"}},
    {"instance: a child of a composite device",
     "USB\\VID_0403&PID_6010&MI_01\\6&2D&0&0001",
     0,
     {0x0403, 0x6010, 1, "", "usb\\vid_0403&pid_6010&mi_01\\6&2d&0&0001"}},
    {"instance: a revision before the interface",
     "USB\\VID_0403&PID_6010&REV_0700&MI_0A\\X",
     0,
     {0x0403, 0x6010, 10, "X", "usb\\vid_0403&pid_6010&rev_0700&mi_0a\\x"}},
    {"instance: the stub",
     "USB\\VID_80EE&PID_CAFE\\5&1A2B&0&3",
     0,
     {0x80ee, 0xcafe, -1, "", "usb\\vid_80ee&pid_cafe\\5&1a2b&0&3"}},
    {"instance: a root hub is none", "USB\\ROOT_HUB30\\4&1", ERR_INVALID, {0}},
    {"instance: another enumerator is none",
     "FTDIBUS\\VID_0403+PID_6001+A5A\\0000",
     ERR_INVALID,
     {0}},
    {"instance: empty", "", ERR_INVALID, {0}},
    {"instance: no instance", "USB\\VID_1A86&PID_7523", ERR_INVALID, {0}},
    {"instance: an empty instance", "USB\\VID_1A86&PID_7523\\", ERR_INVALID, {0}},
    {"instance: a fourth element", "USB\\VID_1A86&PID_7523\\A\\B", ERR_INVALID, {0}},
    {"instance: a vid that is no number", "USB\\VID_1G86&PID_7523\\A", ERR_INVALID, {0}},
    {"instance: a pid cut short", "USB\\VID_1A86&PID_75", ERR_INVALID, {0}},
    {"instance: a pid too long", "USB\\VID_1A86&PID_75233\\A", ERR_INVALID, {0}},
    {"instance: an interface that is no number",
     "USB\\VID_1A86&PID_7523&MI_0X\\A",
     ERR_INVALID,
     {0}},
    {"instance: an interface cut short", "USB\\VID_1A86&PID_7523&MI_0", ERR_INVALID, {0}},
    {"instance: a control character", "USB\\VID_1A86&PID_7523\\A\x1b[2J", ERR_INVALID, {0}},
    {"instance: a control character of C1", "USB\\VID_1A86&PID_7523\\A\xc2\x9b", ERR_INVALID, {0}},
    {"instance: invalid UTF-8", "USB\\VID_1A86&PID_7523\\\xff", ERR_INVALID, {0}},
    {"instance: longer than Windows allows",
     "USB\\VID_1A86&PID_7523\\" LONG_100 LONG_100,
     ERR_TOO_LONG,
     {0}},
};

static void run_instance(void **state)
{
    const struct instance_case *row = *state;
    struct hardware_id found = {.id = "untouched"};

    assert_int_equal(hardware_id_from_instance_id(row->text, &found), row->result);
    if (row->result != 0) {
        assert_string_equal(found.id, "untouched");
        return;
    }
    assert_int_equal(found.vid, row->expected.vid);
    assert_int_equal(found.pid, row->expected.pid);
    assert_int_equal(found.interface, row->expected.interface);
    assert_string_equal(found.serial, row->expected.serial);
    assert_string_equal(found.id, row->expected.id);
    assert_int_equal(hardware_id_is_stub(&found), row->expected.vid == 0x80ee);
}

struct text_case {
    const char *name;
    const char *text;
    const char *expected; /* NULL: an error */
    int result;
};

static const struct text_case path_cases[] = {
    {"path: a USB device",
     "\\\\?\\USB#VID_1A86&PID_7523#5&1A2B&0&3#{a5dcbf10-6530-11d2-901f-00c04fb951ed}",
     "usb\\vid_1a86&pid_7523\\5&1a2b&0&3", 0},
    {"path: another enumerator",
     "\\\\?\\FTDIBUS#VID_0403+PID_6001+A5A#0000#{86e0d1e0-8089-11d0-9ce4-08003e301f73}",
     "ftdibus\\vid_0403+pid_6001+a5a\\0000", 0},
    {"path: no prefix", "USB#VID_1A86&PID_7523#5#{a5dcbf10}", NULL, ERR_INVALID},
    {"path: no class", "\\\\?\\USB#VID_1A86&PID_7523#5", NULL, ERR_INVALID},
    {"path: too few parts", "\\\\?\\USB#VID_1A86&PID_7523#{a5dcbf10}", NULL, ERR_INVALID},
    {"path: too many parts", "\\\\?\\USB#VID_1A86&PID_7523#5#6#{a5dcbf10}", NULL, ERR_INVALID},
    {"path: a backslash inside", "\\\\?\\USB#VID\\1A86#5#{a5dcbf10}", NULL, ERR_INVALID},
    {"path: nothing but the prefix", "\\\\?\\", NULL, ERR_INVALID},
    {"path: nothing but a class", "\\\\?\\#{a5dcbf10}", NULL, ERR_INVALID},
    {"path: too long", "\\\\?\\USB#VID#" LONG_100 LONG_100 "#{a5dcbf10}", NULL, ERR_TOO_LONG},
};

static void run_path(void **state)
{
    const struct text_case *row = *state;
    char id[BOARD_ID_SIZE] = "untouched";

    assert_int_equal(hardware_id_from_interface_path(row->text, id), row->result);
    assert_string_equal(id, row->expected != NULL ? row->expected : "untouched");
}

static const struct text_case location_cases[] = {
    {"location: hub and port", "Port_#0003.Hub_#0001", "1-3", 0},
    {"location: any case", "PORT_#0012.hub_#0009", "9-12", 0},
    {"location: the largest", "Port_#0099.Hub_#0099", "99-99", 0},
    {"location: port 0", "Port_#0000.Hub_#0001", NULL, ERR_UNSUPPORTED},
    {"location: hub 0", "Port_#0001.Hub_#0000", NULL, ERR_UNSUPPORTED},
    {"location: port over 99", "Port_#0100.Hub_#0001", NULL, ERR_UNSUPPORTED},
    {"location: hub over 99", "Port_#0001.Hub_#0100", NULL, ERR_UNSUPPORTED},
    {"location: a hexadecimal port", "Port_#000A.Hub_#0001", NULL, ERR_UNSUPPORTED},
    {"location: a hexadecimal hub", "Port_#0001.Hub_#000A", NULL, ERR_UNSUPPORTED},
    {"location: three digits", "Port_#003.Hub_#0001", NULL, ERR_UNSUPPORTED},
    {"location: five digits", "Port_#00003.Hub_#0001", NULL, ERR_UNSUPPORTED},
    {"location: something after it", "Port_#0003.Hub_#0001x", NULL, ERR_UNSUPPORTED},
    {"location: cut short", "Port_#0003.Hub_#00", NULL, ERR_UNSUPPORTED},
    {"location: that of a composite child", "0000.0014.0000.003.000.000.000.000.000", NULL,
     ERR_UNSUPPORTED},
    {"location: empty", "", NULL, ERR_UNSUPPORTED},
};

static void run_location(void **state)
{
    const struct text_case *row = *state;
    char busid[BOARD_BUSID_SIZE] = "none";

    assert_int_equal(hardware_id_busid_from_location(row->text, busid), row->result);
    assert_string_equal(busid, row->expected != NULL ? row->expected : "none");
}

struct list_case {
    const char *name;
    const char *ids;
    bool hub;
    enum board_kind kind;
};

static const struct list_case list_cases[] = {
    {"ids: a CDC modem", "USB\\Class_02&SubClass_02&Prot_01\0USB\\Class_02\0", false,
     BOARD_KIND_SERIAL},
    {"ids: a CDC modem of a device class", "USB\\DevClass_02&SubClass_02&Prot_00\0", false,
     BOARD_KIND_SERIAL},
    {"ids: a CDC network adapter", "USB\\Class_02&SubClass_06&Prot_00\0USB\\Class_02\0", false,
     BOARD_KIND_OTHER},
    {"ids: DFU", "USB\\CLASS_FE&SUBCLASS_01&PROT_02\0", false, BOARD_KIND_DFU},
    {"ids: a hub", "USB\\Class_09&SubClass_00&Prot_01\0USB\\Class_09\0", true, BOARD_KIND_OTHER},
    {"ids: a hub by name", "USB\\VID_05E3&PID_0610\0USB\\USB20_HUB\0", true, BOARD_KIND_OTHER},
    {"ids: vendor specific", "USB\\Class_ff&SubClass_01&Prot_02\0", false, BOARD_KIND_OTHER},
    {"ids: another bus", "FTDIBUS\\Class_02&SubClass_02\0", false, BOARD_KIND_OTHER},
    {"ids: none", "", false, BOARD_KIND_OTHER},
};

static void run_list(void **state)
{
    const struct list_case *row = *state;

    assert_int_equal(hardware_id_list_is_hub(row->ids), row->hub);
    assert_int_equal(hardware_id_list_to_kind(row->ids), row->kind);
}

struct known_case {
    const char *name;
    uint16_t vid;
    uint16_t pid;
    enum board_kind kind;
};

static const struct known_case known_cases[] = {
    {"known: CH340", 0x1a86, 0x7523, BOARD_KIND_SERIAL},
    {"known: CP2102", 0x10c4, 0xea60, BOARD_KIND_SERIAL},
    {"known: FT232R", 0x0403, 0x6001, BOARD_KIND_SERIAL},
    {"known: PL2303", 0x067b, 0x2303, BOARD_KIND_SERIAL},
    {"known: ST-Link", 0x0483, 0x3748, BOARD_KIND_DEBUG},
    {"known: any J-Link", 0x1366, 0x1234, BOARD_KIND_DEBUG},
    {"known: another device of ST's", 0x0483, 0x5720, BOARD_KIND_OTHER},
    {"known: a keyboard", 0x046d, 0xc31c, BOARD_KIND_OTHER},
};

static void run_known(void **state)
{
    const struct known_case *row = *state;

    assert_int_equal(hardware_id_known_kind(row->vid, row->pid), row->kind);
}

#define TESTS_MAX                                                                                  \
    (COUNT(instance_cases) + COUNT(path_cases) + COUNT(location_cases) + COUNT(list_cases) +       \
     COUNT(known_cases))

#define ADD_CASES(rows, run)                                                                       \
    for (size_t i = 0; i < COUNT(rows); i++)                                                       \
        tests[count++] = (struct CMUnitTest)                                                       \
        {                                                                                          \
            .name = (rows)[i].name, .test_func = (run), .initial_state = (void *)&(rows)[i]        \
        }

int main(void)
{
    struct CMUnitTest tests[TESTS_MAX];
    size_t count = 0;

    ADD_CASES(instance_cases, run_instance);
    ADD_CASES(path_cases, run_path);
    ADD_CASES(location_cases, run_location);
    ADD_CASES(list_cases, run_list);
    ADD_CASES(known_cases, run_known);
    return _cmocka_run_group_tests("hardware_id", tests, count, NULL, NULL);
}
