/* Whether nodes can be opened, found in trees that the test makes. The machine's own /dev/null
 * stands for a tty where the test may not make a device node. */
#include "guest-linux/tty_node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

#define DIALOUT 20
/* No driver answers to it: opening the node would fail. */
#define MAJOR_OF_NOBODY 60
#define UDEV "/udev"
#define SINCE_US 5000000u

struct rig {
    struct tree tree;
    char dev[TREE_PATH_SIZE];
    char udev[TREE_PATH_SIZE];
    struct tty_node_paths paths;
    struct usb_tree device;
    struct tty_nodes nodes;
};

/* A device with one tty, "null" as the machine's own. */
static void make_rig(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    tree_make(&rig->tree);
    tree_path(&rig->tree, "/dev", rig->dev);
    tree_path(&rig->tree, UDEV, rig->udev);
    tree_folder(&rig->tree, "/dev");
    rig->paths = (struct tty_node_paths){
        .dev_root = "/dev",
        .udev_root = rig->udev,
        .access = {NODE_ACCESS_NO_GROUP, NODE_ACCESS_MODE, NODE_ACCESS_NO_GROUP},
    };
    rig->device.busnum = 1;
    rig->device.devnum = 12;
    rig->device.major = MAJOR_OF_NOBODY;
    rig->device.minor = 1;
    rig->device.interface_count = 2;
    rig->device.interfaces[1].number = 2;
    rig->device.interfaces[1].tty_count = 1;
    rig->device.interfaces[1].ttys[0] = (struct usb_tree_tty){"null", 1, 3, SERIAL_NAMES_NO_PORT};
}

static void remove_rig(struct rig *rig)
{
    tree_remove(&rig->tree);
}

static void make_udev(const struct rig *rig)
{
    tree_write(&rig->tree, UDEV "/control", "");
    tree_folder(&rig->tree, UDEV "/data");
}

static int check(struct rig *rig)
{
    return tty_node_check(&rig->paths, &rig->device, SINCE_US, false, &rig->nodes);
}

/* Udevd has been given up. */
static int check_late(struct rig *rig)
{
    return tty_node_check(&rig->paths, &rig->device, SINCE_US, true, &rig->nodes);
}

/* Makes the node that the device's tty has in the rig's own /dev; skips the test where that is not
 * allowed. */
static void make_node(struct rig *rig, const char *name, unsigned major, unsigned minor,
                      mode_t mode)
{
    char path[TREE_PATH_SIZE];

    tree_path(&rig->tree, name, path);
    if (mknod(path, S_IFCHR | 0600, makedev(major, minor)) != 0) {
        assert_true(errno == EPERM);
        remove_rig(rig);
        print_message("skipped: device nodes are root's to make\n");
        skip();
    }
    assert_int_equal(chmod(path, mode), 0);
    rig->paths.dev_root = rig->dev;
}

static void expect_owner(const struct rig *rig, const char *name, gid_t group, mode_t mode)
{
    char path[TREE_PATH_SIZE];
    struct stat status;

    tree_path(&rig->tree, name, path);
    assert_int_equal(lstat(path, &status), 0);
    assert_int_equal(status.st_uid, 0);
    assert_int_equal(status.st_gid, group);
    assert_int_equal(status.st_mode & 07777, mode);
}

/* Without udevd ------------------------------------------------------------------------------- */

static void a_right_node_is_reported(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    assert_int_equal(check(&rig), 0);
    assert_int_equal(rig.nodes.ttys.count, 1);
    assert_string_equal(rig.nodes.ttys.items[0].path, "/dev/null");
    assert_string_equal(rig.nodes.ttys.items[0].by_id, "");
    assert_int_equal(rig.nodes.ttys.items[0].interface, 2);
    assert_string_equal(rig.nodes.usb_node, "/dev/bus/usb/001/012");
    remove_rig(&rig);
}

