#include "shared/core/last_line.h"

#include <stdbool.h>
#include <string.h>

void last_line_init(struct last_line *line)
{
    *line = (struct last_line){.len = 0};
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r")] == '\0';
}

static void end_line(struct last_line *line)
{
    if (!is_blank(line->current)) {
        memcpy(line->whole, line->current, sizeof line->whole);
    }
    line->len = 0;
    line->current[0] = '\0';
}

void last_line_feed(struct last_line *line, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (byte == '\n') {
            end_line(line);
        } else if (byte != '\0' && byte != '\r' && byte < 0xFE && line->len < LAST_LINE_SIZE - 1) {
            line->current[line->len++] = (char)byte;
            line->current[line->len] = '\0';
        }
    }
}

const char *last_line_text(const struct last_line *line)
{
    return is_blank(line->current) ? line->whole : line->current;
}
