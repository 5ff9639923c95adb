/* The Leonardo from its sketch to its bootloader and back, by what avrdude -c avr109 sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware_rig.h"

enum { SECOND_US = 1000000, PAGE_BYTES = 128, LINES_UP = USB_LINE_DTR | USB_LINE_RTS };

static struct firmware_rig rig;

static int plug_sketch(void **state)
{
    (void)state;
    firmware_rig_start(&rig, "cdc_acm", "leonardo");
    return 0;
}

static int plug_bootloader(void **state)
{
    (void)state;
    firmware_rig_start(&rig, "caterina", "caterina");
    return 0;
}

static int unplug(void **state)
{
    (void)state;
    firmware_rig_stop(&rig);
    return 0;
}

static void say(const void *bytes, size_t len, const void *reply, size_t reply_len)
{
    firmware_rig_write(&rig, bytes, len);
    firmware_rig_expect(&rig, reply, reply_len);
}
#define SAY(bytes, reply) say(bytes, sizeof(bytes) - 1, reply, sizeof(reply) - 1)

static bool has_left(void)
{
    return rig.board->departure.chip != NULL;
}

static void touch(void)
{
    firmware_rig_cdc_lines(&rig, LINES_UP);
    firmware_rig_cdc_rate(&rig, 1200);
    firmware_rig_cdc_lines(&rig, 0);
}

static void the_sketch_echoes(void **state)
{
    (void)state;
    firmware_rig_cdc_lines(&rig, LINES_UP);
    firmware_rig_cdc_lines(&rig, 0);
    firmware_rig_pass(&rig, SECOND_US);
    SAY("S", "S");
    assert_false(has_left());
}

static void a_touch_makes_it_leave_for_the_bootloader(void **state)
{
    (void)state;
    touch();
    firmware_rig_pass(&rig, 119999);
    assert_false(has_left());
    firmware_rig_pass(&rig, 1);
    assert_true(has_left());
    firmware_rig_return(&rig, "caterina", "caterina");
    assert_int_equal(rig.hardware.resets[USB_MODE_BOOTLOADER], 1);
    SAY("S", "CATERIN");
}

static void opening_again_in_time_stops_that(void **state)
{
    (void)state;
    touch();
    firmware_rig_pass(&rig, 100000);
    firmware_rig_cdc_lines(&rig, LINES_UP);
    firmware_rig_pass(&rig, SECOND_US);
    assert_false(has_left());
}

static void a_board_that_has_left_is_mute(void **state)
{
    const struct usb_setup setup = {.request_type = 0xa1, .request = 0x21, .length = 7};
    const struct usb_transfer transfer = {
        .id = 77, .in = true, .len_bytes = setup.length, .setup = setup};
    (void)state;
    touch();
    firmware_rig_pass(&rig, 120000);
    rig.status = INT32_MIN;
    assert_int_equal(usb_board_submit(rig.board, &transfer), 0);
    firmware_rig_write(&rig, "S", 1);
    firmware_rig_expect(&rig, "", 0);
    assert_int_equal(rig.status, INT32_MIN);
}

static void it_answers_what_avrdude_asks(void **state)
{
    (void)state;
    SAY("\x1b", "");
    SAY("S", "CATERIN");
    SAY("V", "10");
    SAY("v", "?");
    SAY("p", "S");
    SAY("a", "Y");
    SAY("b", "Y\0\x80");
    SAY("t", "\x44\0");
    SAY("T\x44", "\r");
    SAY("P", "\r");
    SAY("s", "\x87\x95\x1e");
    SAY("F", "\xff");
    SAY("N", "\xd8");
    SAY("Q", "\xcb");
    SAY("L", "\r");
}

static void write_page(uint8_t first)
{
    char block[4 + PAGE_BYTES] = {'B', 0, (char)PAGE_BYTES, 'F'};
    for (int i = 0; i < PAGE_BYTES; i++) {
        block[4 + i] = (char)(first + i);
    }
    say(block, sizeof block, "\r", 1);
}

static void blocks_are_written_and_read_on(void **state)
{
    uint8_t expected[2 * PAGE_BYTES];
    (void)state;
    SAY("e", "\r");
    assert_int_equal(rig.hardware.flash[0], 0xff);
    SAY("A\0\0", "\r");
    write_page(1);
    write_page(100);
    for (int i = 0; i < PAGE_BYTES; i++) {
        expected[i] = (uint8_t)(1 + i);
        expected[PAGE_BYTES + i] = (uint8_t)(100 + i);
    }
    assert_memory_equal(rig.hardware.flash, expected, sizeof expected);
    assert_int_equal(rig.hardware.flash_writes, 2);
    SAY("A\0\0", "\r");
    say("g\0\x80"
        "F",
        4, expected, PAGE_BYTES);
    say("g\0\x80"
        "F",
        4, expected + PAGE_BYTES, PAGE_BYTES);
    SAY("A\0\x40", "\r");
    say("g\0\x80"
        "F",
        4, expected + PAGE_BYTES, PAGE_BYTES);
}

static void eeprom_takes_blocks(void **state)
{
    (void)state;
    SAY("A\0\0", "\r");
    SAY("B\0\x02"
        "Exy",
        "\r");
    SAY("g\0\x02"
        "E",
        "\xff\xff");
    assert_int_equal(rig.hardware.flash_writes, 0);
}

static void bad_blocks_are_refused(void **state)
{
    (void)state;
    SAY("B\0\x02X", "?");
    SAY("g\0\x02X", "?");
    SAY("B\x80\0"
        "F",
        "?");
    SAY("S", "CATERIN");
}

static void it_gives_way_after_eight_seconds(void **state)
{
    (void)state;
    firmware_rig_pass(&rig, 8LL * SECOND_US - 1);
    SAY("S", "CATERIN"); /* Commands alone do not keep it. */
    assert_false(has_left());
    firmware_rig_pass(&rig, 1);
    firmware_rig_return(&rig, "cdc_acm", "leonardo");
    SAY("S", "S");
    assert_int_equal(rig.hardware.resets[USB_MODE_SKETCH], 1);
}