static void a_node_of_another_number_is_not_yet_ours(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    rig.device.interfaces[1].ttys[0].minor = 5;
    assert_int_equal(check(&rig), ERR_BUSY);
    assert_int_equal(rig.nodes.ttys.count, 0);
    remove_rig(&rig);
}

static void what_is_no_device_node_is_not_reported(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    rig.paths.dev_root = rig.dev;
    assert_int_equal(check(&rig), ERR_BUSY);
    tree_link(&rig.tree, "/dev/null", "/dev/null");
    assert_int_equal(check(&rig), ERR_BUSY);
    tree_delete(&rig.tree, "/dev/null");
    tree_write(&rig.tree, "/dev/null", "");
    assert_int_equal(check(&rig), ERR_BUSY);
    remove_rig(&rig);
}

static void every_tty_has_to_be_there(void **state)
{
    struct usb_tree_interface *interface;
    struct rig rig;

    (void)state;
    make_rig(&rig);
    interface = &rig.device.interfaces[1];
    interface->ttys[interface->tty_count++] =
        (struct usb_tree_tty){"zero", 1, 5, SERIAL_NAMES_NO_PORT};
    rig.device.interfaces[0].ttys[rig.device.interfaces[0].tty_count++] =
        (struct usb_tree_tty){"full", 1, 7, SERIAL_NAMES_NO_PORT};
    assert_int_equal(check(&rig), 0);
    assert_int_equal(rig.nodes.ttys.count, 3);
    assert_string_equal(rig.nodes.ttys.items[0].path, "/dev/full");
    assert_string_equal(rig.nodes.ttys.items[2].path, "/dev/zero");
    interface->ttys[interface->tty_count++] =
        (struct usb_tree_tty){"ttyferry-none", 1, 8, SERIAL_NAMES_NO_PORT};
    assert_int_equal(check(&rig), ERR_BUSY);
    remove_rig(&rig);
}

static void more_ttys_than_room_are_left_out(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    for (size_t i = 0; i < BOARD_TTYS_MAX; i++) {
        rig.device.interfaces[0].ttys[i] =
            (struct usb_tree_tty){"zero", 1, 5, SERIAL_NAMES_NO_PORT};
    }
    rig.device.interfaces[0].tty_count = BOARD_TTYS_MAX;
    assert_int_equal(check(&rig), 0);
    assert_int_equal(rig.nodes.ttys.count, BOARD_TTYS_MAX);
    assert_string_equal(rig.nodes.ttys.items[BOARD_TTYS_MAX - 1].path, "/dev/zero");
    remove_rig(&rig);
}

static void a_node_as_devtmpfs_makes_it_goes_to_the_group(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_node(&rig, "/dev/null", 1, 3, 0600);
    rig.paths.access.group = DIALOUT;
    assert_int_equal(check(&rig), 0);
    expect_owner(&rig, "/dev/null", DIALOUT, 0660);
    remove_rig(&rig);
}

static void a_node_that_somebody_has_seen_to_is_left_alone(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_node(&rig, "/dev/null", 1, 3, 0640);
    rig.paths.access.group = DIALOUT;
    assert_int_equal(check(&rig), 0);
    expect_owner(&rig, "/dev/null", 0, 0640);
    remove_rig(&rig);
}

static void without_the_group_a_node_stays_roots(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_node(&rig, "/dev/null", 1, 3, 0600);
    assert_int_equal(check(&rig), 0);
    expect_owner(&rig, "/dev/null", 0, 0600);
    remove_rig(&rig);
}

static void a_node_is_found_right_without_opening_it(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    rig.device.interfaces[1].ttys[0] = (struct usb_tree_tty){"ttyUSB0", MAJOR_OF_NOBODY, 0, 0};
    make_node(&rig, "/dev/ttyUSB0", MAJOR_OF_NOBODY, 0, 0660);
    assert_int_equal(check(&rig), 0);
    assert_string_equal(rig.nodes.ttys.items[0].path, "/dev/ttyUSB0");
    remove_rig(&rig);
}

