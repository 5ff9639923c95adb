/* A test that starts itself as the program it needs: main hands over when SELF_ROLE is set. */
#ifndef TTYFERRY_TESTS_HOST_SELF_H
#define TTYFERRY_TESTS_HOST_SELF_H

#include <windows.h>

#include "host-win/wide.h"
#include "tests/core/cases.h"

#define SELF_ROLE L"TTYFERRY_TEST_ROLE"
#define SELF_PATH_SIZE 1024

/* The role that this process was started in; empty: it is the test. */
static inline const wchar_t *self_role(void)
{
    static wchar_t role[64];

    return GetEnvironmentVariableW(SELF_ROLE, role, 64) > 0 ? role : L"";
}

/* What the test starts from now on has that role. */
static inline void self_set_role(const wchar_t *role)
{
    assert_true(SetEnvironmentVariableW(SELF_ROLE, role));
}

static inline void self_path(char path[SELF_PATH_SIZE])
{
    wchar_t wide[MAX_PATH];

    assert_in_range(GetModuleFileNameW(NULL, wide, MAX_PATH), 1, MAX_PATH - 1);
    assert_int_equal(wide_to_utf8(wide, path, SELF_PATH_SIZE), 0);
}

#endif
