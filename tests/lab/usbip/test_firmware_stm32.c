/* The STM32 from its sketch to DfuSe and back, by what dfu-util sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "firmware_rig.h"

enum {
    DNLOAD = 1,
    UPLOAD = 2,
    GETSTATUS = 3,
    CLRSTATUS = 4,
    GETSTATE = 5,
    ABORT = 6,
    IDLE = 2,
    DNBUSY = 4,
    DNLOAD_IDLE = 5,
    MANIFEST = 7,
    UPLOAD_IDLE = 9,
    ERROR_STATE = 10,
    BLOCK_BYTES = 2048,
    US_PER_MS = 1000,
};

static struct firmware_rig rig;

static int plug_sketch(void **state)
{
    (void)state;
    firmware_rig_start(&rig, "stm32_vcp", "stm32");
    return 0;
}

static int plug_dfu(void **state)
{
    (void)state;
    firmware_rig_start(&rig, "dfu", "stm32_dfu");
    return 0;
}

static int unplug(void **state)
{
    (void)state;
    firmware_rig_stop(&rig);
    return 0;
}

static int32_t out(uint8_t request, uint16_t block, const void *data, size_t len)
{
    const struct usb_setup setup = {
        .request_type = 0x21, .request = request, .value = block, .length = (uint16_t)len};
    return firmware_rig_control(&rig, &setup, data);
}

static int32_t in(uint8_t request, uint16_t block, uint16_t len)
{
    const struct usb_setup setup = {
        .request_type = 0xa1, .request = request, .value = block, .length = len};
    return firmware_rig_control(&rig, &setup, NULL);
}

/* The state after GETSTATUS; *poll_ms is how long to wait, *status what went wrong. */
static uint8_t get_status(uint32_t *poll_ms, uint8_t *status)
{
    assert_int_equal(in(GETSTATUS, 0, 6), 0);
    assert_int_equal(rig.answer_len, 6);
    *status = rig.answer[0];
    *poll_ms = (uint32_t)rig.answer[1] | (uint32_t)rig.answer[2] << 8;
    return rig.answer[4];
}

static void expect_status(uint8_t state, uint8_t status)
{
    uint32_t poll_ms;
    uint8_t got;
    assert_int_equal(get_status(&poll_ms, &got), state);
    assert_int_equal(got, status);
}

static void download(uint16_t block, const void *data, size_t len)
{
    uint32_t poll_ms;
    uint8_t status;
    assert_int_equal(out(DNLOAD, block, data, len), 0);
    assert_int_equal(get_status(&poll_ms, &status), DNBUSY);
    assert_int_equal(status, 0);
    firmware_rig_pass(&rig, poll_ms * US_PER_MS - 1);
    expect_status(DNBUSY, 0);
    firmware_rig_pass(&rig, 1);
    expect_status(DNLOAD_IDLE, 0);
}

static void a_touch_leads_to_dfu(void **state)
{
    (void)state;
    firmware_rig_cdc_lines(&rig, 3);
    firmware_rig_write(&rig, "x", 1);
    firmware_rig_expect(&rig, "x", 1);
    firmware_rig_cdc_rate(&rig, 1200);
    firmware_rig_cdc_lines(&rig, 0);
    firmware_rig_pass(&rig, 120000);
    firmware_rig_return(&rig, "dfu", "stm32_dfu");
    assert_int_equal(rig.hardware.mode, USB_MODE_DFU);
    assert_int_equal(rig.hardware.resets[USB_MODE_DFU], 1);
    expect_status(IDLE, 0);
}

static void the_memory_has_a_map(void **state)
{
    static const char map[] = "@Internal Flash  /0x08000000/064*0001Kg";
    const struct usb_setup configuration = {
        .request_type = 0x80, .request = 6, .value = 0x0200, .length = 255};
    struct usb_setup string = {.request_type = 0x80, .request = 6, .length = 255};
    (void)state;
    assert_int_equal(firmware_rig_control(&rig, &configuration, NULL), 0);
    assert_true(rig.answer[9 + 8] != 0); /* iInterface */
    string.value = (uint16_t)(0x0300 | rig.answer[9 + 8]);
    assert_int_equal(firmware_rig_control(&rig, &string, NULL), 0);
    assert_int_equal(rig.answer_len, 2 * sizeof map);
    for (size_t i = 0; i + 1 < sizeof map; i++) {
        assert_int_equal(rig.answer[2 + 2 * i], map[i]);
    }
}

