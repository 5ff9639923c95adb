#include "shared/core/backoff.h"
#include "tests/core/cases.h"

static const struct backoff_case {
    const char *name;
    uint32_t first_ms;
    uint32_t max_ms;
    uint32_t expected[5];
} backoff_cases[] = {
    {"backoff: doubles up to the limit", 250, 1500, {250, 500, 1000, 1500, 1500}},
    {"backoff: limit is a power of the first", 100, 400, {100, 200, 400, 400, 400}},
    {"backoff: first is the limit", 100, 100, {100, 100, 100, 100, 100}},
    {"backoff: limit below the first", 100, 50, {100, 100, 100, 100, 100}},
    {"backoff: never 0", 0, 4, {1, 2, 4, 4, 4}},
    {"backoff: no overflow",
     0x60000000,
     UINT32_MAX,
     {0x60000000, 0xC0000000, UINT32_MAX, UINT32_MAX, UINT32_MAX}},
};

static void run_backoff(void **state)
{
    const struct backoff_case *row = *state;
    struct backoff backoff;
    backoff_init(&backoff, row->first_ms, row->max_ms);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < CASES_COUNT(row->expected); i++) {
            assert_int_equal(backoff_next(&backoff), row->expected[i]);
        }
        backoff_reset(&backoff);
    }
}

static const struct eager_case {
    const char *name;
    uint32_t max_ms;
    uint32_t eager_max_ms;
    uint32_t eager_for_ms;
    uint32_t expected[7];
} eager_cases[] = {
    {"backoff: eager, then patient", 1000, 200, 900, {100, 200, 200, 200, 200, 400, 800}},
    {"backoff: eager up to the longest wait", 150, 200, 900, {100, 150, 150, 150, 150, 150, 150}},
    {"backoff: eager for no time", 1000, 200, 0, {100, 200, 400, 800, 1000, 1000, 1000}},
};

static void run_eager(void **state)
{
    const struct eager_case *row = *state;
    struct backoff backoff;
    backoff_init(&backoff, 100, row->max_ms);
    backoff_set_eager(&backoff, row->eager_max_ms, row->eager_for_ms);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < CASES_COUNT(row->expected); i++) {
            assert_int_equal(backoff_next(&backoff), row->expected[i]);
        }
        backoff_reset(&backoff);
    }
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, backoff_cases, run_backoff);
    CASES_ADD(&cases, eager_cases, run_eager);
    return cases_run("backoff", &cases);
}
