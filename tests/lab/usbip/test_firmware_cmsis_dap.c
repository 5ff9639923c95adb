/* What the probe answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware_rig.h"

static struct firmware_rig rig;

static int plug(void **state)
{
    (void)state;
    firmware_rig_start(&rig, "cmsis_dap", "cmsis_dap");
    return 0;
}

static int unplug(void **state)
{
    (void)state;
    firmware_rig_stop(&rig);
    return 0;
}

struct exchange {
    const char *name;
    const char *command;
    size_t command_len;
    const char *answer;
    size_t answer_len;
};

#define BYTES(text) text, sizeof(text) - 1

static const struct exchange exchanges[] = {
    {"vendor", BYTES("\x00\x01"), BYTES("\x00\x09ttyferry\0")},
    {"version", BYTES("\x00\x04"), BYTES("\x00\x06\x32.1.0\0")},
    {"SWD alone", BYTES("\x00\xf0"), BYTES("\x00\x01\x01")},
    {"one command at a time", BYTES("\x00\xfe"), BYTES("\x00\x01\x01")},
    {"64 bytes", BYTES("\x00\xff"), BYTES("\x00\x02\x40\x00")},
    {"a fact that it has not", BYTES("\x00\x05"), BYTES("\x00\x00")},
    {"no fact named", BYTES("\x00"), BYTES("\x00\x00")},
    {"connect", BYTES("\x02\x01"), BYTES("\x02\x01")},
    {"clock", BYTES("\x11\x40\x42\x0f\x00"), BYTES("\x11\x00")},
    {"transfer", BYTES("\x05\x00\x01\x02"), BYTES("\x05\x00\x07")},
    {"disconnect", BYTES("\x03"), BYTES("\x03\x00")},
    {"no command", BYTES("\x77"), BYTES("\xff")},
};

static void it_answers_each_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
        const struct exchange *exchange = &exchanges[i];

        print_message("%s\n", exchange->name);
        firmware_rig_write(&rig, exchange->command, exchange->command_len);
        firmware_rig_expect(&rig, exchange->answer, exchange->answer_len);
    }
}

static void requests_of_a_class_stall(void **state)
{
    const struct usb_setup setup = {.request_type = 0x21, .request = 0x22};

    (void)state;
    assert_int_not_equal(firmware_rig_control(&rig, &setup, NULL), 0);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, plug, unplug)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(it_answers_each_command),
        CASE(requests_of_a_class_stall),
    };
    return cmocka_run_group_tests_name("firmware_cmsis_dap", tests, NULL, NULL);
}