static void a_board_without_ttys_has_its_usb_node(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    rig.device.interfaces[1].tty_count = 0;
    rig.paths.dev_root = rig.dev;
    assert_int_equal(check(&rig), ERR_BUSY);
    tree_folder(&rig.tree, "/dev/bus");
    tree_folder(&rig.tree, "/dev/bus/usb");
    tree_folder(&rig.tree, "/dev/bus/usb/001");
    make_node(&rig, "/dev/bus/usb/001/012", MAJOR_OF_NOBODY, 1, 0600);
    assert_int_equal(check(&rig), 0);
    assert_int_equal(rig.nodes.ttys.count, 0);
    assert_string_equal(rig.nodes.usb_node, "/dev/bus/usb/001/012");
    remove_rig(&rig);
}

/* With udevd ---------------------------------------------------------------------------------- */

struct record_row {
    const char *name;
    const char *record; /* NULL: there is none */
    int err;
    const char *by_id;
};

#define LONG_16 "aaaaaaaaaaaaaaaa"
#define LONG_256                                                                                   \
    LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16        \
        LONG_16 LONG_16 LONG_16 LONG_16 LONG_16

static const struct record_row record_rows[] = {
    {"record: none yet", NULL, ERR_BUSY, ""},
    {"record: with its link",
     "S:serial/by-path/platform-vhci_hcd.0\nS:serial/by-id/usb-1a86_USB_Serial-if00-port0\n"
     "I:5000000\nE:ID_BUS=usb\n",
     0, "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"},
    {"record: without a link", "I:6000000\nE:ID_BUS=usb\n", 0, ""},
    {"record: a link elsewhere only", "S:arduino\nI:6000000\n", 0, ""},
    {"record: without a line feed", "I:6000000\nS:serial/by-id/usb-x", 0,
     "/dev/serial/by-id/usb-x"},
    {"record: a link too long is none", "S:serial/by-id/" LONG_256 "\nI:6000000\n", 0, ""},
    {"record: of the device that had the number before",
     "S:serial/by-id/usb-former\nI:4999999\nE:ID_BUS=usb\n", ERR_BUSY, ""},
    {"record: without a time", "S:serial/by-id/usb-x\n", 0, "/dev/serial/by-id/usb-x"},
    {"record: with a time that is none", "I:soon\n", 0, ""},
    {"record: empty", "", 0, ""},
};

static void udevd_has_finished_or_not(void **state)
{
    const struct record_row *row = *state;
    struct rig rig;

    make_rig(&rig);
    make_udev(&rig);
    if (row->record != NULL) {
        tree_write(&rig.tree, UDEV "/data/c1:3", row->record);
    }
    assert_int_equal(check(&rig), row->err);
    if (row->err == 0) {
        assert_int_equal(rig.nodes.ttys.count, 1);
        assert_string_equal(rig.nodes.ttys.items[0].by_id, row->by_id);
    } else {
        assert_int_equal(rig.nodes.ttys.count, 0);
    }
    remove_rig(&rig);
}

static void what_udevds_rules_leave_out_is_done_here(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_udev(&rig);
    make_node(&rig, "/dev/null", 1, 3, 0600);
    rig.paths.access.group = DIALOUT;
    assert_int_equal(check(&rig), ERR_BUSY);
    expect_owner(&rig, "/dev/null", 0, 0600); /* It is udevd's turn. */
    tree_write(&rig.tree, UDEV "/data/c1:3", "I:6000000\n");
    assert_int_equal(check(&rig), 0);
    expect_owner(&rig, "/dev/null", DIALOUT, 0660);
    remove_rig(&rig);
}

static void what_udevds_rules_decide_stays(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_udev(&rig);
    make_node(&rig, "/dev/null", 1, 3, 0666);
    rig.paths.access.group = DIALOUT;
    tree_write(&rig.tree, UDEV "/data/c1:3", "I:6000000\n");
    assert_int_equal(check(&rig), 0);
    expect_owner(&rig, "/dev/null", 0, 0666);
    remove_rig(&rig);
}

