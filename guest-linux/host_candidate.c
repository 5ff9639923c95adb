#include "guest-linux/host_candidate.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

int host_candidate_add_line(struct host_candidate *candidate, const char *line, size_t len)
{
    size_t needed = candidate->len + len + 1;
    size_t capacity = candidate->capacity == 0 ? 4096 : candidate->capacity;
    char *lines;

    if (needed > HOST_CANDIDATE_LINES_MAX) {
        return ERR_FULL;
    }
    while (capacity < needed) {
        capacity *= 2;
    }
    if (capacity > candidate->capacity) {
        lines = realloc(candidate->lines, capacity);
        if (lines == NULL) {
            return ERR_NOMEM;
        }
        candidate->lines = lines;
        candidate->capacity = capacity;
    }
    memcpy(candidate->lines + candidate->len, line, len);
    candidate->lines[candidate->len + len] = '\0';
    candidate->len = needed;
    return 0;
}

void host_candidate_replay(struct host_candidate *candidate,
                           int (*take)(void *context, char *line, size_t len), void *context)
{
    size_t at = 0;

    while (at < candidate->len) {
        char *line = candidate->lines + at;
        size_t len = strlen(line); /* No line has a NUL in it. */

        at += len + 1;
        if (take(context, line, len) != 0) {
            return;
        }
    }
}

void host_candidate_clear(struct host_candidate *candidate)
{
    free(candidate->lines);
    *candidate = (struct host_candidate){.session = NULL};
}
