/* Text that grows as it is written; running out of memory is told once, at the end. */
#ifndef TTYFERRY_CORE_TEXT_BUFFER_H
#define TTYFERRY_CORE_TEXT_BUFFER_H

#include <stddef.h>

struct text_buffer {
    char *text; /* owned; terminated, or NULL while nothing has been added */
    size_t len;
    size_t capacity;
    int error;
};

void text_buffer_init(struct text_buffer *buffer);

void text_buffer_add(struct text_buffer *buffer, const char *text);
void text_buffer_add_bytes(struct text_buffer *buffer, const char *bytes, size_t len);
void text_buffer_add_spaces(struct text_buffer *buffer, size_t count);

/* Ends the buffer, which may be used anew. Returns 0 and the text, the caller's to free(), or
 * ERR_NOMEM if any of it was lost. */
int text_buffer_take(struct text_buffer *buffer, char **text);

#endif
