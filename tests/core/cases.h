/* Tables of named cases as cmocka tests: each row counts, and fails, by its own name. */
#ifndef TTYFERRY_TESTS_CORE_CASES_H
#define TTYFERRY_TESTS_CORE_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CASES_MAX 256
#define CASES_COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct cases {
    struct CMUnitTest tests[CASES_MAX];
    size_t count;
};

static inline void cases_add(struct cases *cases, const void *row, CMUnitTestFunction run)
{
    assert_true(cases->count < CASES_MAX);
    cases->tests[cases->count++] = (struct CMUnitTest){
        .name = *(const char *const *)row,
        .test_func = run,
        .initial_state = (void *)(uintptr_t)row,
    };
}

/* Adds every row of a table, whose first member is `const char *name`; `run` gets the row as its
 * state. */
#define CASES_ADD(cases, rows, run)                                                                \
    do {                                                                                           \
        for (size_t row_index = 0; row_index < CASES_COUNT(rows); row_index++) {                   \
            cases_add((cases), &(rows)[row_index], (run));                                         \
        }                                                                                          \
    } while (0)

static inline void cases_add_one(struct cases *cases, const char *name, CMUnitTestFunction run)
{
    assert_true(cases->count < CASES_MAX);
    cases->tests[cases->count++] = (struct CMUnitTest){.name = name, .test_func = run};
}

static inline int cases_run(const char *group, const struct cases *cases)
{
    return _cmocka_run_group_tests(group, cases->tests, cases->count, NULL, NULL);
}

#endif
