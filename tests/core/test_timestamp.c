#include "shared/core/error.h"
#include "shared/core/timestamp.h"
#include "tests/core/cases.h"

static const struct stamp_case {
    const char *name;
    int64_t time_ms;
    const char *text;
} stamp_cases[] = {
    {"timestamp: the epoch", 0, "1970-01-01T00:00:00.000Z"},
    {"timestamp: milliseconds", 1, "1970-01-01T00:00:00.001Z"},
    {"timestamp: end of a day", 86399999, "1970-01-01T23:59:59.999Z"},
    {"timestamp: leap day of 2000", INT64_C(951825600000), "2000-02-29T12:00:00.000Z"},
    {"timestamp: end of a leap year", INT64_C(1735689599999), "2024-12-31T23:59:59.999Z"},
    {"timestamp: after February of a common year", INT64_C(1677628800000),
     "2023-03-01T00:00:00.000Z"},
    {"timestamp: past 2038", INT64_C(2147483648000), "2038-01-19T03:14:08.000Z"},
    {"timestamp: 2100 is no leap year", INT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
    {"timestamp: the last millisecond", TIMESTAMP_MAX_MS, "9999-12-31T23:59:59.999Z"},
};

static void run_stamp(void **state)
{
    const struct stamp_case *row = *state;
    char text[TIMESTAMP_SIZE];
    int64_t time_ms = -1;
    assert_string_equal(timestamp_from_ms(row->time_ms, text), row->text);
    assert_int_equal(timestamp_to_ms(row->text, &time_ms), 0);
    assert_true(time_ms == row->time_ms);
}

static void every_day_round_trips(void **state)
{
    (void)state;
    /* The calendar repeats after 400 years. */
    for (int64_t day = 0; day <= 401 * 366; day++) {
        int64_t time_ms = day * INT64_C(86400000);
        char text[TIMESTAMP_SIZE];
        int64_t back_ms = -1;
        assert_int_equal(timestamp_to_ms(timestamp_from_ms(time_ms, text), &back_ms), 0);
        assert_true(back_ms == time_ms);
    }
}

static void a_broken_clock_is_clamped(void **state)
{
    (void)state;
    char text[TIMESTAMP_SIZE];
    assert_string_equal(timestamp_from_ms(-1, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(timestamp_from_ms(INT64_MIN, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(timestamp_from_ms(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
}

static const struct bad_case {
    const char *name;
    const char *text;
} bad_cases[] = {
    {"timestamp: empty", ""},
    {"timestamp: no milliseconds", "2026-08-31T12:34:56Z"},
    {"timestamp: no zone", "2026-08-31T12:34:56.789"},
    {"timestamp: an offset", "2026-08-31T12:34:56.789+00:00"},
    {"timestamp: trailing text", "2026-08-31T12:34:56.789Z "},
    {"timestamp: a space for the T", "2026-08-31 12:34:56.789Z"},
    {"timestamp: a sign", "-026-08-31T12:34:56.789Z"},
    {"timestamp: before 1970", "1969-12-31T23:59:59.999Z"},
    {"timestamp: month 0", "2026-00-31T12:34:56.789Z"},
    {"timestamp: month 13", "2026-13-01T12:34:56.789Z"},
    {"timestamp: day 0", "2026-08-00T12:34:56.789Z"},
    {"timestamp: 31 April", "2026-04-31T12:34:56.789Z"},
    {"timestamp: 29 February of a common year", "2026-02-29T12:34:56.789Z"},
    {"timestamp: day 99", "2026-08-99T12:34:56.789Z"},
    {"timestamp: hour 24", "2026-08-31T24:00:00.000Z"},
    {"timestamp: minute 60", "2026-08-31T12:60:00.000Z"},
    {"timestamp: a leap second", "2026-08-31T12:34:60.000Z"},
};

static void run_bad(void **state)
{
    const struct bad_case *row = *state;
    int64_t time_ms = 42;
    assert_int_equal(timestamp_to_ms(row->text, &time_ms), ERR_INVALID);
    assert_true(time_ms == 42);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, stamp_cases, run_stamp);
    CASES_ADD(&cases, bad_cases, run_bad);
    cases_add_one(&cases, "timestamp: every day round-trips", every_day_round_trips);
    cases_add_one(&cases, "timestamp: a broken clock is clamped", a_broken_clock_is_clamped);
    return cases_run("timestamp", &cases);
}
