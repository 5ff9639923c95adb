/* Windows' UTF-16 as our UTF-8. */
#ifndef TTYFERRY_HOST_WIN_WIDE_H
#define TTYFERRY_HOST_WIN_WIDE_H

#include <stddef.h>
#include <wchar.h>

/* Longest text that wide_to_utf8 takes in, in UTF-16 units, terminator included. */
#define WIDE_TEXT_MAX 1024

/* Writes `wide` as UTF-8 into `size` bytes, always terminated; unpaired surrogates become U+FFFD.
 * Returns 0, or ERR_TOO_LONG when it had to cut (never inside a character). */
int wide_to_utf8(const wchar_t *wide, char *utf8, size_t size);

#endif
