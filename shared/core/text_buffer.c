#include "shared/core/text_buffer.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

#define CAPACITY_FIRST 256u

void text_buffer_init(struct text_buffer *buffer)
{
    memset(buffer, 0, sizeof *buffer);
}

/* Makes room for `len` bytes and the terminator. */
static int reserve(struct text_buffer *buffer, size_t len)
{
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : CAPACITY_FIRST;
    char *grown;

    if (buffer->error != 0 || buffer->capacity > buffer->len + len) {
        return buffer->error;
    }
    while (capacity <= buffer->len + len) {
        capacity *= 2;
    }
    grown = realloc(buffer->text, capacity);
    if (grown == NULL) {
        buffer->error = ERR_NOMEM;
        return ERR_NOMEM;
    }
    buffer->text = grown;
    buffer->capacity = capacity;
    return 0;
}

void text_buffer_add_bytes(struct text_buffer *buffer, const char *bytes, size_t len)
{
    if (reserve(buffer, len) == 0) {
        memcpy(buffer->text + buffer->len, bytes, len);
        buffer->len += len;
        buffer->text[buffer->len] = '\0';
    }
}

void text_buffer_add(struct text_buffer *buffer, const char *text)
{
    text_buffer_add_bytes(buffer, text, strlen(text));
}

void text_buffer_add_spaces(struct text_buffer *buffer, size_t count)
{
    if (reserve(buffer, count) == 0) {
        memset(buffer->text + buffer->len, ' ', count);
        buffer->len += count;
        buffer->text[buffer->len] = '\0';
    }
}

int text_buffer_take(struct text_buffer *buffer, char **text)
{
    int result;

    text_buffer_add(buffer, ""); /* So that there is a text in any case. */
    result = buffer->error;
    if (result == 0) {
        *text = buffer->text;
    } else {
        free(buffer->text);
    }
    text_buffer_init(buffer);
    return result;
}
