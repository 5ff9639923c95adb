#include <string.h>

#include "shared/core/error.h"
#include "shared/core/match.h"
#include "tests/core/cases.h"

static const struct board the_board = {
    .id = "usb\\vid_1a86&pid_55d3\\5912abCD",
    .name = "esp32.lab-1",
    .vid = 0x1a86,
    .pid = 0x55d3,
    .serial = "5912abCD",
    .com_port = "COM5",
    .busid = "3-1",
};

static const struct match_case {
    const char *name;
    const char *text;
    bool matches;
} match_cases[] = {
    {"match: VID:PID", "1a86:55d3", true},
    {"match: VID:PID in upper case", "1A86:55D3", true},
    {"match: another PID", "1a86:7523", false},
    {"match: another VID", "0403:55d3", false},
    {"match: any PID", "1a86:*", true},
    {"match: any VID", "*:55d3", true},
    {"match: any PID of another VID", "0403:*", false},
    {"match: any at all", "*:*", true},
    {"match: serial", "serial=5912abCD", true},
    {"match: serial in another case", "serial=5912ABcd", true},
    {"match: another serial", "serial=5912abC", false},
    {"match: serial that looks like another form", "serial=port=3-1", false},
    {"match: port", "port=3-1", true},
    {"match: another port", "port=3-11", false},
    {"match: com", "com=COM5", true},
    {"match: com in lower case", "com=com5", true},
    {"match: another com", "com=COM55", false},
    {"match: name", "name=esp32.lab-1", true},
    {"match: another name", "name=esp32", false},
    {"match: bare name", "esp32.lab-1", true},
    {"match: another bare name", "ESP32.lab-1", false},
};

static void run_match(void **state)
{
    const struct match_case *row = *state;
    struct match match;
    assert_int_equal(match_from_text(row->text, &match, NULL), 0);
    assert_int_equal(match_check(&match, &the_board), row->matches);
}

static const struct bad_case {
    const char *name;
    const char *text;
    const char *reason; /* a word of it */
} bad_cases[] = {
    {"match: empty", "", "VID:PID"},
    {"match: three digits", "1a8:55d3", "four hex digits"},
    {"match: five digits", "1a866:55d3", "four hex digits"},
    {"match: five digits of PID", "1a86:55d30", "four hex digits"},
    {"match: no PID", "1a86:", "four hex digits"},
    {"match: no VID", ":55d3", "four hex digits"},
    {"match: no hex digit", "1a86:55g3", "four hex digits"},
    {"match: a prefix and a star", "1a8*:55d3", "four hex digits"},
    {"match: something after the star", "*0:55d3", "four hex digits"},
    {"match: two colons", "1a86:55d3:1", "four hex digits"},
    {"match: serial without text", "serial=", "serial="},
    {"match: serial with a control character", "serial=a\nb", "serial="},
    {"match: serial in invalid UTF-8", "serial=\xFF", "serial="},
    {"match: port without text", "port=", "port="},
    {"match: a Linux busid", "port=1-1.2", "port="},
    {"match: com without text", "com=", "com="},
    {"match: com without a number", "com=COM", "com="},
    {"match: com 0", "com=COM0", "com="},
    {"match: com of four digits", "com=COM1000", "com="},
    {"match: com with more text", "com=COM5x", "com="},
    {"match: com of one letter", "com=C", "com="},
    {"match: name without text", "name=", "name="},
    {"match: name with a space", "name=a b", "name="},
    {"match: an unknown key", "vid=1a86", "VID:PID"},
    {"match: a key in upper case", "SERIAL=5", "VID:PID"},
    {"match: bare name with a space", "my board", "VID:PID"},
    {"match: bare name beyond ASCII", "pl\xC3\xA4ttchen", "VID:PID"},
    {"match: a path", "/dev/ttyACM0", "VID:PID"},
};

static void run_bad(void **state)
{
    const struct bad_case *row = *state;
    struct match match = {.kind = MATCH_NAME, .text = "untouched"};
    const char *reason = NULL;
    assert_int_equal(match_from_text(row->text, &match, &reason), ERR_INVALID);
    assert_non_null(reason);
    assert_non_null(strstr(reason, row->reason));
    assert_int_equal(match.kind, MATCH_NAME);
    assert_string_equal(match.text, "untouched");
}

static void no_match_given_means_every_board(void **state)
{
    (void)state;
    struct match match = {.kind = MATCH_ANY};
    assert_true(match_check(&match, &the_board));
}

static void an_unknown_property_matches_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"serial=5", "port=3-1", "com=COM5", "name=a", "a"};
    struct board bare = {.vid = 0x1a86};
    for (size_t i = 0; i < CASES_COUNT(texts); i++) {
        struct match match;
        assert_int_equal(match_from_text(texts[i], &match, NULL), 0);
        assert_false(match_check(&match, &bare));
    }
}

static void what_a_board_may_lose_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool can_lose;
    } rows[] = {{"com=COM5", true},   {"name=a", true},    {"a", true},
                {"1a86:7523", false}, {"serial=5", false}, {"port=3-1", false}};
    for (size_t i = 0; i < CASES_COUNT(rows); i++) {
        struct match match;
        assert_int_equal(match_from_text(rows[i].text, &match, NULL), 0);
        assert_int_equal(match_can_lose(&match), rows[i].can_lose);
    }
}

static void a_text_too_long_is_refused(void **state)
{
    (void)state;
    char text[BOARD_SERIAL_SIZE + 16] = "serial=";
    memset(text + 7, 'x', BOARD_SERIAL_SIZE - 1);
    struct match match;
    assert_int_equal(match_from_text(text, &match, NULL), 0);
    text[7 + BOARD_SERIAL_SIZE - 1] = 'x';
    assert_int_equal(match_from_text(text, &match, NULL), ERR_INVALID);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, match_cases, run_match);
    CASES_ADD(&cases, bad_cases, run_bad);
    cases_add_one(&cases, "match: none given", no_match_given_means_every_board);
    cases_add_one(&cases, "match: an unknown property", an_unknown_property_matches_nothing);
    cases_add_one(&cases, "match: what a board may lose", what_a_board_may_lose_is_known);
    cases_add_one(&cases, "match: a text too long", a_text_too_long_is_refused);
    return cases_run("match", &cases);
}
