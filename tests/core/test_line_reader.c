#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/line_reader.h"
#include "tests/core/cases.h"

#define LIMIT 8

struct seen {
    char text[256]; /* every line in brackets */
    int stop_at;    /* the line (from 1) at which on_line returns 77 */
    int count;
};

static int on_line(void *context, char *line, size_t len)
{
    struct seen *seen = context;
    assert_int_equal(strlen(line), len);
    strcat(strcat(strcat(seen->text, "["), line), "]");
    seen->count++;
    return seen->count == seen->stop_at ? 77 : 0;
}

static const struct reader_case {
    const char *name;
    const char *bytes;
    const char *lines;
    int result;
    size_t pending;
} reader_cases[] = {
    {"line_reader: nothing", "", "", 0, 0},
    {"line_reader: one line", "abc\n", "[abc]", 0, 0},
    {"line_reader: an empty line", "\n", "[]", 0, 0},
    {"line_reader: several lines", "a\n\nb\n", "[a][][b]", 0, 0},
    {"line_reader: half a line is held", "a\nbcd", "[a]", 0, 3},
    {"line_reader: CR LF", "a\r\nb\r\n", "[a][b]", 0, 0},
    {"line_reader: a CR alone", "\r\n", "[]", 0, 0},
    {"line_reader: only the last CR is dropped", "a\r\r\n", "[a\r]", 0, 0},
    {"line_reader: a CR inside a line stays", "a\rb\n", "[a\rb]", 0, 0},
    {"line_reader: at the limit", "12345678\n", "[12345678]", 0, 0},
    {"line_reader: one over the limit", "a\n123456789\nb\n", "[a]", ERR_TOO_LONG, 8},
    {"line_reader: over the limit without end", "1234567890123456", "", ERR_TOO_LONG, 8},
    {"line_reader: the CR counts", "12345678\r\n", "", ERR_TOO_LONG, 8},
};

/* Whatever the pieces in which bytes come, the lines are the same. */
static void run_reader(void **state)
{
    const struct reader_case *row = *state;
    size_t len = strlen(row->bytes);
    for (size_t piece = 1; piece <= len + 1; piece++) {
        struct line_reader reader;
        line_reader_init(&reader, LIMIT);
        struct seen seen = {.count = 0};
        int result = 0;
        for (size_t at = 0; at < len && result == 0; at += piece) {
            size_t step = len - at < piece ? len - at : piece;
            result = line_reader_feed(&reader, row->bytes + at, step, on_line, &seen);
        }
        assert_int_equal(result, row->result);
        assert_string_equal(seen.text, row->lines);
        assert_true(line_reader_pending(&reader) <= LIMIT);
        if (row->result == 0) {
            assert_int_equal(line_reader_pending(&reader), row->pending);
        }
        assert_true(reader.capacity <= LIMIT + 1);
        line_reader_finish(&reader);
    }
}

static void stays_failed(void **state)
{
    (void)state;
    struct line_reader reader;
    line_reader_init(&reader, LIMIT);
    struct seen seen = {.count = 0};
    assert_int_equal(line_reader_feed(&reader, "123456789", 9, on_line, &seen), ERR_TOO_LONG);
    assert_int_equal(line_reader_feed(&reader, "\na\n", 3, on_line, &seen), ERR_TOO_LONG);
    assert_int_equal(seen.count, 0);
    line_reader_finish(&reader);
}

static void nul_is_refused(void **state)
{
    (void)state;
    struct line_reader reader;
    line_reader_init(&reader, LIMIT);
    struct seen seen = {.count = 0};
    assert_int_equal(line_reader_feed(&reader, "a\nb\0c\nd\n", 8, on_line, &seen), ERR_INVALID);
    assert_string_equal(seen.text, "[a]");
    assert_int_equal(line_reader_feed(&reader, "d\n", 2, on_line, &seen), ERR_INVALID);
    line_reader_finish(&reader);
}

static void a_callback_stops_it(void **state)
{
    (void)state;
    struct line_reader reader;
    line_reader_init(&reader, LIMIT);
    struct seen seen = {.stop_at = 2};
    assert_int_equal(line_reader_feed(&reader, "a\nb\nc\n", 6, on_line, &seen), 77);
    assert_string_equal(seen.text, "[a][b]");
    line_reader_finish(&reader);
}

static int finish_it(void *context, char *line, size_t len)
{
    (void)line;
    (void)len;
    struct line_reader **reader = context;
    line_reader_finish(*reader);
    free(*reader);
    *reader = NULL;
    return 1;
}

static void a_callback_may_finish_it(void **state)
{
    (void)state;
    struct line_reader *reader = malloc(sizeof *reader);
    assert_non_null(reader);
    line_reader_init(reader, LIMIT);
    assert_int_equal(line_reader_feed(reader, "a\nb\n", 4, finish_it, &reader), 1);
    assert_null(reader);
}

static void grows_up_to_a_large_limit(void **state)
{
    (void)state;
    enum { LARGE = 70001 };
    struct line_reader reader;
    line_reader_init(&reader, LARGE);
    struct seen seen = {.count = 0};
    for (int i = 0; i < LARGE; i++) {
        assert_int_equal(line_reader_feed(&reader, "x", 1, on_line, &seen), 0);
    }
    assert_int_equal(line_reader_pending(&reader), LARGE);
    assert_int_equal(reader.capacity, LARGE + 1);
    assert_int_equal(line_reader_feed(&reader, "x", 1, on_line, &seen), ERR_TOO_LONG);
    line_reader_finish(&reader);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, reader_cases, run_reader);
    cases_add_one(&cases, "line_reader: stays failed", stays_failed);
    cases_add_one(&cases, "line_reader: NUL is refused", nul_is_refused);
    cases_add_one(&cases, "line_reader: a callback stops it", a_callback_stops_it);
    cases_add_one(&cases, "line_reader: a callback may finish it", a_callback_may_finish_it);
    cases_add_one(&cases, "line_reader: grows up to its limit", grows_up_to_a_large_limit);
    return cases_run("line_reader", &cases);
}
