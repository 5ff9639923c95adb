/* A good line with one thing in it replaced: hostile input that is wrong in just one place. */
#ifndef TTYFERRY_TESTS_CORE_ALTERED_H
#define TTYFERRY_TESTS_CORE_ALTERED_H

#include <stdlib.h>
#include <string.h>

#include "tests/core/cases.h"

/* Replaces the first `find` in `line`, which must have it. The result is the caller's to free(). */
static inline char *altered_line(const char *line, const char *find, const char *replace)
{
    const char *place = strstr(line, find);
    assert_non_null(place);
    size_t before = (size_t)(place - line);
    size_t size = strlen(line) - strlen(find) + strlen(replace) + 1;
    char *altered = malloc(size);
    assert_non_null(altered);
    memcpy(altered, line, before);
    strcpy(altered + before, replace);
    strcat(altered, place + strlen(find));
    return altered;
}

#endif
