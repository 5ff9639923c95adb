/* What the counter sends, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware_rig.h"

enum {
    DTR = USB_LINE_DTR,
    TICK_US = 10000,
    SECOND_US = 1000000,
    BYTES_PER_S = 11520,
    BYTES_PER_TICK = 115, /* 115.2 */
};

static struct firmware_rig rig;

static int plug(void **state)
{
    (void)state;
    firmware_rig_start(&rig, "cdc_acm", "counter");
    return 0;
}

static int unplug(void **state)
{
    (void)state;
    firmware_rig_stop(&rig);
    return 0;
}

/* `len` numbers from `first` on have come, and nothing else. */
static void expect_numbers(size_t first, size_t len)
{
    static uint8_t numbers[FIRMWARE_RIG_RECEIVED_BYTES];
    for (size_t i = 0; i < len; i++) {
        numbers[i] = (uint8_t)(first + i);
    }
    firmware_rig_expect(&rig, numbers, len);
}

static void it_counts_while_dtr_is_up(void **state)
{
    (void)state;
    firmware_rig_pass(&rig, SECOND_US);
    expect_numbers(0, 0);
    firmware_rig_cdc_lines(&rig, DTR);
    firmware_rig_pass(&rig, TICK_US);
    expect_numbers(0, BYTES_PER_TICK);
    firmware_rig_pass(&rig, SECOND_US / 2 - TICK_US);
    expect_numbers(BYTES_PER_TICK, BYTES_PER_S / 2 - BYTES_PER_TICK);
    firmware_rig_cdc_lines(&rig, 0);
    firmware_rig_pass(&rig, SECOND_US);
    expect_numbers(0, 0);
}

static void it_begins_anew_when_dtr_rises(void **state)
{
    (void)state;
    firmware_rig_cdc_lines(&rig, DTR);
    firmware_rig_pass(&rig, TICK_US);
    expect_numbers(0, BYTES_PER_TICK);
    firmware_rig_cdc_lines(&rig, 0);
    firmware_rig_cdc_lines(&rig, DTR);
    firmware_rig_pass(&rig, TICK_US);
    expect_numbers(0, BYTES_PER_TICK);
}

static void it_does_not_echo(void **state)
{
    (void)state;
    firmware_rig_write(&rig, "hello", 5);
    expect_numbers(0, 0);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, plug, unplug)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(it_counts_while_dtr_is_up),
        CASE(it_begins_anew_when_dtr_rises),
        CASE(it_does_not_echo),
    };
    return cmocka_run_group_tests_name("firmware_counter", tests, NULL, NULL);
}
