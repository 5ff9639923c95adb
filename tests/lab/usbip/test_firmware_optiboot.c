/* Optiboot on a CH341, by what avrdude -c arduino sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware_rig.h"

enum {
    LINES_UP = 0xff9f, /* CH341's bits, active low */
    LINES_DTR = 0xffdf,
    LINES_DOWN = 0xffff,
    SECOND_US = 1000000,
    PAGE_BYTES = 128,
};

static struct firmware_rig rig;

static void lines(uint16_t value)
{
    const struct usb_setup setup = {.request_type = 0x40, .request = 0xa4, .value = value};
    assert_int_equal(firmware_rig_control(&rig, &setup, NULL), 0);
}

/* As Linux' ch341 sets 115200, and 9600. */
static void rate(uint16_t registers)
{
    const struct usb_setup setup = {
        .request_type = 0x40, .request = 0x9a, .value = 0x1312, .index = registers};
    assert_int_equal(firmware_rig_control(&rig, &setup, NULL), 0);
}

enum { RATE_115200 = 0xcc83, RATE_9600 = 0xb282 };

static int plug(void **state)
{
    (void)state;
    firmware_rig_start(&rig, "ch341", "optiboot");
    rate(RATE_115200);
    return 0;
}

static int unplug(void **state)
{
    (void)state;
    firmware_rig_stop(&rig);
    return 0;
}

static void say(const char *bytes, size_t len, const char *reply, size_t reply_len)
{
    firmware_rig_write(&rig, bytes, len);
    firmware_rig_expect(&rig, reply, reply_len);
}
#define SAY(bytes, reply) say(bytes, sizeof(bytes) - 1, reply, sizeof(reply) - 1)

static void reset(void)
{
    lines(LINES_UP);
    lines(LINES_DOWN);
    firmware_rig_pass(&rig, SECOND_US / 4);
    lines(LINES_UP);
    firmware_rig_pass(&rig, SECOND_US / 20);
}

static void the_divisors_tell_the_rate(void **state)
{
    (void)state;
    assert_in_range(usb_board_line_rate(rig.board), 114700, 115700);
    rate(RATE_9600);
    assert_in_range(usb_board_line_rate(rig.board), 9550, 9650);
}

static void without_a_reset_the_sketch_echoes(void **state)
{
    (void)state;
    SAY("0 ", "0 ");
    assert_int_equal(rig.hardware.mode, USB_MODE_SKETCH);
}

static void an_edge_of_either_line_resets(void **state)
{
    (void)state;
    lines(LINES_DTR);
    assert_int_equal(rig.hardware.resets[USB_MODE_BOOTLOADER], 1);
    lines(LINES_UP);
    assert_int_equal(rig.hardware.resets[USB_MODE_BOOTLOADER], 2);
    lines(LINES_UP);
    lines(LINES_DTR);
    lines(LINES_DOWN);
    assert_int_equal(rig.hardware.resets[USB_MODE_BOOTLOADER], 2);
}

static void the_window_is_a_second(void **state)
{
    (void)state;
    reset();
    firmware_rig_pass(&rig, SECOND_US * 9 / 10);
    SAY("0 ", "\x14\x10");
    firmware_rig_pass(&rig, SECOND_US - 1);
    SAY("0 ", "\x14\x10");
    firmware_rig_pass(&rig, SECOND_US);
    SAY("0 ", "0 ");
    assert_int_equal(rig.hardware.resets[USB_MODE_SKETCH], 1);
}

static void it_answers_what_avrdude_asks(void **state)
{
    (void)state;
    reset();
    SAY("0 ", "\x14\x10");
    SAY("A\x80 ", "\x14\x03\x10");
    SAY("A\x81 ", "\x14\x08\x10");
    SAY("A\x82 ", "\x14\x03\x10");
    SAY("B\x86\0\0\x01\x01\x01\x01\x03\xff\xff\xff\xff\0\x80\x04\0\0\0\x80\0 ", "\x14\x10");
    SAY("E\x05\x04\xd7\xc2\0 ", "\x14\x10");
    SAY("P ", "\x14\x10");
    SAY("u ", "\x14\x1e\x95\x0f\x10");
    SAY("V\xac\x80\0\0 ", "\x14\0\x10");
}