static void a_download_is_erased_written_and_started(void **state)
{
    static const uint8_t set_address[] = {0x21, 0, 0, 0, 8};
    static const uint8_t set_second[] = {0x21, 0, 8, 0, 8};
    uint8_t data[BLOCK_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (uint8_t page = 0; page < 3; page++) {
        const uint8_t erase[] = {0x41, 0, (uint8_t)(page * 4), 0, 8};
        download(0, erase, sizeof erase);
    }
    assert_int_equal(rig.hardware.flash[0], 0xff);
    download(0, set_address, sizeof set_address);
    download(2, data, sizeof data);
    download(0, set_second, sizeof set_second);
    download(2, data, 100);
    download(0, set_address, sizeof set_address);
    assert_memory_equal(rig.hardware.flash, data, sizeof data);
    assert_memory_equal(rig.hardware.flash + BLOCK_BYTES, data, 100);
    assert_int_equal(rig.hardware.flash[BLOCK_BYTES + 100], 0xff);
    assert_int_equal(rig.hardware.flash_writes, 2);
    assert_int_equal(out(DNLOAD, 2, NULL, 0), 0);
    expect_status(MANIFEST, 0);
    firmware_rig_pass(&rig, 10LL * US_PER_MS);
    firmware_rig_return(&rig, "stm32_vcp", "stm32");
    assert_int_equal(rig.hardware.resets[USB_MODE_SKETCH], 1);
}

static void blocks_count_from_the_address(void **state)
{
    static const uint8_t set_address[] = {0x21, 0, 0x10, 0, 8};
    static const uint8_t erase_all[] = {0x41};
    (void)state;
    download(0, erase_all, sizeof erase_all);
    download(0, set_address, sizeof set_address);
    download(3, "abcd", 4);
    assert_memory_equal(rig.hardware.flash + 0x1000 + BLOCK_BYTES, "abcd", 4);
}

static void what_is_not_erased_is_not_written(void **state)
{
    (void)state;
    rig.hardware.flash[0] = 0xf0;
    download(2, "\x3c", 1);
    assert_int_equal(rig.hardware.flash[0], 0x30);
}

static void uploads_read_to_the_end(void **state)
{
    (void)state;
    assert_int_equal(in(UPLOAD, 0, BLOCK_BYTES), 0);
    assert_int_equal(rig.answer_len, 3);
    assert_memory_equal(rig.answer, "\0\x21\x41", 3);
    assert_int_equal(out(ABORT, 0, NULL, 0), 0);
    rig.hardware.flash[BLOCK_BYTES] = 0x5a;
    assert_int_equal(in(UPLOAD, 3, BLOCK_BYTES), 0);
    assert_int_equal(rig.answer_len, BLOCK_BYTES);
    assert_int_equal(rig.answer[0], 0x5a);
    assert_int_equal(in(GETSTATE, 0, 1), 0);
    assert_int_equal(rig.answer[0], UPLOAD_IDLE);
    assert_int_equal(in(UPLOAD, 2 + 32, BLOCK_BYTES), 0);
    assert_int_equal(rig.answer_len, 0);
    expect_status(IDLE, 0);
}

static void mistakes_are_told_and_cleared(void **state)
{
    static const uint8_t elsewhere[] = {0x21, 0, 0, 0, 0x20};
    static const uint8_t unknown[] = {0x99};
    (void)state;
    assert_int_equal(out(DNLOAD, 0, elsewhere, sizeof elsewhere), 0);
    expect_status(ERROR_STATE, 8);
    assert_int_equal(out(DNLOAD, 0, elsewhere, sizeof elsewhere), -EPIPE);
    assert_int_equal(out(CLRSTATUS, 0, NULL, 0), 0);
    expect_status(IDLE, 0);
    assert_int_equal(out(DNLOAD, 0, unknown, sizeof unknown), 0);
    expect_status(ERROR_STATE, 1);
    assert_int_equal(out(CLRSTATUS, 0, NULL, 0), 0);
    assert_int_equal(out(DNLOAD, 2 + 32, "x", 1), 0);
    expect_status(ERROR_STATE, 8);
    assert_int_equal(out(CLRSTATUS, 0, NULL, 0), 0);
    assert_int_equal(out(DNLOAD, 1, "x", 1), 0);
    expect_status(ERROR_STATE, 8);
    assert_int_equal(out(CLRSTATUS, 0, NULL, 0), 0);
    assert_int_equal(in(UPLOAD, 2, BLOCK_BYTES + 1), -EPIPE);
}

static void an_empty_memory_starts_dfu_again(void **state)
{
    static const uint8_t erase_all[] = {0x41};
    (void)state;
    download(0, erase_all, sizeof erase_all);
    assert_int_equal(out(DNLOAD, 2, NULL, 0), 0);
    expect_status(MANIFEST, 0);
    firmware_rig_pass(&rig, 10LL * US_PER_MS);
    firmware_rig_return(&rig, "dfu", "stm32_dfu");
}

#define SKETCH(name) cmocka_unit_test_setup_teardown(name, plug_sketch, unplug)
#define DFU(name) cmocka_unit_test_setup_teardown(name, plug_dfu, unplug)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SKETCH(a_touch_leads_to_dfu),
        DFU(the_memory_has_a_map),
        DFU(a_download_is_erased_written_and_started),
        DFU(blocks_count_from_the_address),
        DFU(what_is_not_erased_is_not_written),
        DFU(uploads_read_to_the_end),
        DFU(mistakes_are_told_and_cleared),
        DFU(an_empty_memory_starts_dfu_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
