#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/core/uevent.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define DEVICE "/devices/platform/vhci_hcd.0/usb1/1-1"

static const char tty_add[] = "add@" DEVICE "/1-1:1.0/tty/ttyACM0\0"
                              "ACTION=add\0DEVPATH=" DEVICE "/1-1:1.0/tty/ttyACM0\0"
                              "SUBSYSTEM=tty\0MAJOR=166\0MINOR=0\0DEVNAME=ttyACM0\0SEQNUM=1234";
static const char usb_add[] =
    "add@" DEVICE "\0ACTION=add\0DEVPATH=" DEVICE "\0SUBSYSTEM=usb\0"
    "MAJOR=189\0MINOR=1\0DEVNAME=bus/usb/001/002\0DEVTYPE=usb_device\0"
    "PRODUCT=1d6b/104/100\0TYPE=239/2/1\0BUSNUM=001\0DEVNUM=002\0SEQNUM=9";
static const char interface_add[] =
    "add@" DEVICE "/1-1:1.0\0ACTION=add\0DEVPATH=" DEVICE "/1-1:1.0\0SUBSYSTEM=usb\0"
    "DEVTYPE=usb_interface\0INTERFACE=2/2/1\0"
    "MODALIAS=usb:v1D6Bp0104d0100dcEFdsc02dp01ic02isc02ip01in00\0SEQNUM=10";

/* sizeof counts the terminator, which is the datagram's last byte. */
static void test_tty(void **state)
{
    struct uevent event;

    (void)state;
    assert_int_equal(uevent_from_datagram(tty_add, sizeof tty_add, &event), 0);
    assert_string_equal(event.action, "add");
    assert_string_equal(event.devpath, DEVICE "/1-1:1.0/tty/ttyACM0");
    assert_string_equal(event.subsystem, "tty");
    assert_string_equal(event.devname, "ttyACM0");
    assert_string_equal(event.devtype, "");
    assert_int_equal(event.major, 166);
    assert_int_equal(event.minor, 0);
    assert_int_equal(event.busnum, -1);
    assert_int_equal(event.seqnum, 1234);
}

static void test_usb_device(void **state)
{
    struct uevent event;

    (void)state;
    assert_int_equal(uevent_from_datagram(usb_add, sizeof usb_add, &event), 0);
    assert_string_equal(event.devtype, "usb_device");
    assert_string_equal(event.devname, "bus/usb/001/002");
    assert_int_equal(event.busnum, 1);
    assert_int_equal(event.devnum, 2);
}

static void test_interface(void **state)
{
    struct uevent event;

    (void)state;
    assert_int_equal(uevent_from_datagram(interface_add, sizeof interface_add, &event), 0);
    assert_string_equal(event.devtype, "usb_interface");
    assert_string_equal(event.interface, "2/2/1");
    assert_string_equal(event.modalias, "usb:v1D6Bp0104d0100dcEFdsc02dp01ic02isc02ip01in00");
}

/* Cut anywhere, the last byte is no terminator, or what is left does not bear the header out, or
 * the event is whole up to a pair: never more than what the bytes say, and never beyond them. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof usb_add; len++) {
        char *exact = malloc(len ? len : 1);
        struct uevent event;
        int err;

        assert_non_null(exact);
        memcpy(exact, usb_add, len);
        err = uevent_from_datagram(exact, len, &event);
        if (len == 0 || usb_add[len - 1] != '\0')
            assert_int_equal(err, ERR_INVALID);
        else if (err == 0)
            assert_string_equal(event.devpath, DEVICE);
        free(exact);
    }
}

static void test_too_long(void **state)
{
    char *datagram = calloc(1, UEVENT_DATAGRAM_MAX + 1);
    struct uevent event;

    (void)state;
    assert_non_null(datagram);
    memcpy(datagram, tty_add, sizeof tty_add);
    assert_int_equal(uevent_from_datagram(datagram, UEVENT_DATAGRAM_MAX + 1, &event), ERR_INVALID);
    assert_int_equal(uevent_from_datagram(datagram, UEVENT_DATAGRAM_MAX, &event), 0);
    free(datagram);
}

struct bad_case {
    const char *name;
    const char *bytes;
    size_t len;
};

#define BAD(name, text)                                                                            \
    {                                                                                              \
        name, text, sizeof(text)                                                                   \
    }

static const struct bad_case bad_cases[] = {
    {"uevent: without NUL", "add@/devices/x", 14},
    {"uevent: last value without NUL", "add@/x\0ACTION=add\0DEVPATH=/x", 28},
    BAD("uevent: empty text", ""),
    BAD("uevent: header alone", "add@/x"),
    BAD("uevent: udevd's own message", "libudev\0ACTION=add\0DEVPATH=/x"),
    BAD("uevent: no ACTION", "add@/x\0DEVPATH=/x"),
    BAD("uevent: no DEVPATH", "add@/x\0ACTION=add"),
    BAD("uevent: another path than the header's", "add@/x\0ACTION=add\0DEVPATH=/y"),
    BAD("uevent: another action than the header's", "add@/x\0ACTION=remove\0DEVPATH=/x"),
    BAD("uevent: a relative path", "add@x\0ACTION=add\0DEVPATH=x"),
};

static void run_bad(void **state)
{
    const struct bad_case *row = *state;
    struct uevent event = {.action = "untouched"};

    assert_int_equal(uevent_from_datagram(row->bytes, row->len, &event), ERR_INVALID);
    assert_string_equal(event.action, "untouched");
}

static void test_numbers(void **state)
{
    static const char text[] = "add@/x\0ACTION=add\0DEVPATH=/x\0MAJOR=1x\0MINOR=\0SEQNUM="
                               "99999999999999999999\0BUSNUM=-1\0NOEQUALS";
    struct uevent event;

    (void)state;
    assert_int_equal(uevent_from_datagram(text, sizeof text, &event), 0);
    assert_int_equal(event.major, -1);
    assert_int_equal(event.minor, -1);
    assert_int_equal(event.seqnum, -1);
    assert_int_equal(event.busnum, -1);
}

static void test_below(void **state)
{
    (void)state;
    assert_true(uevent_path_is_below(DEVICE, DEVICE));
    assert_true(uevent_path_is_below(DEVICE "/1-1:1.0", DEVICE));
    assert_false(uevent_path_is_below(DEVICE "0", DEVICE));
    assert_false(uevent_path_is_below("/devices/platform/vhci_hcd.0/usb1", DEVICE));
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        {"uevent: a tty", test_tty, NULL, NULL, NULL},
        {"uevent: a USB device", test_usb_device, NULL, NULL, NULL},
        {"uevent: a USB interface", test_interface, NULL, NULL, NULL},
        {"uevent: cut anywhere", test_cut_anywhere, NULL, NULL, NULL},
        {"uevent: too long", test_too_long, NULL, NULL, NULL},
        {"uevent: numbers that are none", test_numbers, NULL, NULL, NULL},
        {"path: below, by whole elements", test_below, NULL, NULL, NULL},
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(bad_cases)];
    size_t count = 0;

    for (size_t i = 0; i < COUNT(plain); i++)
        tests[count++] = plain[i];
    for (size_t i = 0; i < COUNT(bad_cases); i++)
        tests[count++] = (struct CMUnitTest){.name = bad_cases[i].name,
                                             .test_func = run_bad,
                                             .initial_state = (void *)&bad_cases[i]};
    return _cmocka_run_group_tests("uevent", tests, count, NULL, NULL);
}
