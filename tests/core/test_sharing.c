#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/core/sharing.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ID "usb\\vid_1a86&pid_7523\\5&1a2b&0&3"
#define RULES 3

static const struct board serial_board = {
    .id = ID, .vid = 0x1a86, .pid = 0x7523, .busid = "1-3", .kind = BOARD_KIND_SERIAL};
static const struct board dfu_board = {.id = ID, .busid = "1-3", .kind = BOARD_KIND_DFU};
static const struct board debug_board = {.id = ID, .busid = "1-3", .kind = BOARD_KIND_DEBUG};
static const struct board webcam = {.id = ID, .busid = "1-3", .kind = BOARD_KIND_OTHER};
static const struct board named = {
    .id = ID, .name = "cam", .busid = "1-3", .kind = BOARD_KIND_OTHER};
static const struct board nowhere = {.id = ID, .busid = "", .kind = BOARD_KIND_SERIAL};
static const struct board webcam_nowhere = {.id = ID, .busid = "", .kind = BOARD_KIND_OTHER};

struct judge_case {
    const char *name;
    const struct board *board;
    const char *bound;
    struct sharing_rule rules[RULES];
    size_t rule_count;
    enum board_state expected;
};

static const struct judge_case judge_cases[] = {
    {"judge: bound and serial", &serial_board, ID, {{0}}, 0, BOARD_STATE_WAITING},
    {"judge: bound in another case",
     &serial_board,
     "USB\\VID_1A86&PID_7523\\5&1A2B&0&3",
     {{0}},
     0,
     BOARD_STATE_WAITING},
    {"judge: bound and DFU", &dfu_board, ID, {{0}}, 0, BOARD_STATE_WAITING},
    {"judge: bound debug probe", &debug_board, ID, {{0}}, 0, BOARD_STATE_WAITING},
    {"judge: a bound webcam is left alone", &webcam, ID, {{0}}, 0, BOARD_STATE_AVAILABLE},
    {"judge: a webcam with a name is wanted", &named, ID, {{0}}, 0, BOARD_STATE_WAITING},
    {"judge: on a hub that usbipd can't serve", &nowhere, ID, {{0}}, 0, BOARD_STATE_NEEDS_SHARING},
    {"judge: a webcam on such a hub", &webcam_nowhere, ID, {{0}}, 0, BOARD_STATE_AVAILABLE},
    {"judge: another board is bound", &serial_board, "usb\\x", {{0}}, 0, BOARD_STATE_NEEDS_SHARING},
    {"judge: allowed by hardware id",
     &serial_board,
     "",
     {{true, true, 0x1a86, 0x7523, ""}},
     1,
     BOARD_STATE_WAITING},
    {"judge: another hardware id",
     &serial_board,
     "",
     {{true, true, 0x1a86, 0x5523, ""}},
     1,
     BOARD_STATE_NEEDS_SHARING},
    {"judge: allowed by busid",
     &serial_board,
     "",
     {{true, false, 0, 0, "1-3"}},
     1,
     BOARD_STATE_WAITING},
    {"judge: both must hold",
     &serial_board,
     "",
     {{true, true, 0x1a86, 0x7523, "1-4"}},
     1,
     BOARD_STATE_NEEDS_SHARING},
    {"judge: deny wins, whatever the order",
     &serial_board,
     "",
     {{true, false, 0, 0, "1-3"}, {false, true, 0x1a86, 0x7523, ""}, {true, false, 0, 0, "1-3"}},
     3,
     BOARD_STATE_NEEDS_SHARING},
    {"judge: a bound board needs no rule",
     &serial_board,
     ID,
     {{false, false, 0, 0, "1-3"}},
     1,
     BOARD_STATE_WAITING},
};

static void run_judge(void **state)
{
    static struct sharing sharing;
    const struct judge_case *row = *state;

    memset(&sharing, 0, sizeof(sharing));
    strcpy(sharing.bound[0], row->bound);
    sharing.bound_count = 1;
    memcpy(sharing.rules, row->rules, sizeof(row->rules));
    sharing.rule_count = row->rule_count;
    assert_int_equal(sharing_judge(&sharing, row->board), row->expected);
}

static void test_hardware_id(void **state)
{
    static const char *const bad[] = {"", "1a86", "1a86:", "1a86:75234", "1a86:*", "*:*", "x:y"};
    struct sharing_rule rule = {0};

    (void)state;
    assert_int_equal(sharing_rule_set_hardware_id(&rule, "1A86:7523"), 0);
    assert_true(rule.has_hardware_id);
    assert_int_equal(rule.vid, 0x1a86);
    assert_int_equal(rule.pid, 0x7523);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(sharing_rule_set_hardware_id(&rule, bad[i]), ERR_INVALID);
}

static void test_remedies(void **state)
{
    static const struct {
        bool installed;
        bool running;
        const char *text;
    } rows[] = {
        {true, true, "run in an administrator's terminal: usbipd bind --busid 1-3"},
        {true, false,
         "run in an administrator's terminal: usbipd bind --busid 1-3, and start its service "
         "(sc.exe start usbipd)"},
        {false, false,
         "install usbipd-win (winget install usbipd), then run in an administrator's terminal: "
         "usbipd bind --busid 1-3"},
    };
    static struct sharing sharing;
    char remedy[SHARING_REMEDY_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sharing.installed = rows[i].installed;
        sharing.running = rows[i].running;
        sharing_remedy(&sharing, &serial_board, remedy);
        assert_string_equal(remedy, rows[i].text);
    }
    sharing_remedy(&sharing, &nowhere, remedy);
    assert_non_null(strstr(remedy, "plug the board into another USB port"));
    sharing.is_unreadable = true;
    sharing_remedy(&sharing, &serial_board, remedy);
    assert_non_null(strstr(remedy, "HKLM\\SOFTWARE\\usbipd-win can't be read"));
}

int main(void)
{
    struct CMUnitTest tests[COUNT(judge_cases) + 2] = {
        {.name = "sharing: a rule's hardware id", .test_func = test_hardware_id},
        {.name = "sharing: the remedy fits the machine", .test_func = test_remedies},
    };

    for (size_t i = 0; i < COUNT(judge_cases); i++) {
        tests[2 + i] = (struct CMUnitTest){.name = judge_cases[i].name,
                                           .test_func = run_judge,
                                           .initial_state = (void *)&judge_cases[i]};
    }
    return _cmocka_run_group_tests("sharing", tests, COUNT(tests), NULL, NULL);
}
