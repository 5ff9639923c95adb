/* What a log file said last, for somebody who waits in vain. Pure. */
#ifndef TTYFERRY_CORE_LOG_TAIL_H
#define TTYFERRY_CORE_LOG_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the last warning or error in `text`, which may begin in the middle of a line, that was
 * written at `since_ms` (UTC, milliseconds since 1970) or later; lines are as log_file.h writes
 * them. Copies what it says, cut to `size`. Returns false, and `target` is "", if there is none. */
bool log_tail_find(const char *text, size_t len, int64_t since_ms, char *target, size_t size);

#endif
