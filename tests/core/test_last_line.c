#include "shared/core/last_line.h"

#include <string.h>

#include "tests/core/cases.h"

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X256 X64 X64 X64 X64

#define BYTES(text) text, sizeof(text) - 1

static const struct line_case {
    const char *name;
    const char *bytes;
    size_t len;
    const char *expected;
} line_cases[] = {
    {"last_line: nothing", BYTES(""), ""},
    {"last_line: one that has ended", BYTES("one\n"), "one"},
    {"last_line: one that has not", BYTES("one"), "one"},
    {"last_line: the last of several", BYTES("one\ntwo\nthree\n"), "three"},
    {"last_line: the unfinished one after others", BYTES("one\ntwo"), "two"},
    {"last_line: blank ones do not count", BYTES("one\n\n  \t\r\n"), "one"},
    {"last_line: nor does a blank unfinished one", BYTES("one\n  "), "one"},
    {"last_line: carriage returns are left out", BYTES("one\r\ntwo\r\n"), "two"},
    {"last_line: UTF-16 becomes readable", BYTES("\xFF\xFEo\0n\0e\0\r\0\n\0"), "one"},
    {"last_line: UTF-8 stays", BYTES("gr\xC3\xBC\xC3\x9F\x65\n"), "gr\xC3\xBC\xC3\x9F\x65"},
    {"last_line: a long one is cut", BYTES(X256 X256 "y\n"),
     X256 X64 X64 X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
    {"last_line: the one after a long one is whole", BYTES(X256 X256 X64 "\nok\n"), "ok"},
};

static void run_line(void **state)
{
    const struct line_case *row = *state;
    struct last_line line;

    last_line_init(&line);
    last_line_feed(&line, row->bytes, row->len);
    assert_string_equal(last_line_text(&line), row->expected);
    /* However the bytes are cut. */
    last_line_init(&line);
    for (size_t i = 0; i < row->len; i++) {
        last_line_feed(&line, row->bytes + i, 1);
    }
    assert_string_equal(last_line_text(&line), row->expected);
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, line_cases, run_line);
    return cases_run("last_line", &cases);
}
