#include "shared/core/wsl_list.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

#define UNIT_UTF8_MAX 3 /* bytes of UTF-8 for one unit of UTF-16 */
#define REPLACEMENT 0xFFFDu
#define BLANKS " \t"

/* --- Encodings -------------------------------------------------------------------------------- */

/* Without a mark UTF-16LE is known by the zeros above its ASCII, of which every row has plenty: its
 * padding, its version, its end of line. */
static bool is_utf16(const unsigned char *bytes, size_t len)
{
    size_t zeros = 0;

    if (len >= 2 && bytes[0] == 0xFF && bytes[1] == 0xFE) {
        return true;
    }
    for (size_t i = 1; i < len; i += 2) {
        zeros += bytes[i] == 0;
    }
    return zeros > 0 && zeros * 8 >= len;
}

static size_t put_utf8(char *target, uint32_t code_point)
{
    if (code_point < 0x80) {
        target[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        target[0] = (char)(0xC0 | code_point >> 6);
        target[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        target[0] = (char)(0xE0 | code_point >> 12);
        target[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        target[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    target[0] = (char)(0xF0 | code_point >> 18);
    target[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    target[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    target[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

static uint32_t unit_at(const unsigned char *bytes, size_t at)
{
    return bytes[at] | (uint32_t)bytes[at + 1] << 8;
}

/* Returns the bytes written. An odd byte at the end is none of the text. */
static size_t decode_utf16(const unsigned char *bytes, size_t len, char *target)
{
    size_t written = 0;

    for (size_t i = 0; i + 1 < len; i += 2) {
        uint32_t code_point = unit_at(bytes, i);
        bool is_high = code_point >= 0xD800 && code_point < 0xDC00;

        if (is_high && i + 3 < len && unit_at(bytes, i + 2) >= 0xDC00 &&
            unit_at(bytes, i + 2) < 0xE000) {
            code_point = 0x10000 + ((code_point & 0x3FF) << 10) + (unit_at(bytes, i + 2) & 0x3FF);
            i += 2;
        } else if (code_point >= 0xD800 && code_point < 0xE000) {
            code_point = REPLACEMENT;
        }
        if (code_point != 0 && code_point != 0xFEFF) {
            written += put_utf8(target + written, code_point);
        }
    }
    return written;
}

static size_t decode_utf8(const unsigned char *bytes, size_t len, char *target)
{
    size_t at = len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    size_t written = 0;

    while (at < len) {
        uint32_t code_point = REPLACEMENT;
        size_t taken = text_decode_utf8((const char *)bytes + at, len - at, &code_point);

        at += taken > 0 ? taken : 1;
        if (code_point != 0) {
            written += put_utf8(target + written, code_point);
        }
    }
    return written;
}

int wsl_list_decode(const char *bytes, size_t len, char **text)
{
    const unsigned char *raw = (const unsigned char *)bytes;
    char *decoded;
    size_t written;

    if (len > WSL_LIST_TEXT_MAX) {
        return ERR_TOO_LONG;
    }
    decoded = malloc(UNIT_UTF8_MAX * len + 1);
    if (decoded == NULL) {
        return ERR_NOMEM;
    }
    written = is_utf16(raw, len) ? decode_utf16(raw, len, decoded) : decode_utf8(raw, len, decoded);
    decoded[written] = '\0';
    *text = decoded;
    return 0;
}

/* --- Rows ------------------------------------------------------------------------------------- */

/* Cuts the next line that is not blank out of the text at `*rest`, without what is around it. NULL
 * at the end. */
static char *next_line(char **rest)
{
    while (**rest != '\0') {
        char *line = *rest + strspn(*rest, BLANKS "\r\n");
        char *end = line + strcspn(line, "\r\n");

        *rest = *end != '\0' ? end + 1 : end;
        while (end > line && strchr(BLANKS, end[-1]) != NULL) {
            end--;
        }
        *end = '\0';
        if (end > line) {
            return line;
        }
    }
    return NULL;
}

/* wsl.exe gets the name as an argument: never empty, never an option. */
static bool read_name(const char *text, size_t len, char name[WSL_LIST_NAME_SIZE])
{
    if (len == 0 || len >= WSL_LIST_NAME_SIZE || text[0] == '-') {
        return false;
    }
    memcpy(name, text, len);
    name[len] = '\0';
    return !text_has_control(name);
}

/* "* Ubuntu    Running    2". What stands between the name and the version is the state, of any
 * number of words, and in some languages so long that nothing parts it from the version. */
static bool read_row(const char *line, struct wsl_distribution *row)
{
    size_t len = strlen(line);
    size_t name_len;

    memset(row, 0, sizeof *row);
    if (line[0] == '*') {
        row->is_default = true;
        line++;
        line += strspn(line, BLANKS);
        len = strlen(line);
    }
    name_len = strcspn(line, BLANKS);
    if (name_len + 1 >= len || (line[len - 1] != '1' && line[len - 1] != '2')) {
        return false;
    }
    row->version = line[len - 1] == '1' ? 1 : 2;
    return read_name(line, name_len, row->name);
}

static int read_rows(char *text, struct wsl_list *list)
{
    struct wsl_distribution row;
    char *rest = text;
    char *line = next_line(&rest); /* the heading */

    while (line != NULL && (line = next_line(&rest)) != NULL) {
        if (!read_row(line, &row) || wsl_list_find(list, row.name) != NULL) {
            continue;
        }
        if (list->count == WSL_LIST_MAX) {
            return ERR_FULL;
        }
        list->items[list->count++] = row;
    }
    return 0;
}

int wsl_list_from_verbose(const char *bytes, size_t len, struct wsl_list *list)
{
    struct wsl_list *read = calloc(1, sizeof *read);
    char *text = NULL;
    int result = read != NULL ? wsl_list_decode(bytes, len, &text) : ERR_NOMEM;

    if (result == 0) {
        result = read_rows(text, read);
    }
    if (result == 0) {
        *list = *read;
    }
    free(text);
    free(read);
    return result;
}

int wsl_list_add_running(const char *bytes, size_t len, struct wsl_list *list)
{
    char *text;
    char *rest;
    const char *line;
    int result = wsl_list_decode(bytes, len, &text);

    if (result != 0) {
        return result;
    }
    rest = text;
    while ((line = next_line(&rest)) != NULL) {
        for (size_t i = 0; i < list->count; i++) {
            list->items[i].is_running |= text_equal_nocase(list->items[i].name, line);
        }
    }
    free(text);
    return 0;
}

const struct wsl_distribution *wsl_list_find(const struct wsl_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (text_equal_nocase(list->items[i].name, name)) {
            return &list->items[i];
        }
    }
    return NULL;
}