static void blocks_keep_it(void **state)
{
    (void)state;
    firmware_rig_pass(&rig, 7LL * SECOND_US);
    SAY("g\0\0"
        "F",
        "");
    firmware_rig_pass(&rig, 8LL * SECOND_US - 1);
    assert_false(has_left());
    write_page(3);
    firmware_rig_pass(&rig, 8LL * SECOND_US - 1);
    assert_false(has_left());
    firmware_rig_pass(&rig, 1);
    assert_true(has_left());
}

static void an_exit_takes_half_a_second(void **state)
{
    (void)state;
    SAY("E", "\r");
    firmware_rig_pass(&rig, SECOND_US / 2 - 1);
    assert_false(has_left());
    firmware_rig_pass(&rig, 1);
    firmware_rig_return(&rig, "cdc_acm", "leonardo");
}

static void without_a_sketch_it_stays(void **state)
{
    (void)state;
    SAY("e", "\r");
    SAY("E", "\r");
    firmware_rig_pass(&rig, 20LL * SECOND_US);
    assert_false(has_left());
    SAY("A\0\0", "\r");
    write_page(1);
    SAY("E", "\r");
    firmware_rig_pass(&rig, SECOND_US / 2);
    assert_true(has_left());
}

#define SKETCH(name) cmocka_unit_test_setup_teardown(name, plug_sketch, unplug)
#define BOOTLOADER(name) cmocka_unit_test_setup_teardown(name, plug_bootloader, unplug)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SKETCH(the_sketch_echoes),
        SKETCH(a_touch_makes_it_leave_for_the_bootloader),
        SKETCH(opening_again_in_time_stops_that),
        SKETCH(a_board_that_has_left_is_mute),
        BOOTLOADER(it_answers_what_avrdude_asks),
        BOOTLOADER(blocks_are_written_and_read_on),
        BOOTLOADER(eeprom_takes_blocks),
        BOOTLOADER(bad_blocks_are_refused),
        BOOTLOADER(it_gives_way_after_eight_seconds),
        BOOTLOADER(blocks_keep_it),
        BOOTLOADER(an_exit_takes_half_a_second),
        BOOTLOADER(without_a_sketch_it_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
