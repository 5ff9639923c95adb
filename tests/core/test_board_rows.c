#include <stdlib.h>
#include <string.h>

#include "shared/core/board_rows.h"
#include "shared/core/text.h"
#include "shared/core/text_width.h"
#include "tests/core/cases.h"

#define ROWS_MAX 4

static const struct board ready = {
    .id = "a",
    .name = "esp",
    .vid = 0x1a86,
    .pid = 0x55d3,
    .description = "CH343 serial converter of a good maker",
    .busid = "3-1",
    .state = BOARD_STATE_READY,
    .ttys = {.items = {{.path = "/dev/ttyACM0", .link = "/dev/ttyferry/esp"},
                       {.path = "/dev/ttyACM1", .link = "/dev/ttyferry/esp-if02"}},
             .count = 2},
};
static const struct board unnamed = {
    .id = "b",
    .vid = 0x0403,
    .pid = 0x6001,
    .description = "Converter",
    .busid = "2-1",
    .state = BOARD_STATE_AVAILABLE,
};
static const struct board probe = {
    .id = "c",
    .vid = 0x0483,
    .pid = 0xdf11,
    .state = BOARD_STATE_READY,
    .usb_node = "/dev/bus/usb/001/002",
};
static const struct board failed = {
    .id = "d",
    .vid = 1,
    .pid = 2,
    .com_port = "COM5",
    .state = BOARD_STATE_FAILED,
    .note = {.code = "in_use",
             .message = "a Windows program holds the board",
             .remedy = "Close the program."},
};
static const struct board refused = {
    .id = "e",
    .vid = 1,
    .pid = 3,
    .state = BOARD_STATE_NEEDS_SHARING,
    .note = {.remedy = "share it"},
};
static const struct board kept = {.id = "f", .vid = 1, .pid = 4, .state = BOARD_STATE_YIELDED};
static const struct board detached_by_hand = {
    .id = "g", .vid = 1, .pid = 5, .state = BOARD_STATE_YIELDED, .note = {.until = "replug"}};
static const struct board hostile = {
    .id = "h",
    .vid = 1,
    .pid = 6,
    .description = "\x1b]0;x\x07 \xC2\x9B"
                   "31m \xE2\x80\xAE txt \xC3 \r\n\t%n",
    .state = BOARD_STATE_FAILED,
    .note = {.message = "\x1b[2J",
             .remedy = "\xC2\x9B"
                       "2J\n"},
};

static const struct rows_case {
    const char *name;
    const struct board *boards[ROWS_MAX];
    struct board_rows_form form;
    const char *text;
} rows_cases[] = {
    {"rows: no boards", {NULL}, {0}, "no boards\n"},
    {"rows: each tty has its line, columns that nobody needs are left out",
     {&ready, &unnamed},
     {0},
     "NAME  STATE      TTY           LINK                    BUSID  VID:PID    DESCRIPTION\n"
     "esp   ready      /dev/ttyACM0  /dev/ttyferry/esp       3-1    1a86:55d3  CH343 serial "
     "converter of a good maker\n"
     "                 /dev/ttyACM1  /dev/ttyferry/esp-if02\n"
     "      available                                        2-1    0403:6001  Converter\n"},
    {"rows: a board without a tty",
     {&probe},
     {0},
     "STATE  TTY                   VID:PID\n"
     "ready  /dev/bus/usb/001/002  0483:df11\n"},
    {"rows: what is wrong, and the remedy",
     {&failed, &refused},
     {0},
     "STATE          COM   VID:PID\n"
     "failed         COM5  0001:0002\n"
     "    failed: a Windows program holds the board\n"
     "    remedy: Close the program.\n"
     "needs_sharing        0001:0003\n"
     "    remedy: share it\n"},
    {"rows: how long a board is with Windows",
     {&kept, &detached_by_hand},
     {0},
     "STATE    VID:PID\n"
     "yielded  0001:0004\n"
     "    with Windows until \"ttyferry take\"\n"
     "yielded  0001:0005\n"
     "    with Windows until it is plugged in anew, or \"ttyferry take\"\n"},
    {"rows: a narrow window shortens the description first",
     {&ready, &unnamed},
     {.width = 90},
     "NAME  STATE      TTY           LINK                    BUSID  VID:PID    DESCRIPTION\n"
     "esp   ready      /dev/ttyACM0  /dev/ttyferry/esp       3-1    1a86:55d3  CH343 serial c...\n"
     "                 /dev/ttyACM1  /dev/ttyferry/esp-if02\n"
     "      available                                        2-1    0403:6001  Converter\n"},
    {"rows: a narrower one leaves it out, then the link",
     {&ready, &unnamed},
     {.width = 60},
     "NAME  STATE      TTY           BUSID  VID:PID\n"
     "esp   ready      /dev/ttyACM0  3-1    1a86:55d3\n"
     "                 /dev/ttyACM1\n"
     "      available                2-1    0403:6001\n"},
    {"rows: the narrowest",
     {&ready},
     {.width = 1},
     "NAME  STATE  TTY\n"
     "esp   ready  ttyACM0\n"
     "             ttyACM1\n"},
    {"rows: where even a short path does not fit, the name says which board it is",
     {&ready, &unnamed},
     {.width = 20},
     "NAME  STATE\n"
     "esp   ready\n"
     "      available\n"},
    {"rows: without a name half a path is better than none",
     {&probe},
     {.width = 20},
     "STATE  TTY\n"
     "ready  bus/usb/00...\n"},
    {"rows: notes are wrapped",
     {&failed},
     {.width = 30},
     "STATE   COM   VID:PID\n"
     "failed  COM5  0001:0002\n"
     "    failed: a Windows program\n"
     "    holds the board\n"
     "    remedy: Close the program.\n"},
    {"rows: the state has a colour",
     {&unnamed, &failed},
     {.width = 26, .colours = true},
     "STATE      COM   VID:PID\n"
     "\x1b[2mavailable\x1b[0m        0403:6001\n"
     "\x1b[31mfailed\x1b[0m     COM5  0001:0002\n"
     "    failed: a Windows\n"
     "    program holds the\n"
     "    board\n"
     "    remedy: Close the\n"
     "    program.\n"},
    {"rows: hostile texts",
     {&hostile},
     {0},
     "STATE   VID:PID    DESCRIPTION\n"
     "failed  0001:0006  \\x1b]0;x\\x07 \\xc2\\x9b31m \\xe2\\x80\\xae txt \\xc3 "
     "\\x0d\\x0a\\x09%n\n"
     "    failed: \\x1b[2J\n"
     "    remedy: \\xc2\\x9b2J\\x0a\n"},
};

