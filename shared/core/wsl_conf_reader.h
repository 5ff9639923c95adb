/* Reads /etc/wsl.conf entry by entry, as WSL does (wsl_conf.h). Offsets are into the text, which
 * has no NUL and outlives everything here. */
#ifndef TTYFERRY_CORE_WSL_CONF_READER_H
#define TTYFERRY_CORE_WSL_CONF_READER_H

#include <stdbool.h>
#include <stddef.h>

/* A part of the text, without a terminator. */
struct wsl_conf_span {
    const char *start;
    size_t len;
};

/* A section's heading or a valid entry. */
struct wsl_conf_item {
    bool is_section;
    struct wsl_conf_span section; /* the one that it names, or stands in */
    struct wsl_conf_span key;
    size_t start;     /* of its line */
    size_t value;     /* of the value's first byte */
    size_t value_end; /* one past its last: a comment, the line's end, or the text's */
};

/* Begins with the text, its length, and zeros. */
struct wsl_conf_reader {
    const char *text;
    size_t len;
    size_t at;
    struct wsl_conf_span section;
};

/* Goes on to the next such entry; names are in lower case. False at the end. */
bool wsl_conf_reader_find_entry(struct wsl_conf_reader *reader, const char *section,
                                const char *key, struct wsl_conf_item *item);

/* Goes on to the next such heading, and stands behind its bracket. False at the end. */
bool wsl_conf_reader_find_section(struct wsl_conf_reader *reader, const char *section);

/* Goes on to one past the line feed, or to the end. */
void wsl_conf_reader_skip_line(struct wsl_conf_reader *reader);

/* What a valid value means: without quotes, escapes and white space at its end. Returns 0, or
 * ERR_TOO_LONG if it does not fit `size`. */
int wsl_conf_reader_decode(struct wsl_conf_span source, char *value, size_t size);

#endif
