#include "shared/core/line_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define NOBODY UINT64_MAX

static struct line_log *make_log(void)
{
    struct line_log *log;
    assert_int_equal(line_log_create(&log), 0);
    return log;
}

/* Each line is its number. */
static void add_lines(struct line_log *log, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[24];
        snprintf(text, sizeof text, "%llu", (unsigned long long)line_log_next(log));
        assert_int_equal(line_log_add(log, text, strlen(text)), 0);
    }
}

/* Every line from `first` on is there, and what it was. */
static void expect_lines(const struct line_log *log, uint64_t first, uint64_t next)
{
    assert_int_equal(line_log_first(log), first);
    assert_int_equal(line_log_next(log), next);
    for (uint64_t number = first; number < next; number++) {
        char text[24];
        size_t len;
        const char *line = line_log_get(log, number, &len);
        snprintf(text, sizeof text, "%llu", (unsigned long long)number);
        assert_int_equal(len, strlen(text));
        assert_memory_equal(line, text, len);
    }
}

static void an_empty_log(void **state)
{
    struct line_log *log = make_log();

    (void)state;
    expect_lines(log, 1, 1);
    line_log_trim(log, NOBODY);
    expect_lines(log, 1, 1);
    line_log_destroy(log);
}

/* What is said to nobody is kept up to the limit: exactly, one more, and many times around. */
static void what_nobody_needs(void **state)
{
    struct line_log *log = make_log();

    (void)state;
    add_lines(log, LINE_LOG_KEPT);
    line_log_trim(log, NOBODY);
    expect_lines(log, 1, LINE_LOG_KEPT + 1);
    add_lines(log, 1);
    line_log_trim(log, NOBODY);
    expect_lines(log, 2, LINE_LOG_KEPT + 2);
    for (int i = 0; i < 3 * (int)LINE_LOG_LINES_MAX; i++) {
        add_lines(log, 1);
        line_log_trim(log, line_log_next(log));
    }
    expect_lines(log, 3 * LINE_LOG_LINES_MAX + 2, 3 * LINE_LOG_LINES_MAX + LINE_LOG_KEPT + 2);
    line_log_destroy(log);
}

static void what_somebody_needs(void **state)
{
    struct line_log *log = make_log();

    (void)state;
    add_lines(log, LINE_LOG_KEPT + 10);
    line_log_trim(log, 4);
    expect_lines(log, 4, LINE_LOG_KEPT + 11);
    line_log_trim(log, 2);
    expect_lines(log, 4, LINE_LOG_KEPT + 11);
    line_log_trim(log, NOBODY);
    expect_lines(log, 11, LINE_LOG_KEPT + 11);
    line_log_destroy(log);
}

static void too_many_lines(void **state)
{
    struct line_log *log = make_log();

    (void)state;
    add_lines(log, LINE_LOG_LINES_MAX);
    expect_lines(log, 1, LINE_LOG_LINES_MAX + 1);
    add_lines(log, 1);
    expect_lines(log, 2, LINE_LOG_LINES_MAX + 2);
    add_lines(log, 2 * LINE_LOG_LINES_MAX);
    expect_lines(log, 2 * LINE_LOG_LINES_MAX + 2, 3 * LINE_LOG_LINES_MAX + 2);
    line_log_destroy(log);
}

static void too_many_bytes(void **state)
{
    struct line_log *log = make_log();
    char *line = calloc(1, LINE_LOG_BYTES_MAX + 1);
    size_t len;

    (void)state;
    assert_non_null(line);
    assert_int_equal(line_log_add(log, line, LINE_LOG_BYTES_MAX / 2), 0);
    assert_int_equal(line_log_add(log, line, LINE_LOG_BYTES_MAX / 2), 0);
    assert_int_equal(line_log_first(log), 1);
    assert_int_equal(line_log_add(log, line, 1), 0);
    assert_int_equal(line_log_first(log), 2);
    assert_int_equal(line_log_add(log, line, LINE_LOG_BYTES_MAX), 0);
    assert_int_equal(line_log_first(log), 4);
    assert_non_null(line_log_get(log, 4, &len));
    assert_int_equal(len, LINE_LOG_BYTES_MAX);
    /* A number is used up by what cannot be kept: a reader sees that something is missing. */
    assert_int_equal(line_log_add(log, line, LINE_LOG_BYTES_MAX + 1), ERR_TOO_LONG);
    assert_int_equal(line_log_first(log), 4);
    assert_int_equal(line_log_next(log), 6);
    assert_null(line_log_get(log, 5, &len));
    assert_int_equal(len, 0);
    assert_int_equal(line_log_add(log, "x", 1), 0);
    assert_int_equal(line_log_first(log), 5);
    free(line);
    line_log_destroy(log);
}

static void an_empty_line(void **state)
{
    struct line_log *log = make_log();
    size_t len = 1;

    (void)state;
    assert_int_equal(line_log_add(log, "", 0), 0);
    assert_int_equal(line_log_next(log), 2);
    line_log_get(log, 1, &len);
    assert_int_equal(len, 0);
    line_log_destroy(log);
}

int main(void)
{
    struct cases cases = {.count = 0};
    cases_add_one(&cases, "line_log: empty", an_empty_log);
    cases_add_one(&cases, "line_log: 1,024 lines and more that nobody needs", what_nobody_needs);
    cases_add_one(&cases, "line_log: lines that somebody needs", what_somebody_needs);
    cases_add_one(&cases, "line_log: too many lines", too_many_lines);
    cases_add_one(&cases, "line_log: too many bytes", too_many_bytes);
    cases_add_one(&cases, "line_log: an empty line", an_empty_line);
    return cases_run("line_log", &cases);
}
