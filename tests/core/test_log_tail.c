/* The reason that an installer shows out of the agent's log. */
#include "shared/core/log_tail.h"

#include <string.h>

#include "tests/core/cases.h"

#define OLD "2026-11-25T20:00:00.000Z"
#define SINCE_MS INT64_C(1795636800001) /* a millisecond later */
#define NEW "2026-11-25T20:00:00.001Z"

struct row {
    const char *name;
    const char *text;
    const char *said; /* NULL: nothing is found */
};

static const struct row rows[] = {
    {"empty", "", NULL},
    {"a warning", NEW " warning: no guest yet\n", "no guest yet"},
    {"an error", NEW " error: no pipe\n", "no pipe"},
    {"the last of several", NEW " error: first\n" NEW " warning: second\n", "second"},
    {"what is said for information is passed over", NEW " warning: why\n" NEW " info: linked\n",
     "why"},
    {"debug is passed over", NEW " debug: warning: no\n", NULL},
    {"from before", OLD " error: long ago\n", NULL},
    {"from before, then now", OLD " error: long ago\n" NEW " error: now\n", "now"},
    {"the middle of a line", "00.001Z error: cut\n" NEW " error: whole\n", "whole"},
    {"a line that has not ended", NEW " error: whole\n" NEW " error: ha", "whole"},
    {"with CR LF", NEW " error: whole\r\n", "whole"},
    {"no time", "error: bare\n", NULL},
    {"a time that is none", "2026-13-25T20:00:00.001Z error: no\n", NULL},
    {"a level that only begins so", NEW " warnings: no\n", NULL},
    {"empty lines", "\n\n\n", NULL},
    {"control characters are escaped", NEW " error: a\033[2J\n", "a\\x1b[2J"},
};

static void check(void **state)
{
    const struct row *row = *state;
    char said[64] = "untouched";

    assert_int_equal(log_tail_find(row->text, strlen(row->text), SINCE_MS, said, sizeof said),
                     row->said != NULL);
    assert_string_equal(said, row->said != NULL ? row->said : "");
}

static void cuts_what_is_too_long(void **state)
{
    static const char text[] = NEW " error: abcdefgh\n";
    char said[5];

    (void)state;
    assert_true(log_tail_find(text, strlen(text), SINCE_MS, said, sizeof said));
    assert_string_equal(said, "abcd");
}

static void passes_over_a_line_without_end(void **state)
{
    static char text[8192];
    char said[8];

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, NEW " error: ", strlen(NEW " error: "));
    text[sizeof text - 1] = '\n';
    assert_false(log_tail_find(text, sizeof text, SINCE_MS, said, sizeof said));
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, rows, check);
    cases_add_one(&cases, "cuts what is too long", cuts_what_is_too_long);
    cases_add_one(&cases, "passes over a line without end", passes_over_a_line_without_end);
    return cases_run("log_tail", &cases);
}
