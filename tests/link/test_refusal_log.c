#include "shared/link/refusal_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE REFUSAL_LOG_PERIOD_MS
#define START UINT64_C(5000)

static void once_a_minute_with_how_many_were_held_back(void **state)
{
    struct refusal_log log = {0};
    unsigned held_back = 7;

    (void)state;
    assert_true(refusal_log_take(&log, "127.0.0.1", START, &held_back));
    assert_int_equal(held_back, 0);
    for (unsigned i = 0; i < 1000; i++) {
        assert_false(refusal_log_take(&log, "127.0.0.1", START + i, &held_back));
    }
    assert_false(refusal_log_take(&log, "127.0.0.1", START + MINUTE - 1, &held_back));
    assert_true(refusal_log_take(&log, "127.0.0.1", START + MINUTE, &held_back));
    assert_int_equal(held_back, 1001);
    assert_false(refusal_log_take(&log, "127.0.0.1", START + MINUTE + 1, &held_back));
    assert_true(refusal_log_take(&log, "127.0.0.1", START + 3 * MINUTE, &held_back));
    assert_int_equal(held_back, 1);
}

static void each_source_has_its_own_minute(void **state)
{
    struct refusal_log log = {0};
    unsigned held_back;

    (void)state;
    assert_true(refusal_log_take(&log, "10.0.0.1", START, &held_back));
    assert_true(refusal_log_take(&log, "10.0.0.12", START + 1, &held_back));
    assert_false(refusal_log_take(&log, "10.0.0.1", START + 2, &held_back));
    assert_true(refusal_log_take(&log, "10.0.0.1", START + MINUTE, &held_back));
    assert_int_equal(held_back, 1);
    assert_false(refusal_log_take(&log, "10.0.0.12", START + MINUTE, &held_back));
}

static void take_many(struct refusal_log *log, unsigned count, uint64_t now_ms, unsigned *told)
{
    char source[32];
    unsigned held_back;

    *told = 0;
    for (unsigned i = 0; i < count; i++) {
        snprintf(source, sizeof source, "fe80::%x", i);
        *told += refusal_log_take(log, source, now_ms, &held_back);
    }
}

static void no_number_of_sources_fills_the_log(void **state)
{
    struct refusal_log log = {0};
    unsigned held_back;
    unsigned told;

    (void)state;
    take_many(&log, 1000, START, &told);
    assert_int_equal(told, REFUSAL_LOG_SOURCES_MAX);
    /* None is forgotten. */
    assert_true(refusal_log_take(&log, "10.0.0.1", START + MINUTE, &held_back));
    assert_int_equal(held_back, 1000 - REFUSAL_LOG_SOURCES_MAX);
    take_many(&log, REFUSAL_LOG_SOURCES_MAX, START + MINUTE, &told);
    assert_int_equal(told, REFUSAL_LOG_SOURCES_MAX - 1);
}

static void a_source_that_is_too_long_is_cut(void **state)
{
    struct refusal_log log = {0};
    char source[2 * REFUSAL_LOG_SOURCE_SIZE];
    unsigned held_back;

    (void)state;
    memset(source, 'x', sizeof source - 1);
    source[sizeof source - 1] = '\0';
    assert_true(refusal_log_take(&log, source, START, &held_back));
    assert_false(refusal_log_take(&log, source, START, &held_back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_a_minute_with_how_many_were_held_back),
        cmocka_unit_test(each_source_has_its_own_minute),
        cmocka_unit_test(no_number_of_sources_fills_the_log),
        cmocka_unit_test(a_source_that_is_too_long_is_cut),
    };

    return cmocka_run_group_tests_name("refusal_log", tests, NULL, NULL);
}