static void run_rows(void **state)
{
    const struct rows_case *row = *state;
    struct board_table boards;
    struct event snapshot = {.type = EVENT_SNAPSHOT, .boards = &boards};
    char *text = NULL;

    board_table_init(&boards);
    for (size_t i = 0; i < ROWS_MAX && row->boards[i] != NULL; i++) {
        assert_int_equal(board_table_put(&boards, row->boards[i]), 0);
    }
    assert_int_equal(board_rows_boards(&snapshot, &row->form, &text), 0);
    assert_string_equal(text, row->text);
    free(text);
    board_table_finish(&boards);
}

static const struct board *const all[] = {&ready, &unnamed,          &probe,  &failed, &refused,
                                          &kept,  &detached_by_hand, &hostile};

/* Whatever the width: no line is wider, nothing is cut in the middle of a character. */
static void every_width_is_kept(void **state)
{
    struct board_table boards;
    struct event snapshot = {.type = EVENT_SNAPSHOT, .boards = &boards};

    (void)state;
    board_table_init(&boards);
    for (size_t i = 0; i < CASES_COUNT(all); i++) {
        assert_int_equal(board_table_put(&boards, all[i]), 0);
    }
    for (size_t width = 1; width < 140; width++) {
        const struct board_rows_form form = {.width = width};
        size_t limit = width < BOARD_ROWS_WIDTH_MIN ? BOARD_ROWS_WIDTH_MIN : width;
        char *text = NULL;

        assert_int_equal(board_rows_boards(&snapshot, &form, &text), 0);
        assert_true(text_is_utf8(text, strlen(text)));
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            assert_true(text_width(line) <= limit);
            assert_false(text_has_control(line));
            assert_int_not_equal(line[strlen(line) - 1], ' ');
        }
        free(text);
    }
    board_table_finish(&boards);
}

static const struct link_case {
    const char *name;
    struct event snapshot;
    struct board_rows_form form;
    const char *text;
} link_cases[] = {
    {"link: none yet", {.link_up = false}, {0}, "link down\n"},
    {"link: up",
     {.link_up = true, .peer = "127.0.0.1:24240", .transport = "tcp"},
     {0},
     "link up, peer 127.0.0.1:24240, by tcp\n"},
    {"link: in a narrow window",
     {.link_up = true, .peer = "127.0.0.1:24240", .transport = "tcp"},
     {.width = 24},
     "link up, peer 127.0...\n"},
    {"link: what can be done about one that is down",
     {.link_up = false},
     {.link_remedy = "Start it."},
     "link down\n    remedy: Start it.\n"},
    {"link: the remedy is wrapped",
     {.link_up = false, .peer = "p"},
     {.width = 20, .link_remedy = "Start it over there."},
     "link down, peer p\n    remedy: Start it\n    over there.\n"},
    {"link: one that is up needs no remedy",
     {.link_up = true},
     {.link_remedy = "Start it."},
     "link up\n"},
    {"link: with colours", {.link_up = true}, {.colours = true}, "link \x1b[32mup\x1b[0m\n"},
    {"link: a hostile peer",
     {.link_up = true, .peer = "\x1b[2J", .transport = "bridge"},
     {0},
     "link up, peer \\x1b[2J, by bridge\n"},
};

static void run_link(void **state)
{
    const struct link_case *row = *state;
    char *text = NULL;

    assert_int_equal(board_rows_link(&row->snapshot, &row->form, &text), 0);
    assert_string_equal(text, row->text);
    free(text);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, rows_cases, run_rows);
    CASES_ADD(&cases, link_cases, run_link);
    cases_add_one(&cases, "rows: every width is kept", every_width_is_kept);
    return cases_run("board_rows", &cases);
}
