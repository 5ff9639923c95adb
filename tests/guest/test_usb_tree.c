/* USB devices as sysfs shows them, in trees that the test makes. */
#include "guest-linux/usb_tree.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

#define DEVPATH "/devices/platform/vhci_hcd.0/usb1/1-1"
#define ABSENT "-" /* a file that is left out */

static void write_file(const struct tree *tree, const char *path, const char *text)
{
    if (strcmp(text, ABSENT) != 0) {
        tree_write(tree, path, text);
    }
}

static void make_device(const struct tree *tree)
{
    tree_write(tree, DEVPATH "/busnum", "1\n");
    tree_write(tree, DEVPATH "/devnum", "12\n");
    tree_write(tree, DEVPATH "/dev", "189:11\n");
}

static void make_interface(const struct tree *tree, const char *name, const char *number,
                           const char *driver)
{
    char path[TREE_PATH_SIZE];

    snprintf(path, sizeof path, DEVPATH "/%s/bInterfaceNumber", name);
    write_file(tree, path, number);
    snprintf(path, sizeof path, DEVPATH "/%s/modalias", name);
    tree_write(tree, path, "usb:v1A86p7523d0264dcFFdsc00dp00icFFisc01ip02in00\n");
    if (driver != NULL) {
        char target[TREE_PATH_SIZE];

        snprintf(path, sizeof path, DEVPATH "/%s/driver", name);
        snprintf(target, sizeof target, "../../../../bus/usb/drivers/%s", driver);
        tree_link(tree, path, target);
    }
}

static void make_tty(const struct tree *tree, const char *folder, const char *dev)
{
    char path[TREE_PATH_SIZE];

    snprintf(path, sizeof path, DEVPATH "/%s/dev", folder);
    tree_write(tree, path, dev);
}

static void a_board_with_one_interface(void **state)
{
    const struct usb_tree_interface *interface;
    struct usb_tree read;
    struct tree tree;

    (void)state;
    tree_make(&tree);
    make_device(&tree);
    make_interface(&tree, "1-1:1.0", "00\n", "ch341");
    make_tty(&tree, "1-1:1.0/ttyUSB0/tty/ttyUSB0", "188:0\n");
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), 0);
    assert_int_equal(read.busnum, 1);
    assert_int_equal(read.devnum, 12);
    assert_int_equal(read.major, 189);
    assert_int_equal(read.minor, 11);
    assert_int_equal(read.interface_count, 1);
    interface = &read.interfaces[0];
    assert_string_equal(interface->name, "1-1:1.0");
    assert_string_equal(interface->driver, "ch341");
    assert_string_equal(interface->modalias, "usb:v1A86p7523d0264dcFFdsc00dp00icFFisc01ip02in00");
    assert_int_equal(interface->tty_count, 1);
    assert_string_equal(interface->ttys[0].name, "ttyUSB0");
    assert_int_equal(interface->ttys[0].major, 188);
    assert_int_equal(interface->ttys[0].minor, 0);
    assert_int_equal(interface->ttys[0].port, SERIAL_NAMES_NO_PORT);
    tree_remove(&tree);
}

static void what_a_device_says_of_itself(void **state)
{
    struct usb_tree read;
    struct tree tree;

    (void)state;
    tree_make(&tree);
    make_device(&tree);
    make_interface(&tree, "1-1:1.0", "00\n", "ftdi_sio");
    make_tty(&tree, "1-1:1.0/ttyUSB0/tty/ttyUSB0", "188:0\n");
    tree_write(&tree, DEVPATH "/1-1:1.0/ttyUSB0/port_number", "1\n");
    tree_write(&tree, DEVPATH "/idVendor", "0403\n");
    tree_write(&tree, DEVPATH "/idProduct", "6001\n");
    tree_write(&tree, DEVPATH "/manufacturer", "FTDI\n");
    tree_write(&tree, DEVPATH "/product", " two\nlines \n");
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), 0);
    assert_string_equal(read.devpath, DEVPATH);
    assert_int_equal(read.vid, 0x0403);
    assert_int_equal(read.pid, 0x6001);
    assert_string_equal(read.manufacturer, ""); /* Its lock may be held for long. */
    assert_string_equal(read.product, "");
    usb_tree_read_strings(tree.root, &read);
    assert_string_equal(read.manufacturer, "FTDI");
    assert_string_equal(read.product, " two\nlines ");
    assert_string_equal(read.serial, "");
    assert_int_equal(read.interfaces[0].ttys[0].port, 1);
    tree_remove(&tree);
}

