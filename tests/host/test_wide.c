#include "host-win/wide.h"

#include <string.h>
#include <wchar.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define TARGET_SIZE 8
#define UNTOUCHED 'x'

struct row {
    const char *name;
    const wchar_t *wide;
    const char *utf8; /* what fits into TARGET_SIZE */
    int result;
};

static const struct row to_utf8_rows[] = {
    {"to UTF-8: empty", L"", "", 0},
    {"to UTF-8: ASCII", L"COM7", "COM7", 0},
    {"to UTF-8: two and three bytes", L"\u00e9\u20ac", "\xC3\xA9\xE2\x82\xAC", 0},
    {"to UTF-8: a pair of surrogates", L"\xD83D\xDE00", "\xF0\x9F\x98\x80", 0},
    {"to UTF-8: a high surrogate alone", L"a\xD83D", "a\xEF\xBF\xBD", 0},
    {"to UTF-8: a low surrogate alone", L"\xDE00z", "\xEF\xBF\xBDz", 0},
    {"to UTF-8: control characters stay", L"\x1b[2J\n", "\x1b[2J\n", 0},
    {"to UTF-8: what just fits", L"1234567", "1234567", 0},
    {"to UTF-8: one too long", L"12345678", "1234567", ERR_TOO_LONG},
    {"to UTF-8: not cut inside a character", L"12345\u20ac", "12345", ERR_TOO_LONG},
};

static void check_to_utf8(void **state)
{
    const struct row *row = *state;
    char target[TARGET_SIZE + 1];

    memset(target, UNTOUCHED, sizeof target);
    assert_int_equal(wide_to_utf8(row->wide, target, TARGET_SIZE), row->result);
    assert_string_equal(target, row->utf8);
    assert_int_equal(target[TARGET_SIZE], UNTOUCHED);
}

static void longest_text_is_taken_and_a_longer_one_cut(void **state)
{
    static wchar_t wide[WIDE_TEXT_MAX + 1];
    static char utf8[3 * WIDE_TEXT_MAX];

    (void)state;
    wmemset(wide, 0x20AC, WIDE_TEXT_MAX - 1);
    assert_int_equal(wide_to_utf8(wide, utf8, sizeof utf8), 0);
    assert_int_equal(strlen(utf8), 3 * (WIDE_TEXT_MAX - 1));
    wide[WIDE_TEXT_MAX - 1] = L'z';
    assert_int_equal(wide_to_utf8(wide, utf8, sizeof utf8), ERR_TOO_LONG);
    assert_int_equal(strlen(utf8), 3 * (WIDE_TEXT_MAX - 1));
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, to_utf8_rows, check_to_utf8);
    cases_add_one(&cases, "to UTF-8: the longest text, and a longer one",
                  longest_text_is_taken_and_a_longer_one_cut);
    return cases_run("wide", &cases);
}
