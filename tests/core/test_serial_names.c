/* The names of udev's links, as systemd 252 makes them; tests/e2e/permissions.py compares them with
 * a real udevd's. */
#include "shared/core/serial_names.h"

#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/core/hostile.h"

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A100 A50 A50

struct id_row {
    const char *name;
    struct serial_names_device device;
    unsigned interface;
    int port;
    const char *expected;
};

#define NO_PORT SERIAL_NAMES_NO_PORT

static const struct id_row id_rows[] = {
    {"id: all there",
     {"Arduino LLC", "Arduino Leonardo", "HIDPC", 0x2341, 0x8036},
     0,
     NO_PORT,
     "usb-Arduino_LLC_Arduino_Leonardo_HIDPC-if00"},
    {"id: no strings, then numbers in hex",
     {"", "", "", 0x1a86, 0x7523},
     0,
     0,
     "usb-1a86_7523-if00-port0"},
    {"id: numbers keep their zeros",
     {"", "", "", 0x0403, 0x0001},
     0,
     NO_PORT,
     "usb-0403_0001-if00"},
    {"id: no manufacturer",
     {"", "USB2.0-Serial", "", 0x1a86, 0x7523},
     0,
     0,
     "usb-1a86_USB2.0-Serial-if00-port0"},
    {"id: interface in hex, two digits", {"v", "p", "", 1, 2}, 0xab, NO_PORT, "usb-v_p-ifab"},
    {"id: a second port", {"FTDI", "Dual", "FT1", 1, 2}, 1, 1, "usb-FTDI_Dual_FT1-if01-port1"},
    {"id: white space is one underscore, and none at the ends",
     {"  a \t b  ", " c\n", " d  e ", 1, 2},
     0,
     NO_PORT,
     "usb-a_b_c_d_e-if00"},
    {"id: nothing but white space is nothing", {"   ", "p", "  ", 1, 2}, 0, NO_PORT, "usb-_p-if00"},
    {"id: a form feed ahead is within", {"\fa", "p", "", 1, 2}, 0, NO_PORT, "usb-_a_p-if00"},
    {"id: what stays as it is", {"#+-.:=@_", "p", "", 1, 2}, 0, NO_PORT, "usb-#+-.:=@__p-if00"},
    {"id: what becomes an underscore",
     {"a/b\\c!d", "p%$?(),&", "s/1;2", 1, 2},
     0,
     NO_PORT,
     "usb-a_b_c_d_p________s_1_2-if00"},
    {"id: an escape that the device wrote",
     {"a\\x2fb", "\\x", "\\xzz", 1, 2},
     0,
     NO_PORT,
     "usb-a\\x2fb_\\x_\\xzz-if00"},
    {"id: characters beyond ASCII",
     {"B\xC3\xBC"
      "ro",
      "\xE2\x82\xAC\xF0\x9F\x94\x8C", "", 1, 2},
     0,
     NO_PORT,
     "usb-B\xC3\xBC"
     "ro_\xE2\x82\xAC\xF0\x9F\x94\x8C-if00"},
    {"id: bytes that are none",
     {"a\x80\xC3", "\xED\xA0\x80", "", 1, 2},
     0,
     NO_PORT,
     "usb-a______-if00"},
    {"id: no characters, says Unicode",
     {"\xEF\xB7\x90\xEF\xBF\xBE", "\xF0\x9F\xBF\xBF", "", 1, 2},
     0,
     NO_PORT,
     "usb-___________-if00"},
    {"id: a serial number with a comma is none",
     {"v", "p", "1,2", 1, 2},
     0,
     NO_PORT,
     "usb-v_p-if00"},
    {"id: one beyond ASCII is none", {"v", "p", "1\xC3\xBC", 1, 2}, 0, NO_PORT, "usb-v_p-if00"},
    {"id: one with a control character is none",
     {"v", "p", "1\t2", 1, 2},
     0,
     NO_PORT,
     "usb-v_p-if00"},
    {"id: one with DEL", {"v", "p", "1\x7F", 1, 2}, 0, NO_PORT, "usb-v_p_1_-if00"},
    {"id: one that ends a line", {"v", "p", "12\r\n", 1, 2}, 0, NO_PORT, "usb-v_p_12-if00"},
    {"id: 63 bytes of vendor and product",
     {A50 A10 "bcdefg", A50 A10 " cde", "", 1, 2},
     0,
     NO_PORT,
     "usb-" A50 A10 "bcd_" A50 A10 "_cd-if00"},
    {"id: no underscore in the last byte",
     {A50 A10 "bc d", "p", "", 1, 2},
     0,
     NO_PORT,
     "usb-" A50 A10 "bc_p-if00"},
    {"id: a character that is cut",
     {A50 A10 "bc\xC3\xBC", "p", "", 1, 2},
     0,
     NO_PORT,
     "usb-" A50 A10 "bc__p-if00"},
    {"id: as long as a file's name",
     {"v", "p", A100 A100 A10 A10 A10 "bbbbbbb", 1, 2},
     0,
     NO_PORT,
     "usb-v_p_" A100 A100 A10 A10 A10 "bbbbbbb-if00"},
    {"id: longer than a file's name", {"v", "p", A100 A100 A50, 1, 2}, 0, NO_PORT, NULL},
    {"id: longer by its port", {"v", "p", A100 A100 A10 A10 A10 "bbbbbbb", 1, 2}, 0, 0, NULL},
};