static void a_udevd_that_is_late_is_not_waited_for(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_udev(&rig);
    make_node(&rig, "/dev/null", 1, 3, 0600);
    rig.paths.access.group = DIALOUT;
    assert_int_equal(check(&rig), ERR_BUSY);
    assert_int_equal(check_late(&rig), 0);
    expect_owner(&rig, "/dev/null", DIALOUT, 0660);
    remove_rig(&rig);
}

/* A tty that udev's rules have links for; "null" is none. */
static void make_serial(struct rig *rig)
{
    strcpy(rig->device.devpath, "/devices/platform/vhci_hcd.0/usb1/1-1");
    strcpy(rig->device.interfaces[1].name, "1-1:1.2");
    strcpy(rig->device.manufacturer, "Arduino LLC");
    strcpy(rig->device.product, "Leonardo");
    rig->device.interfaces[1].ttys[0] =
        (struct usb_tree_tty){"ttyACM0", MAJOR_OF_NOBODY, 0, SERIAL_NAMES_NO_PORT};
    make_node(rig, "/dev/ttyACM0", MAJOR_OF_NOBODY, 0, 0600);
}

#define OUR_ID "usb-Arduino_LLC_Leonardo-if02"
#define OUR_PATH "platform-vhci_hcd.0-usb-0:1:1.2"

static void udevds_links_are_told_and_ours_named(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_serial(&rig);
    assert_int_equal(check(&rig), 0);
    assert_string_equal(rig.nodes.names[0].by_id, OUR_ID);
    assert_string_equal(rig.nodes.names[0].by_path, OUR_PATH);
    assert_string_equal(rig.nodes.ttys.items[0].by_path, "");
    make_udev(&rig);
    tree_write(&rig.tree, UDEV "/data/c60:0",
               "S:serial/by-path/platform-vhci_hcd.0-usbv2-0:1:1.2\n"
               "S:serial/by-path/" OUR_PATH "\nI:6000000\n");
    assert_int_equal(check(&rig), 0);
    assert_string_equal(rig.nodes.ttys.items[0].by_path, "/dev/serial/by-path/" OUR_PATH);
    assert_string_equal(rig.nodes.names[0].by_path, "");
    assert_string_equal(rig.nodes.names[0].by_id, OUR_ID);
    remove_rig(&rig);
}

static void a_link_that_cant_be_told_is_none(void **state)
{
    char path[BOARD_LINK_SIZE];
    char longest[BOARD_LINK_SIZE];

    (void)state;
    tty_node_tell_link("serial/by-id", "usb-a", path);
    assert_string_equal(path, "/dev/serial/by-id/usb-a");
    tty_node_tell_link("serial/by-id", "usb-a\xE2\x80\xAEgpj", path); /* right to left */
    assert_string_equal(path, "");
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    tty_node_tell_link("serial/by-id", longest, path);
    assert_string_equal(path, "");
}

static void make_usb_folder(const struct rig *rig)
{
    tree_folder(&rig->tree, "/dev/bus");
    tree_folder(&rig->tree, "/dev/bus/usb");
    tree_folder(&rig->tree, "/dev/bus/usb/001");
}

static void a_usb_node_goes_to_the_group_beside_its_ttys(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_usb_folder(&rig);
    make_node(&rig, "/dev/null", 1, 3, 0600);
    make_node(&rig, "/dev/bus/usb/001/012", MAJOR_OF_NOBODY, 1, 0664);
    rig.paths.access.group = DIALOUT;
    assert_int_equal(check(&rig), 0);
    expect_owner(&rig, "/dev/null", DIALOUT, 0660);
    expect_owner(&rig, "/dev/bus/usb/001/012", DIALOUT, 0660);
    remove_rig(&rig);
}

