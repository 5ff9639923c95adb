#include "shared/core/wsl_conf_reader.h"

#include <string.h>

#include "shared/core/error.h"

/* Locales are none of WSL's business here. */
static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
    return is_alpha(c) || (c >= '0' && c <= '9');
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* NUL at the end: the text itself has none. */
static char peek(const struct wsl_conf_reader *reader)
{
    return reader->at < reader->len ? reader->text[reader->at] : '\0';
}

static void skip_spaces(struct wsl_conf_reader *reader)
{
    while (is_space(peek(reader))) {
        reader->at++;
    }
}

/* Up to one past the line feed. */
void wsl_conf_reader_skip_line(struct wsl_conf_reader *reader)
{
    while (reader->at < reader->len && reader->text[reader->at++] != '\n') {
    }
}

/* A name begins with a letter. Returns false if none is here. */
static bool read_name(struct wsl_conf_reader *reader, struct wsl_conf_span *name)
{
    size_t start = reader->at;

    if (!is_alpha(peek(reader))) {
        return false;
    }
    while (is_alnum(peek(reader))) {
        reader->at++;
    }
    *name = (struct wsl_conf_span){reader->text + start, reader->at - start};
    return true;
}

static bool read_section(struct wsl_conf_reader *reader, struct wsl_conf_item *item)
{
    struct wsl_conf_span name;
    char after;

    reader->at++;
    if (!read_name(reader, &name) || peek(reader) != ']') {
        return false;
    }
    reader->at++;
    skip_spaces(reader);
    after = peek(reader);
    if (after != '\0' && !is_line_end(after) && after != '#') {
        return false;
    }
    reader->section = name;
    item->is_section = true;
    item->section = name;
    return true;
}

/* Passes over the backslash and what it stands before. */
static bool skip_escape(struct wsl_conf_reader *reader)
{
    char escaped;

    reader->at++;
    escaped = peek(reader);
    if (escaped == '\0') {
        return false;
    }
    reader->at++;
    return strchr("\\\"bnt\n", escaped) != NULL;
}

static bool skip_value(struct wsl_conf_reader *reader)
{
    bool quoted = false;

    for (;;) {
        char c = peek(reader);

        if (c == '\0' || is_line_end(c) || (c == '#' && !quoted)) {
            return !quoted;
        }
        if (c == '\\') {
            if (!skip_escape(reader)) {
                return false;
            }
        } else {
            quoted = quoted != (c == '"');
            reader->at++;
        }
    }
}

static bool read_entry(struct wsl_conf_reader *reader, struct wsl_conf_item *item)
{
    if (!read_name(reader, &item->key)) {
        return false;
    }
    skip_spaces(reader);
    if (peek(reader) != '=') {
        return false;
    }
    reader->at++;
    skip_spaces(reader);
    item->is_section = false;
    item->section = reader->section;
    item->value = reader->at;
    if (!skip_value(reader)) {
        return false;
    }
    item->value_end = reader->at;
    return true;
}

/* The next heading or valid entry; false at the end. */
static bool read_item(struct wsl_conf_reader *reader, struct wsl_conf_item *item)
{
    while (reader->at < reader->len) {
        char c;

        item->start = reader->at;
        skip_spaces(reader);
        c = peek(reader);
        if (c == '\0') {
            return false;
        }
        if (is_line_end(c)) {
            reader->at++;
        } else if (c == '[' ? read_section(reader, item) : read_entry(reader, item)) {
            return true;
        } else {
            wsl_conf_reader_skip_line(reader); /* A comment, or void. */
        }
    }
    return false;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* `name` is in lower case. */
static bool is_named(struct wsl_conf_span span, const char *name)
{
    if (span.len != strlen(name)) {
        return false;
    }
    for (size_t i = 0; i < span.len; i++) {
        if (lower(span.start[i]) != name[i]) {
            return false;
        }
    }
    return true;
}

bool wsl_conf_reader_find_entry(struct wsl_conf_reader *reader, const char *section,
                                const char *key, struct wsl_conf_item *item)
{
    while (read_item(reader, item)) {
        if (!item->is_section && is_named(item->section, section) && is_named(item->key, key)) {
            return true;
        }
    }
    return false;
}

/* On success `reader` stands behind the heading, before any comment. */
bool wsl_conf_reader_find_section(struct wsl_conf_reader *reader, const char *section)
{
    struct wsl_conf_item item;

    while (read_item(reader, &item)) {
        if (item.is_section && is_named(item.section, section)) {
            return true;
        }
    }
    return false;
}

/* What an escape stands for; '\0' for a line that is continued. */
static char unescape(char escaped)
{
    switch (escaped) {
    case 'b':
        return '\b';
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case '\n':
        return '\0';
    default:
        return escaped;
    }
}

/* `source` has been found valid. White space at its end is left out. */
int wsl_conf_reader_decode(struct wsl_conf_span source, char *value, size_t size)
{
    size_t len = 0;
    size_t trimmed = 0;

    for (size_t i = 0; i < source.len; i++) {
        bool is_escape = source.start[i] == '\\';
        char c = is_escape ? unescape(source.start[++i]) : source.start[i];

        if (c != '\0' && (c != '"' || is_escape)) {
            if (len + 1 >= size) {
                return ERR_TOO_LONG;
            }
            value[len++] = c;
        }
        if (is_escape || !is_space(c)) {
            trimmed = len;
        }
    }
    value[trimmed] = '\0';
    return 0;
}