static void run_id_row(void **state)
{
    const struct id_row *row = *state;
    char name[SERIAL_NAMES_SIZE] = "untouched";
    int err = serial_names_by_id(&row->device, (uint8_t)row->interface, row->port, name);

    if (row->expected != NULL) {
        assert_int_equal(err, 0);
        assert_string_equal(name, row->expected);
    } else {
        assert_int_equal(err, ERR_TOO_LONG);
        assert_string_equal(name, "untouched");
    }
}

struct path_row {
    const char *name;
    const char *devpath;
    const char *interface;
    int port;
    int err;
    const char *expected;
};

#define VHCI "/devices/platform/vhci_hcd.0"

static const struct path_row path_rows[] = {
    {"path: a tty of cdc_acm", VHCI "/usb1/1-1", "1-1:1.0", NO_PORT, 0,
     "platform-vhci_hcd.0-usb-0:1:1.0"},
    {"path: a port of usb-serial", VHCI "/usb1/1-1", "1-1:1.0", 0, 0,
     "platform-vhci_hcd.0-usb-0:1:1.0-port0"},
    {"path: the bus does not count", "/devices/platform/vhci_hcd.13/usb27/27-15", "27-15:1.2",
     NO_PORT, 0, "platform-vhci_hcd.13-usb-0:15:1.2"},
    {"path: behind a hub", VHCI "/usb1/1-1/1-1.4", "1-1.4:1.0", NO_PORT, 0,
     "platform-vhci_hcd.0-usb-0:1.4:1.0"},
    {"path: another kind of controller", "/devices/pci0000:00/0000:00:14.0/usb1/1-1", "1-1:1.0",
     NO_PORT, ERR_INVALID, NULL},
    {"path: no controller", "/devices/platform//usb1/1-1", "1-1:1.0", NO_PORT, ERR_INVALID, NULL},
    {"path: no bus", VHCI "/1-1", "1-1:1.0", NO_PORT, ERR_INVALID, NULL},
    {"path: the folder alone", "/devices/platform/", "1-1:1.0", NO_PORT, ERR_INVALID, NULL},
    {"path: an interface without a place", VHCI "/usb1/1-1", "usb1", NO_PORT, ERR_INVALID, NULL},
    {"path: one with nothing behind", VHCI "/usb1/1-1", "1-", NO_PORT, ERR_INVALID, NULL},
    {"path: one that leads away", VHCI "/usb1/1-1", "1-1/../..", NO_PORT, ERR_INVALID, NULL},
    {"path: a name to be replaced", "/devices/platform/a b!/usb1/1-1", "1-1:1.0", NO_PORT, 0,
     "platform-a_b_-usb-0:1:1.0"},
};

static void run_path_row(void **state)
{
    const struct path_row *row = *state;
    char name[SERIAL_NAMES_SIZE] = "untouched";

    assert_int_equal(serial_names_by_path(row->devpath, row->interface, row->port, name), row->err);
    assert_string_equal(name, row->expected != NULL ? row->expected : "untouched");
}

static void a_path_that_is_too_long_is_none(void **state)
{
    char interface[SERIAL_NAMES_SIZE] = "1-";
    char name[SERIAL_NAMES_SIZE] = "untouched";

    (void)state;
    memset(interface + 2, '1', sizeof interface - 3);
    assert_int_equal(serial_names_by_path(VHCI "/usb1/1-1", interface, NO_PORT, name),
                     ERR_TOO_LONG);
    assert_string_equal(name, "untouched");
}

static void ttys_of_usb_have_links(void **state)
{
    (void)state;
    assert_true(serial_names_are_for("ttyACM0"));
    assert_true(serial_names_are_for("ttyUSB12"));
    assert_false(serial_names_are_for("ttyACM"));
    assert_false(serial_names_are_for("ttyUSBx"));
    assert_false(serial_names_are_for("ttyS0"));
    assert_false(serial_names_are_for("tty"));
}

static void hostile_strings_stay_in_the_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < HOSTILE_COUNT; i++) {
        const struct serial_names_device device = {hostile_texts[i], hostile_texts[i],
                                                   hostile_texts[i], 1, 2};
        char name[SERIAL_NAMES_SIZE];

        assert_int_equal(serial_names_by_id(&device, 0, NO_PORT, name), 0);
        assert_null(strchr(name, '/'));
        assert_memory_equal(name, "usb-", 4);
        for (const char *c = name; *c != '\0'; c++) {
            assert_true((unsigned char)*c > ' ' && *c != 0x7F);
        }
    }
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, id_rows, run_id_row);
    CASES_ADD(&cases, path_rows, run_path_row);
    cases_add_one(&cases, "a path that is too long is none", a_path_that_is_too_long_is_none);
    cases_add_one(&cases, "ttys of usb have links", ttys_of_usb_have_links);
    cases_add_one(&cases, "hostile strings stay in the folder", hostile_strings_stay_in_the_folder);
    return cases_run("serial_names", &cases);
}
