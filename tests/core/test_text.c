#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"
#include "tests/core/cases.h"

static const struct copy_case {
    const char *name;
    size_t size;
    const char *source;
    const char *expected;
    int result;
} copy_cases[] = {
    {"copy: empty", 4, "", "", 0},
    {"copy: fits to the last byte", 4, "abc", "abc", 0},
    {"copy: cut", 4, "abcd", "abc", ERR_TOO_LONG},
    {"copy: room for the terminator only", 1, "a", "", ERR_TOO_LONG},
    {"copy: two-byte character not cut in two", 4, "ab\xC3\xA9", "ab", ERR_TOO_LONG},
    {"copy: four-byte character not cut in two", 5, "a\xF0\x9F\x98\x80", "a", ERR_TOO_LONG},
    {"copy: cut between characters", 4, "\xC3\xA9x\xC3\xA9", "\xC3\xA9x", ERR_TOO_LONG},
};

static void run_copy(void **state)
{
    const struct copy_case *row = *state;
    char target[8];
    memset(target, '#', sizeof target);
    assert_int_equal(text_copy(target, row->size, row->source), row->result);
    assert_string_equal(target, row->expected);
    assert_int_equal(target[row->size], '#');
}

static const struct utf8_case {
    const char *name;
    const char *bytes;
    bool valid;
} utf8_cases[] = {
    {"utf8: empty", "", true},
    {"utf8: ascii", "abc\x7F", true},
    {"utf8: first of two bytes", "\xC2\x80", true},
    {"utf8: last of two bytes", "\xDF\xBF", true},
    {"utf8: first of three bytes", "\xE0\xA0\x80", true},
    {"utf8: last before the surrogates", "\xED\x9F\xBF", true},
    {"utf8: first after the surrogates", "\xEE\x80\x80", true},
    {"utf8: last of three bytes", "\xEF\xBF\xBF", true},
    {"utf8: first of four bytes", "\xF0\x90\x80\x80", true},
    {"utf8: U+10FFFF", "\xF4\x8F\xBF\xBF", true},
    {"utf8: lone continuation", "\x80", false},
    {"utf8: overlong slash", "\xC0\xAF", false},
    {"utf8: overlong in two bytes", "\xC1\xBF", false},
    {"utf8: overlong in three bytes", "\xE0\x9F\xBF", false},
    {"utf8: overlong in four bytes", "\xF0\x8F\xBF\xBF", false},
    {"utf8: high surrogate", "\xED\xA0\x80", false},
    {"utf8: low surrogate", "\xED\xBF\xBF", false},
    {"utf8: over U+10FFFF", "\xF4\x90\x80\x80", false},
    {"utf8: lead byte F5", "\xF5\x80\x80\x80", false},
    {"utf8: byte FF", "\xFF", false},
    {"utf8: ends in a sequence of two", "a\xC3", false},
    {"utf8: ends in a sequence of three", "\xE2\x82", false},
    {"utf8: ends in a sequence of four", "\xF0\x9F\x98", false},
    {"utf8: ascii within a sequence", "\xE2\x28\xA1", false},
};

static void run_utf8(void **state)
{
    const struct utf8_case *row = *state;
    assert_int_equal(text_is_utf8(row->bytes, strlen(row->bytes)), row->valid);
}

static void decode_gives_the_value(void **state)
{
    (void)state;
    uint32_t code_point = 0;
    assert_int_equal(text_decode_utf8("\xF0\x9F\x98\x80", 4, &code_point), 4);
    assert_int_equal(code_point, 0x1F600);
    assert_int_equal(text_decode_utf8("\xE2\x82\xAC", 3, &code_point), 3);
    assert_int_equal(code_point, 0x20AC);
    assert_int_equal(text_decode_utf8("\xC3\xA9", 1, &code_point), 0);
    assert_int_equal(code_point, 0x20AC);
}

static const struct escape_case {
    const char *name;
    size_t size;
    const char *source;
    const char *expected;
    bool has_control;
} escape_cases[] = {
    {"escape: plain", 64, "USB-SERIAL CH340 (COM5)", "USB-SERIAL CH340 (COM5)", false},
    {"escape: non-ASCII stays", 64, "Gr\xC3\xBC\xC3\x9F", "Gr\xC3\xBC\xC3\x9F", false},
    {"escape: a backslash stays", 64, "usb\\vid", "usb\\vid", false},
    {"escape: a forged line", 64, "a\nerror: b", "a\\x0aerror: b", true},
    {"escape: a terminal's sequence", 64, "\x1B[31m", "\\x1b[31m", true},
    {"escape: DEL", 64, "\x7F", "\\x7f", true},
    {"escape: C1 control", 64, "\xC2\x9B", "\\xc2\\x9b", true},
    {"escape: a mark that turns the direction", 64,
     "a\xE2\x80\xAE"
     "b",
     "a\\xe2\\x80\\xaeb", false},
    {"escape: first character after C1", 64, "\xC2\xA0", "\xC2\xA0", false},
    {"escape: invalid bytes", 64, "a\xFF\xC3", "a\\xff\\xc3", true},
    {"escape: cut before what doesn't fit whole", 6, "abc\n", "abc", true},
    {"escape: fits to the last byte", 8, "abc\n", "abc\\x0a", true},
    {"escape: cut before a wide character", 3, "a\xC3\xA9", "a", false},
};

static void run_escape(void **state)
{
    const struct escape_case *row = *state;
    char target[65];
    memset(target, '#', sizeof target);
    assert_ptr_equal(text_escape(target, row->size, row->source), target);
    assert_string_equal(target, row->expected);
    assert_int_equal(target[row->size], '#');
    assert_int_equal(text_has_control(row->source), row->has_control);
}

static const struct equal_case {
    const char *name;
    const char *a;
    const char *b;
    bool equal;
} equal_cases[] = {
    {"equal: both empty", "", "", true},
    {"equal: case", "USB\\VID_1A86", "usb\\vid_1a86", true},
    {"equal: prefix", "usb", "usb\\", false},
    {"equal: longer", "usb\\", "usb", false},
    {"equal: [ is no lower-case {", "[", "{", false},
    {"equal: @ is no lower-case `", "@", "`", false},
    {"equal: no case beyond ASCII", "\xC3\x89", "\xC3\xA9", false},
};

static void run_equal(void **state)
{
    const struct equal_case *row = *state;
    assert_int_equal(text_equal_nocase(row->a, row->b), row->equal);
}

static void hex_and_codes(void **state)
{
    (void)state;
    assert_true(text_is_hex("1a86", 4));
    assert_true(text_is_hex("", 0));
    assert_false(text_is_hex("1A86", 4));
    assert_false(text_is_hex("1a8", 4));
    assert_false(text_is_hex("1a861", 4));
    assert_false(text_is_hex("1a8g", 4));
    assert_true(text_is_code("server_lost2"));
    assert_false(text_is_code(""));
    assert_false(text_is_code("Server"));
    assert_false(text_is_code("a b"));
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, copy_cases, run_copy);
    CASES_ADD(&cases, utf8_cases, run_utf8);
    CASES_ADD(&cases, escape_cases, run_escape);
    CASES_ADD(&cases, equal_cases, run_equal);
    cases_add_one(&cases, "utf8: the value", decode_gives_the_value);
    cases_add_one(&cases, "text: hex digits and codes", hex_and_codes);
    return cases_run("text", &cases);
}
