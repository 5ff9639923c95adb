/* How much room text takes on a terminal, and cutting it to a width. For text that went through
 * text_escape. */
#ifndef TTYFERRY_CORE_TEXT_WIDTH_H
#define TTYFERRY_CORE_TEXT_WIDTH_H

#include <stddef.h>

/* The columns that `text` takes: two for a wide character (East Asian, emoji), none for a combining
 * one, one for any other and for each byte of invalid UTF-8. */
size_t text_width(const char *text);

/* The length in bytes of the longest beginning of `text` that takes at most `columns`; whole
 * characters with what combines with them, and a \xNN of text_escape is one piece. */
size_t text_width_cut(const char *text, size_t columns);

/* Copies `text` into `target` of `size` bytes, cut to `columns`; what was cut is shown by "..." if
 * `columns` has room for that and one more. Returns `target`. */
char *text_width_fit(char *target, size_t size, const char *text, size_t columns);

#endif
