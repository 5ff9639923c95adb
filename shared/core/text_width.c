#include "shared/core/text_width.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "shared/core/text.h"

#define ELLIPSIS "..."
#define ESCAPE_LEN 4u /* \xNN */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct range {
    uint32_t first;
    uint32_t last;
};

/* East_Asian_Width W and F of Unicode 15, neighbours put together. */
static const struct range wide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2E80, 0x303E},   {0x3041, 0x33FF},
    {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF},
    {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
};

/* Marks that combine, joiners and variation selectors of the scripts that names are seen in. */
static const struct range combining[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},
    {0x064B, 0x065F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200D},
    {0x2060, 0x2064}, {0x20D0, 0x20FF}, {0x302A, 0x302D}, {0x3099, 0x309A},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF},
};

static int is_within(const struct range *ranges, size_t count, uint32_t code_point)
{
    for (size_t i = 0; i < count; i++) {
        if (code_point >= ranges[i].first && code_point <= ranges[i].last) {
            return 1;
        }
    }
    return 0;
}

static size_t code_point_width(uint32_t code_point)
{
    if (is_within(combining, COUNT(combining), code_point)) {
        return 0;
    }
    return is_within(wide, COUNT(wide), code_point) ? 2 : 1;
}

static int is_escape(const char *text)
{
    return text[0] == '\\' && text[1] == 'x' && text[2] != '\0' &&
           strchr("0123456789abcdef", text[2]) != NULL && text[3] != '\0' &&
           strchr("0123456789abcdef", text[3]) != NULL;
}

/* The bytes of the piece that `text`, of `len` bytes and not empty, begins with. */
static size_t next_piece(const char *text, size_t len, size_t *columns)
{
    uint32_t code_point = 0;
    size_t step;

    if (is_escape(text)) {
        *columns = ESCAPE_LEN;
        return ESCAPE_LEN;
    }
    step = text_decode_utf8(text, len, &code_point);
    *columns = step > 0 ? code_point_width(code_point) : 1;
    return step > 0 ? step : 1;
}

size_t text_width(const char *text)
{
    size_t len = strlen(text);
    size_t width = 0;

    for (size_t at = 0; at < len;) {
        size_t columns;

        at += next_piece(text + at, len - at, &columns);
        width += columns;
    }
    return width;
}

size_t text_width_cut(const char *text, size_t columns)
{
    size_t len = strlen(text);
    size_t width = 0;
    size_t at = 0;

    while (at < len) {
        size_t piece_columns;
        size_t piece = next_piece(text + at, len - at, &piece_columns);

        if (width + piece_columns > columns) {
            break;
        }
        width += piece_columns;
        at += piece;
    }
    return at;
}

char *text_width_fit(char *target, size_t size, const char *text, size_t columns)
{
    const char *end = "";
    size_t len = text_width_cut(text, columns);

    if (text[len] != '\0' && columns > strlen(ELLIPSIS)) {
        end = ELLIPSIS;
        len = text_width_cut(text, columns - strlen(ELLIPSIS));
    }
    if (len + strlen(end) >= size) {
        len = size > strlen(end) ? size - strlen(end) - 1 : 0;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    snprintf(target, size, "%.*s%s", (int)len, text, end);
    return target;
}