static void a_composite_board(void **state)
{
    struct usb_tree read;
    struct tree tree;

    (void)state;
    tree_make(&tree);
    make_device(&tree);
    make_interface(&tree, "1-1:1.2", "02\n", NULL);
    make_interface(&tree, "1-1:1.1", "01\n", "cdc_acm");
    make_interface(&tree, "1-1:1.0", "00\n", "cdc_acm");
    make_tty(&tree, "1-1:1.0/tty/ttyACM3", "166:3\n");
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), 0);
    assert_int_equal(read.interface_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read.interfaces[i].number, i);
    }
    assert_int_equal(read.interfaces[0].tty_count, 1);
    assert_string_equal(read.interfaces[0].ttys[0].name, "ttyACM3");
    assert_int_equal(read.interfaces[1].tty_count, 0);
    assert_string_equal(read.interfaces[2].driver, "");
    tree_remove(&tree);
}

static void ttys_come_in_the_order_of_their_numbers(void **state)
{
    struct usb_tree read;
    struct tree tree;

    (void)state;
    tree_make(&tree);
    make_device(&tree);
    make_interface(&tree, "1-1:1.0", "00\n", "ftdi_sio");
    make_tty(&tree, "1-1:1.0/ttyUSB10/tty/ttyUSB10", "188:10\n");
    make_tty(&tree, "1-1:1.0/ttyUSB9/tty/ttyUSB9", "188:9\n");
    make_tty(&tree, "1-1:1.0/ttyUSB11/tty/ttyUSB11", "188:11\n");
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), 0);
    assert_int_equal(read.interfaces[0].tty_count, 3);
    assert_string_equal(read.interfaces[0].ttys[0].name, "ttyUSB9");
    assert_string_equal(read.interfaces[0].ttys[1].name, "ttyUSB10");
    assert_string_equal(read.interfaces[0].ttys[2].name, "ttyUSB11");
    tree_remove(&tree);
}

static void a_tty_without_a_number_is_none_yet(void **state)
{
    struct usb_tree read;
    struct tree tree;

    (void)state;
    tree_make(&tree);
    make_device(&tree);
    make_interface(&tree, "1-1:1.0", "00\n", "ch341");
    tree_folder(&tree, DEVPATH "/1-1:1.0/ttyUSB0/tty/ttyUSB0");
    tree_folder(&tree, DEVPATH "/1-1:1.0/ttyUSB1");
    make_tty(&tree, "1-1:1.0/tty/ttyACM0", "garbage\n");
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), 0);
    assert_int_equal(read.interfaces[0].tty_count, 0);
    tree_remove(&tree);
}

static void more_ttys_than_room_are_left_out(void **state)
{
    struct usb_tree read;
    struct tree tree;

    (void)state;
    tree_make(&tree);
    make_device(&tree);
    make_interface(&tree, "1-1:1.0", "00\n", "mos7840");
    for (unsigned i = 0; i < BOARD_TTYS_MAX + 3; i++) {
        char folder[64];
        char dev[16];

        snprintf(folder, sizeof folder, "1-1:1.0/ttyUSB%u/tty/ttyUSB%u", i, i);
        snprintf(dev, sizeof dev, "188:%u\n", i);
        make_tty(&tree, folder, dev);
    }
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), 0);
    assert_int_equal(read.interfaces[0].tty_count, BOARD_TTYS_MAX);
    tree_remove(&tree);
}

