#include "shared/core/text.h"

#include <string.h>

#include "shared/core/error.h"

/* The longest UTF-8 sequence, each byte as \xNN. */
#define ESCAPED_MAX 16

/* The lead byte decides the length and the range of the second byte (Unicode 15, table 3-7);
 * every byte after that one is 0x80..0xBF. */
struct lead {
    unsigned char first;
    unsigned char last;
    unsigned char len;
    unsigned char second_min;
    unsigned char second_max;
    unsigned char mask;
};

static const struct lead leads[] = {
    {0x00, 0x7F, 1, 0x00, 0x00, 0x7F}, {0xC2, 0xDF, 2, 0x80, 0xBF, 0x1F},
    {0xE0, 0xE0, 3, 0xA0, 0xBF, 0x0F}, {0xE1, 0xEC, 3, 0x80, 0xBF, 0x0F},
    {0xED, 0xED, 3, 0x80, 0x9F, 0x0F}, {0xEE, 0xEF, 3, 0x80, 0xBF, 0x0F},
    {0xF0, 0xF0, 4, 0x90, 0xBF, 0x07}, {0xF1, 0xF3, 4, 0x80, 0xBF, 0x07},
    {0xF4, 0xF4, 4, 0x80, 0x8F, 0x07},
};

static const struct lead *find_lead(unsigned char byte)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if (byte >= leads[i].first && byte <= leads[i].last) {
            return &leads[i];
        }
    }
    return NULL;
}

size_t text_decode_utf8(const char *bytes, size_t len, uint32_t *code_point)
{
    const unsigned char *b = (const unsigned char *)bytes;
    const struct lead *lead = find_lead(b[0]);
    if (lead == NULL || lead->len > len) {
        return 0;
    }
    uint32_t value = b[0] & lead->mask;
    for (size_t i = 1; i < lead->len; i++) {
        unsigned char min = i == 1 ? lead->second_min : 0x80;
        unsigned char max = i == 1 ? lead->second_max : 0xBF;
        if (b[i] < min || b[i] > max) {
            return 0;
        }
        value = value << 6 | (b[i] & 0x3Fu);
    }
    *code_point = value;
    return lead->len;
}

bool text_is_utf8(const char *bytes, size_t len)
{
    uint32_t code_point;
    for (size_t at = 0; at < len;) {
        size_t step = text_decode_utf8(bytes + at, len - at, &code_point);
        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}

static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F);
}

bool text_has_control(const char *text)
{
    size_t len = strlen(text);
    uint32_t code_point;
    for (size_t at = 0; at < len;) {
        size_t step = text_decode_utf8(text + at, len - at, &code_point);
        if (step == 0 || is_control(code_point)) {
            return true;
        }
        at += step;
    }
    return false;
}

bool text_is_plain(const char *text)
{
    return *text != '\0' && !text_has_control(text);
}

int text_copy(char *target, size_t size, const char *source)
{
    size_t len = strlen(source);
    int result = 0;
    if (len >= size) {
        len = size - 1;
        /* Step back over continuation bytes, so that the cut falls between two characters. */
        while (len > 0 && ((unsigned char)source[len] & 0xC0) == 0x80) {
            len--;
        }
        result = ERR_TOO_LONG;
    }
    memmove(target, source, len);
    target[len] = '\0';
    return result;
}

/* Turns the order of the text on a terminal around, so that one name looks like another. */
static bool is_direction(uint32_t code_point)
{
    return code_point == 0x061C || code_point == 0x200E || code_point == 0x200F ||
           (code_point >= 0x202A && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

/* Writes what stands for the first character of `source` (`len` bytes are left of it, at least
 * one) to `piece`. Returns the bytes read; `*piece_len` is the bytes written, at most ESCAPED_MAX.
 */
static size_t escape_one(const char *source, size_t len, char piece[ESCAPED_MAX], size_t *piece_len)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t code_point = 0;
    size_t step = text_decode_utf8(source, len, &code_point);
    if (step > 0 && !is_control(code_point) && !is_direction(code_point)) {
        memcpy(piece, source, step);
        *piece_len = step;
        return step;
    }
    step = step == 0 ? 1 : step;
    for (size_t i = 0; i < step; i++) {
        unsigned char byte = (unsigned char)source[i];
        piece[4 * i] = '\\';
        piece[4 * i + 1] = 'x';
        piece[4 * i + 2] = digits[byte >> 4];
        piece[4 * i + 3] = digits[byte & 0xF];
    }
    *piece_len = 4 * step;
    return step;
}

char *text_escape(char *target, size_t size, const char *source)
{
    size_t len = strlen(source);
    size_t out = 0;
    for (size_t at = 0; at < len;) {
        char piece[ESCAPED_MAX];
        size_t piece_len;
        at += escape_one(source + at, len - at, piece, &piece_len);
        if (out + piece_len >= size) {
            break;
        }
        memcpy(target + out, piece, piece_len);
        out += piece_len;
    }
    target[out] = '\0';
    return target;
}

bool text_is_hex(const char *text, size_t len)
{
    return strspn(text, "0123456789abcdef") == len && text[len] == '\0';
}

bool text_is_code(const char *text)
{
    return *text != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool text_equal_nocase(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}
