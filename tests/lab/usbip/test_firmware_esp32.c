/* The ESP32's resets, by what esptool does to the lines of a CP2102. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware_rig.h"

enum {
    NONE = 0,
    DTR = USB_LINE_DTR,
    RTS = USB_LINE_RTS,
    BOTH = USB_LINE_DTR | USB_LINE_RTS,
    TENTH_US = 100000,
    RISE_US = 7000,
    REPLY_BYTES = 14,
    REPLIES = 8,
};

static const char download_text[] =
    "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\n"
    "waiting for download\r\n";

static struct firmware_rig rig;

static int plug(void **state)
{
    (void)state;
    firmware_rig_start(&rig, "cp2102", "esp32");
    return 0;
}

static int unplug(void **state)
{
    (void)state;
    firmware_rig_stop(&rig);
    return 0;
}

static void lines(unsigned line_state)
{
    const struct usb_setup setup = {
        .request_type = 0x41, .request = 0x07, .value = (uint16_t)(0x0300 | line_state)};
    assert_int_equal(firmware_rig_control(&rig, &setup, NULL), 0);
}

static void say(const char *bytes, const char *reply)
{
    firmware_rig_write(&rig, bytes, strlen(bytes));
    firmware_rig_expect(&rig, reply, strlen(reply));
}

static void opening_and_closing_do_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        lines(BOTH);
        firmware_rig_pass(&rig, TENTH_US);
        say("hello", "hello");
        lines(NONE);
        firmware_rig_pass(&rig, TENTH_US);
    }
    assert_int_equal(rig.hardware.resets[USB_MODE_SKETCH], 0);
}

static void rts_alone_holds_it(void **state)
{
    (void)state;
    lines(RTS);
    firmware_rig_pass(&rig, TENTH_US);
    say("x", "");
    lines(NONE);
    firmware_rig_pass(&rig, RISE_US - 1);
    say("x", "");
    firmware_rig_pass(&rig, 1);
    firmware_rig_expect(&rig, "boot 1\r\n", 8);
    say("x", "x");
}

/* Both lines by one request each. */
static void reset_tightly(void)
{
    lines(NONE);
    lines(BOTH);
    lines(RTS);
    firmware_rig_pass(&rig, TENTH_US);
    lines(DTR);
    firmware_rig_pass(&rig, TENTH_US / 2);
    lines(NONE);
}

static void dtr_alone_means_download(void **state)
{
    (void)state;
    reset_tightly();
    firmware_rig_expect(&rig, download_text, sizeof download_text - 1);
    assert_int_equal(rig.hardware.mode, USB_MODE_DOWNLOAD);
    assert_int_equal(rig.hardware.resets[USB_MODE_DOWNLOAD], 1);
    say("x", "");
}

/* One line a request: EN is let go a moment before IO0 is low. */
static void reset_by_single_lines(int64_t between_us)
{
    lines(NONE);
    lines(RTS);
    firmware_rig_pass(&rig, TENTH_US);
    lines(BOTH);
    firmware_rig_pass(&rig, between_us);
    lines(DTR);
    firmware_rig_pass(&rig, TENTH_US / 2);
    lines(NONE);
}

static void the_capacitor_leaves_time_for_io0(void **state)
{
    (void)state;
    reset_by_single_lines(RISE_US - 1);
    assert_int_equal(rig.hardware.mode, USB_MODE_DOWNLOAD);
    reset_by_single_lines(RISE_US);
    assert_int_equal(rig.hardware.mode, USB_MODE_SKETCH);
    assert_int_equal(rig.hardware.resets[USB_MODE_DOWNLOAD], 1);
    assert_int_equal(rig.hardware.resets[USB_MODE_SKETCH], 1);
}

static void a_second_pull_begins_anew(void **state)
{
    (void)state;
    lines(RTS);
    lines(NONE);
    firmware_rig_pass(&rig, RISE_US - 1);
    lines(RTS);
    firmware_rig_pass(&rig, TENTH_US);
    assert_int_equal(rig.hardware.resets[USB_MODE_SKETCH], 0);
    lines(NONE);
    firmware_rig_pass(&rig, RISE_US);
    assert_int_equal(rig.hardware.resets[USB_MODE_SKETCH], 1);
}

static void sync(size_t filler)
{
    uint8_t frame[2 + 12 + 64] = {0xc0, 0, 8, 36, 0, 0, 0, 0, 0, 7, 7, 0x12, 0x20};
    memset(frame + 13, 0x55, filler);
    frame[13 + filler] = 0xc0;
    firmware_rig_write(&rig, frame, 13 + filler + 1);
}

static void a_sync_is_answered(void **state)
{
    static const uint8_t reply[REPLY_BYTES] = {0xc0, 1,    8, 4, 0, 7, 7,
                                               0x12, 0x20, 0, 0, 0, 0, 0xc0};
    uint8_t replies[REPLIES * REPLY_BYTES];
    (void)state;
    for (size_t i = 0; i < REPLIES; i++) {
        memcpy(replies + i * REPLY_BYTES, reply, REPLY_BYTES);
    }
    reset_tightly();
    firmware_rig_expect(&rig, download_text, sizeof download_text - 1);
    sync(32);
    firmware_rig_expect(&rig, replies, sizeof replies);
    sync(31);
    firmware_rig_expect(&rig, "", 0);
    sync(60);
    firmware_rig_expect(&rig, "", 0);
    sync(32);
    firmware_rig_expect(&rig, replies, sizeof replies);
}

static void lines_and_rate_are_logged(void **state)
{
    const struct usb_setup setup = {.request_type = 0x41, .request = 0x1e, .length = 4};
    const struct usb_line_change *log = rig.hardware.lines;
    (void)state;
    assert_int_equal(firmware_rig_control(&rig, &setup, "\x00\x10\x0e\x00"), 0);
    reset_by_single_lines(1000);
    assert_int_equal(rig.hardware.line_changes, 5);
    assert_int_equal(log[0].baud, 921600);
    assert_true(log[1].rts && !log[1].dtr);
    assert_true(log[2].rts && log[2].dtr);
    assert_true(log[2].us - log[1].us == TENTH_US);
    assert_true(!log[3].rts && log[3].dtr);
    assert_true(log[3].us - log[2].us == 1000);
    assert_true(!log[4].rts && !log[4].dtr);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, plug, unplug)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(opening_and_closing_do_nothing), CASE(rts_alone_holds_it),
        CASE(dtr_alone_means_download),       CASE(the_capacitor_leaves_time_for_io0),
        CASE(a_second_pull_begins_anew),      CASE(a_sync_is_answered),
        CASE(lines_and_rate_are_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