static void more_interfaces_than_room_are_left_out(void **state)
{
    struct usb_tree read;
    struct tree tree;

    (void)state;
    tree_make(&tree);
    make_device(&tree);
    for (unsigned i = 0; i < USB_TREE_INTERFACES_MAX + 3; i++) {
        char name[16];
        char number[8];

        snprintf(name, sizeof name, "1-1:1.%u", i);
        snprintf(number, sizeof number, "%02x\n", i);
        make_interface(&tree, name, number, NULL);
    }
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), 0);
    assert_int_equal(read.interface_count, USB_TREE_INTERFACES_MAX);
    tree_remove(&tree);
}

static void other_folders_are_no_interfaces(void **state)
{
    struct usb_tree read;
    struct tree tree;

    (void)state;
    tree_make(&tree);
    make_device(&tree);
    make_interface(&tree, "1-1.2:1.0", "00\n", NULL); /* a board on this hub */
    make_interface(&tree, "1-1", "00\n", NULL);
    make_interface(&tree, "1-12:1.0", "00\n", NULL);
    make_interface(&tree, "1-1:1.0", ABSENT, NULL);
    make_interface(&tree, "1-1:1.1", "100\n", NULL);
    make_interface(&tree, "1-1:1.2", "zz\n", NULL);
    tree_folder(&tree, DEVPATH "/ep_00");
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), 0);
    assert_int_equal(read.interface_count, 0);
    tree_remove(&tree);
}

static void an_unconfigured_device_has_no_interfaces(void **state)
{
    struct usb_tree read;
    struct tree tree;

    (void)state;
    tree_make(&tree);
    make_device(&tree);
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), 0);
    assert_int_equal(read.interface_count, 0);
    tree_remove(&tree);
}

struct absent_row {
    const char *name;
    const char *file;
    const char *text; /* ABSENT: it is deleted */
    int err;
};

static const struct absent_row absent_rows[] = {
    {"no bus number", DEVPATH "/busnum", ABSENT, ERR_NOT_FOUND},
    {"no device number", DEVPATH "/devnum", ABSENT, ERR_NOT_FOUND},
    {"no node", DEVPATH "/dev", ABSENT, ERR_NOT_FOUND},
    {"no device", DEVPATH, ABSENT, ERR_NOT_FOUND},
    {"a bus number that is none", DEVPATH "/busnum", "one\n", ERR_INVALID},
    {"a node that is none", DEVPATH "/dev", "189\n", ERR_INVALID},
};

static void what_is_absent_is_told(void **state)
{
    const struct absent_row *row = *state;
    struct usb_tree read;
    struct tree tree;

    tree_make(&tree);
    make_device(&tree);
    if (strcmp(row->text, ABSENT) == 0) {
        tree_delete(&tree, row->file);
    } else {
        tree_write(&tree, row->file, row->text);
    }
    assert_int_equal(usb_tree_read(tree.root, DEVPATH, &read), row->err);
    tree_remove(&tree);
}

int main(void)
{
    struct cases cases = {.count = 0};

    cases_add_one(&cases, "a board with one interface", a_board_with_one_interface);
    cases_add_one(&cases, "what a device says of itself", what_a_device_says_of_itself);
    cases_add_one(&cases, "a composite board", a_composite_board);
    cases_add_one(&cases, "ttys come in the order of their numbers",
                  ttys_come_in_the_order_of_their_numbers);
    cases_add_one(&cases, "a tty without a number is none yet", a_tty_without_a_number_is_none_yet);
    cases_add_one(&cases, "more ttys than room are left out", more_ttys_than_room_are_left_out);
    cases_add_one(&cases, "more interfaces than room are left out",
                  more_interfaces_than_room_are_left_out);
    cases_add_one(&cases, "other folders are no interfaces", other_folders_are_no_interfaces);
    cases_add_one(&cases, "an unconfigured device has no interfaces",
                  an_unconfigured_device_has_no_interfaces);
    CASES_ADD(&cases, absent_rows, what_is_absent_is_told);
    return cases_run("usb_tree", &cases);
}
