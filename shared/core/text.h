/* Bounded text: copying, UTF-8 validity, escaping of what a stranger wrote. */
#ifndef TTYFERRY_CORE_TEXT_H
#define TTYFERRY_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies `source` into `target` of `size` bytes (at least 1), always terminated, never cutting a
 * UTF-8 sequence in two. Returns 0, or ERR_TOO_LONG when it had to cut. */
int text_copy(char *target, size_t size, const char *source);

/* Reads the first character of `len` bytes (at least 1). Returns its length in bytes and its value
 * in `*code_point`, or 0 (`*code_point` untouched) where the bytes don't begin with valid UTF-8:
 * no overlong forms, surrogates or values over U+10FFFF. */
size_t text_decode_utf8(const char *bytes, size_t len, uint32_t *code_point);

/* True if the `len` bytes are valid UTF-8 as text_decode_utf8 defines it. */
bool text_is_utf8(const char *bytes, size_t len);

/* True if `text` has a C0 or C1 control character, DEL, or invalid UTF-8: what no identifier has.
 */
bool text_has_control(const char *text);

/* True if `text` is not empty and has nothing of the kind. */
bool text_is_plain(const char *text);

/* Writes `source` to `target` of `size` bytes (at least 1) so that it is safe on a terminal and in
 * a log: each byte of C0 and C1 control characters, of DEL, of Unicode's marks of direction and of
 * invalid UTF-8 becomes \xNN. A backslash stays as it is, for Windows' ids and paths are full of
 * them. Cuts before the first character that would not fit whole. Returns `target`. */
char *text_escape(char *target, size_t size, const char *source);

/* True if `text` is exactly `len` digits 0-9 and a-f. */
bool text_is_hex(const char *text, size_t len);

/* True if `text` is a code for programs: one or more of a-z, 0-9 and `_`. */
bool text_is_code(const char *text);

/* Compares ASCII case-insensitively, as Windows instance ids want it. */
bool text_equal_nocase(const char *a, const char *b);

#endif