static void a_missing_node_is_made_when_it_is_late(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_node(&rig, "/dev/zero", 1, 5, 0600); /* May it be done at all? */
    rig.paths.access.group = DIALOUT;
    assert_int_equal(check(&rig), ERR_BUSY);
    assert_int_equal(check_late(&rig), ERR_BUSY); /* The kernel's to make. */
    rig.paths.makes_nodes = true;
    assert_int_equal(check_late(&rig), 0);
    expect_owner(&rig, "/dev/null", DIALOUT, 0660);
    expect_owner(&rig, "/dev/bus/usb/001/012", DIALOUT, 0660);
    assert_int_equal(rig.nodes.made_count, 2);
    tty_node_unmake(&rig.paths, &rig.nodes);
    assert_false(tree_has(&rig.tree, "/dev/null"));
    assert_false(tree_has(&rig.tree, "/dev/bus/usb/001/012"));
    assert_true(tree_has(&rig.tree, "/dev/zero"));
    remove_rig(&rig);
}

static void records_are_where_udevd_runs(void **state)
{
    char path[SYSFS_PATH_SIZE];
    char expected[TREE_PATH_SIZE];
    struct rig rig;

    (void)state;
    make_rig(&rig);
    assert_int_equal(tty_node_records(&rig.paths, path), ERR_NOT_FOUND);
    tree_folder(&rig.tree, UDEV "/data"); /* left by an udevd that has ended */
    assert_int_equal(tty_node_records(&rig.paths, path), ERR_NOT_FOUND);
    make_udev(&rig);
    assert_int_equal(tty_node_records(&rig.paths, path), 0);
    tree_path(&rig.tree, UDEV "/data", expected);
    assert_string_equal(path, expected);
    remove_rig(&rig);
}

int main(void)
{
    struct cases cases = {.count = 0};

    cases_add_one(&cases, "a right node is reported", a_right_node_is_reported);
    cases_add_one(&cases, "a node of another number is not yet ours",
                  a_node_of_another_number_is_not_yet_ours);
    cases_add_one(&cases, "what is no device node is not reported",
                  what_is_no_device_node_is_not_reported);
    cases_add_one(&cases, "every tty has to be there", every_tty_has_to_be_there);
    cases_add_one(&cases, "more ttys than room are left out", more_ttys_than_room_are_left_out);
    cases_add_one(&cases, "a node as devtmpfs makes it goes to the group",
                  a_node_as_devtmpfs_makes_it_goes_to_the_group);
    cases_add_one(&cases, "a node that somebody has seen to is left alone",
                  a_node_that_somebody_has_seen_to_is_left_alone);
    cases_add_one(&cases, "without the group a node stays root's",
                  without_the_group_a_node_stays_roots);
    cases_add_one(&cases, "a node is found right without opening it",
                  a_node_is_found_right_without_opening_it);
    cases_add_one(&cases, "a board without ttys has its usb node",
                  a_board_without_ttys_has_its_usb_node);
    CASES_ADD(&cases, record_rows, udevd_has_finished_or_not);
    cases_add_one(&cases, "what udevd's rules leave out is done here",
                  what_udevds_rules_leave_out_is_done_here);
    cases_add_one(&cases, "what udevd's rules decide stays", what_udevds_rules_decide_stays);
    cases_add_one(&cases, "a udevd that is late is not waited for",
                  a_udevd_that_is_late_is_not_waited_for);
    cases_add_one(&cases, "udevd's links are told, and ours named",
                  udevds_links_are_told_and_ours_named);
    cases_add_one(&cases, "a link that can't be told is none", a_link_that_cant_be_told_is_none);
    cases_add_one(&cases, "a usb node goes to the group beside its ttys",
                  a_usb_node_goes_to_the_group_beside_its_ttys);
    cases_add_one(&cases, "a missing node is made when it is late",
                  a_missing_node_is_made_when_it_is_late);
    cases_add_one(&cases, "records are where udevd runs", records_are_where_udevd_runs);
    return cases_run("tty_node", &cases);
}
