/* Bounded text: copying, UTF-8 validity, escaping of what a stranger wrote. */
#ifndef TTYFERRY_CORE_TEXT_H
#define TTYFERRY_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies `source` into `target` of `size` bytes (at least 1), always terminated, never cutting a
 * UTF-8 sequence in two. Returns 0, or ERR_TOO_LONG when it had to cut. */
int text_copy(char *target, size_t size, const char *source);

/* True if the `len` bytes are valid UTF-8: no overlong forms, surrogates or values over U+10FFFF. */
bool text_is_utf8(const char *bytes, size_t len);

/* Writes `source` to `target` of `size` bytes so that it is safe on a terminal and in a log:
 * C0 and C1 control characters, DEL and invalid bytes become \xNN, a backslash becomes \\.
 * Cuts at the end of the target. Returns `target`. */
char *text_escape(char *target, size_t size, const char *source);

/* Compares ASCII case-insensitively, as Windows instance ids want it. */
bool text_equal_nocase(const char *a, const char *b);

#endif
