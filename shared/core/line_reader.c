#include "shared/core/line_reader.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

void line_reader_init(struct line_reader *reader, size_t limit)
{
    *reader = (struct line_reader){.limit = limit};
}

void line_reader_finish(struct line_reader *reader)
{
    free(reader->buffer);
    line_reader_init(reader, reader->limit);
}

void line_reader_set_limit(struct line_reader *reader, size_t limit)
{
    reader->limit = limit;
}

/* Makes room for `len` more bytes and a terminator. */
static int reserve(struct line_reader *reader, size_t len)
{
    if (len > reader->limit - reader->len) {
        return ERR_TOO_LONG;
    }
    size_t needed = reader->len + len + 1;
    if (needed <= reader->capacity) {
        return 0;
    }
    size_t capacity = reader->capacity == 0 ? 256 : reader->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    if (capacity > reader->limit + 1) {
        capacity = reader->limit + 1;
    }
    char *buffer = realloc(reader->buffer, capacity);
    if (buffer == NULL) {
        return ERR_NOMEM;
    }
    reader->buffer = buffer;
    reader->capacity = capacity;
    return 0;
}

static int append(struct line_reader *reader, const char *bytes, size_t len)
{
    int result = reserve(reader, len);
    if (result == 0 && memchr(bytes, '\0', len) != NULL) {
        result = ERR_INVALID;
    }
    if (result != 0) {
        reader->error = result;
        return result;
    }
    memcpy(reader->buffer + reader->len, bytes, len);
    reader->len += len;
    return 0;
}

static int hand_over(struct line_reader *reader, line_reader_fn on_line, void *context)
{
    size_t len = reader->len;
    if (len > 0 && reader->buffer[len - 1] == '\r') {
        len--;
    }
    reader->buffer[len] = '\0';
    /* Cleared first: `on_line` may finish the reader. */
    reader->len = 0;
    return on_line(context, reader->buffer, len);
}

int line_reader_feed(struct line_reader *reader, const char *bytes, size_t len,
                     line_reader_fn on_line, void *context)
{
    if (reader->error != 0) {
        return reader->error;
    }
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t step = end != NULL ? (size_t)(end - bytes) : len;
        int result = append(reader, bytes, step);
        if (result != 0 || end == NULL) {
            return result;
        }
        result = hand_over(reader, on_line, context);
        if (result != 0) {
            return result;
        }
        bytes = end + 1;
        len -= step + 1;
    }
    return 0;
}

size_t line_reader_pending(const struct line_reader *reader)
{
    return reader->len;
}
