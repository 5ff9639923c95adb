#include <string.h>

#include "shared/core/text_width.h"
#include "tests/core/cases.h"

static const struct width_case {
    const char *name;
    const char *text;
    size_t width;
} width_cases[] = {
    {"width: empty", "", 0},
    {"width: ASCII", "board", 5},
    {"width: an umlaut", "Gr\xC3\xBCn", 4},
    {"width: East Asian", "\xE6\x9D\xBF", 2},
    {"width: an emoji", "\xF0\x9F\x94\x8C", 2},
    {"width: a combining mark", "e\xCC\x81", 1},
    {"width: an escape", "\\x1b[2J", 7},
    {"width: a backslash", "usb\\vid", 7},
    {"width: an escape cut off", "\\x1", 3},
    {"width: invalid UTF-8", "\xC3", 1},
};

static void run_width(void **state)
{
    const struct width_case *row = *state;
    assert_int_equal(text_width(row->text), row->width);
}

static const struct fit_case {
    const char *name;
    const char *text;
    size_t columns;
    const char *result;
} fit_cases[] = {
    {"fit: there is room", "board", 5, "board"},
    {"fit: no room", "board", 0, ""},
    {"fit: with dots", "a board", 6, "a b..."},
    {"fit: too narrow for dots", "board", 3, "boa"},
    {"fit: no half of a wide character", "\xE6\x9D\xBF\xE6\x9D\xBF", 3, "\xE6\x9D\xBF"},
    {"fit: marks stay with their letter", "e\xCC\x81xx", 1, "e\xCC\x81"},
    {"fit: no half of an escape", "ab\\x1bcd", 7, "ab..."},
    {"fit: no part of an escape", "\\x1bcd", 3, ""},
};

static void run_fit(void **state)
{
    const struct fit_case *row = *state;
    char target[64];
    assert_string_equal(text_width_fit(target, sizeof target, row->text, row->columns),
                        row->result);
}

static void a_small_target_gets_whole_characters(void **state)
{
    char target[4];
    (void)state;
    text_width_fit(target, sizeof target, "ab\xC3\xBC\xC3\xBC", 99);
    assert_string_equal(target, "ab");
    text_width_fit(target, 1, "ab", 99);
    assert_string_equal(target, "");
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, width_cases, run_width);
    CASES_ADD(&cases, fit_cases, run_fit);
    cases_add_one(&cases, "fit: a small target", a_small_target_gets_whole_characters);
    return cases_run("text_width", &cases);
}
