/*
 * One command line of pnpctl, taken apart:  verb key=value key="value with spaces"
 *
 * A bare value ends at white space and is taken as it stands (a backslash is a backslash, as
 * instance ids need).  In a quoted value \\, \", \xHH and \uHHHH stand for one UTF-16 unit; NUL
 * cannot be expressed. Input is UTF-8; unpaired surrogates can be made with \u, for tests of bad
 * input.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stddef.h>

enum { REQUEST_LINE_MAX = 8192, REQUEST_FIELDS_MAX = 24 };

struct request_field {
    const wchar_t *key;
    const wchar_t *value;
};

/* Strings point into `text`; they live as long as the request. */
struct request {
    wchar_t text[REQUEST_LINE_MAX];
    const wchar_t *verb; /* empty for a blank line */
    struct request_field fields[REQUEST_FIELDS_MAX];
    size_t field_count;
};

/* Takes a NUL-terminated UTF-8 line; a line end at its end is ignored.  Returns NULL, or a static
 * sentence that says what is wrong; the request is then not usable. */
const char *request_parse(struct request *request, const char *line);

/* The value of a key, or `fallback` (which may be NULL) if the request has no such key. */
const wchar_t *request_get(const struct request *request, const wchar_t *key,
                           const wchar_t *fallback);

/* Checks the keys against a verb's: both lists are words with one space between.  Returns NULL, or
 * the name of a key that is missing or unknown, which belongs to the request or the list, with
 * *missing telling which. */
const wchar_t *request_check(const struct request *request, const wchar_t *required,
                             const wchar_t *optional, int *missing);

#endif
