/* The ESP32-S3's resets, by what esptool does to DTR and RTS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "firmware_rig.h"

enum { NONE = 0, DTR = USB_LINE_DTR, RTS = USB_LINE_RTS, BOTH = USB_LINE_DTR | USB_LINE_RTS };

static struct firmware_rig rig;

static int plug(void **state)
{
    (void)state;
    firmware_rig_start(&rig, "esp32s3", "esp32s3");
    return 0;
}

static int unplug(void **state)
{
    (void)state;
    firmware_rig_stop(&rig);
    return 0;
}

static bool has_left(void)
{
    return rig.board->departure.chip != NULL;
}

static void say(const char *bytes, const char *reply)
{
    firmware_rig_write(&rig, bytes, strlen(bytes));
    firmware_rig_expect(&rig, reply, strlen(reply));
}

static void opening_and_closing_do_nothing(void **state)
{
    (void)state;
    firmware_rig_expect(&rig, "", 0);
    for (int i = 0; i < 3; i++) {
        firmware_rig_cdc_lines(&rig, BOTH);
        say("hello", "hello");
        firmware_rig_cdc_lines(&rig, NONE);
    }
    assert_false(has_left());
}

static void reset_into_the_sketch(unsigned count)
{
    char line[32];
    firmware_rig_cdc_lines(&rig, BOTH);
    firmware_rig_cdc_lines(&rig, RTS);
    firmware_rig_return(&rig, "esp32s3", "esp32s3");
    snprintf(line, sizeof line, "boot %u\r\n", count);
    firmware_rig_expect(&rig, line, strlen(line));
    assert_int_equal(rig.hardware.resets[USB_MODE_SKETCH], count);
}

static void rts_alone_resets(void **state)
{
    (void)state;
    reset_into_the_sketch(1);
    say("x", "x");
    reset_into_the_sketch(2);
}

static void reset_into_download(void)
{
    firmware_rig_cdc_lines(&rig, NONE);
    firmware_rig_cdc_lines(&rig, DTR);
    firmware_rig_cdc_lines(&rig, BOTH);
    firmware_rig_cdc_lines(&rig, RTS);
    firmware_rig_return(&rig, "esp32s3", "esp32s3");
}

static void dtr_before_it_means_download(void **state)
{
    static const char line[] = "waiting for download\r\n";
    (void)state;
    reset_into_download();
    firmware_rig_expect(&rig, line, sizeof line - 1);
    assert_int_equal(rig.hardware.mode, USB_MODE_DOWNLOAD);
    say("x", "");
    firmware_rig_cdc_lines(&rig, NONE); /* as esptool ends the sequence */
    reset_into_the_sketch(1);
    say("x", "x");
}

static void neither_takes_download_back(void **state)
{
    (void)state;
    firmware_rig_cdc_lines(&rig, DTR);
    firmware_rig_cdc_lines(&rig, NONE);
    firmware_rig_cdc_lines(&rig, RTS);
    firmware_rig_return(&rig, "esp32s3", "esp32s3");
    assert_int_equal(rig.hardware.mode, USB_MODE_SKETCH);
}

static void power_ends_download(void **state)
{
    (void)state;
    reset_into_download();
    firmware_rig_plug_again(&rig);
    assert_int_equal(rig.hardware.mode, USB_MODE_SKETCH);
    assert_int_equal(rig.hardware.resets[USB_MODE_DOWNLOAD], 1);
    say("x", "x");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, plug, unplug)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(opening_and_closing_do_nothing),
        CASE(rts_alone_resets),
        CASE(dtr_before_it_means_download),
        CASE(neither_takes_download_back),
        CASE(power_ends_download),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