static void program(uint16_t word, uint8_t first)
{
    const char address[] = {'U', (char)word, (char)(word >> 8), ' '};
    char block[4 + PAGE_BYTES + 1] = {'d', 0, (char)PAGE_BYTES, 'F'};
    for (int i = 0; i < PAGE_BYTES; i++) {
        block[4 + i] = (char)(first + i);
    }
    block[sizeof block - 1] = ' ';
    say(address, sizeof address, "\x14\x10", 2);
    say(block, sizeof block, "\x14\x10", 2);
}

static void pages_are_written_and_read(void **state)
{
    uint8_t reply[1 + PAGE_BYTES + 1] = {0x14};
    (void)state;
    reset();
    SAY("0 ", "\x14\x10");
    program(0, 0);
    program(PAGE_BYTES / 2, 0x80);
    program(PAGE_BYTES / 2, 7); /* A page is erased before it is written. */
    assert_int_equal(rig.hardware.flash_writes, 3);
    for (int i = 0; i < PAGE_BYTES; i++) {
        assert_int_equal(rig.hardware.flash[i], i);
        assert_int_equal(rig.hardware.flash[PAGE_BYTES + i], 7 + i);
        reply[1 + i] = (uint8_t)(7 + i);
    }
    reply[sizeof reply - 1] = 0x10;
    SAY("U\x40\0 ", "\x14\x10");
    say("t\0\x80"
        "F ",
        5, (const char *)reply, sizeof reply);
}

static void leaving_starts_the_sketch(void **state)
{
    (void)state;
    reset();
    SAY("Q ", "\x14\x10");
    SAY("0 ", "\x14\x10"); /* The watchdog is short, and fed no more. */
    firmware_rig_pass(&rig, 16000);
    SAY("0 ", "0 ");
    assert_int_equal(rig.hardware.resets[USB_MODE_SKETCH], 1);
}

static void noise_starts_the_sketch(void **state)
{
    (void)state;
    reset();
    SAY("hello 0 0 ", "");
    SAY("0 ", "");
    firmware_rig_pass(&rig, 16000);
    SAY("0 ", "0 ");
    reset();
    SAY("0 ", "\x14\x10");
}

static void another_rate_is_noise(void **state)
{
    (void)state;
    reset();
    rate(RATE_9600);
    SAY("0 ", "");
    firmware_rig_pass(&rig, 16000);
    SAY("0 ", "0 ");
}

static void a_block_that_no_page_holds_is_noise(void **state)
{
    (void)state;
    reset();
    SAY("d\xff\xff"
        "Fxyz",
        "");
    firmware_rig_pass(&rig, 16000);
    SAY("x", "x");
}

static void pages_past_the_end_are_lost(void **state)
{
    (void)state;
    reset();
    program(0xffff, 0);
    say("t\0\x01"
        "F ",
        5, "\x14\xff\x10", 3);
}

static void lines_are_logged_with_their_times(void **state)
{
    int64_t start_us = rig.hardware.lines[0].us;
    (void)state;
    reset();
    assert_int_equal(rig.hardware.line_changes, 4);
    assert_false(rig.hardware.lines[0].dtr); /* Only the rate was set. */
    assert_true(rig.hardware.lines[1].dtr && rig.hardware.lines[1].rts);
    assert_false(rig.hardware.lines[2].dtr || rig.hardware.lines[2].rts);
    assert_true(rig.hardware.lines[3].us - start_us == SECOND_US / 4);
    assert_true(rig.hardware.lines[3].dtr);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, plug, unplug)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_divisors_tell_the_rate),    CASE(without_a_reset_the_sketch_echoes),
        CASE(an_edge_of_either_line_resets), CASE(the_window_is_a_second),
        CASE(it_answers_what_avrdude_asks),  CASE(pages_are_written_and_read),
        CASE(leaving_starts_the_sketch),     CASE(noise_starts_the_sketch),
        CASE(another_rate_is_noise),         CASE(a_block_that_no_page_holds_is_noise),
        CASE(pages_past_the_end_are_lost),   CASE(lines_are_logged_with_their_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
