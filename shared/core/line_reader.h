/* Bytes in, lines out. A line ends with LF; a CR before it is dropped. No line is ever longer
 * than the limit given, and no allocation is larger than it. */
#ifndef TTYFERRY_CORE_LINE_READER_H
#define TTYFERRY_CORE_LINE_READER_H

#include <stddef.h>

struct line_reader {
    char *buffer; /* owned; grows up to limit + 1 */
    size_t len;
    size_t capacity;
    size_t limit;
    int error; /* 0, or why the reader failed: what every further feed returns */
};

/* Called for each whole line, terminated, without its LF. `line` belongs to the reader and is
 * valid during the call. A return other than 0 stops the feeding and is handed on: the
 * rest of the bytes is dropped and the reader isn't touched again, so `on_line` may finish it. */
typedef int (*line_reader_fn)(void *context, char *line, size_t len);

/* `limit` is the longest line in bytes, LF not counted (a CR before it is). */
void line_reader_init(struct line_reader *reader, size_t limit);
void line_reader_finish(struct line_reader *reader);

/* Another limit from the next line on; may be called in `on_line`. Not below what is held. */
void line_reader_set_limit(struct line_reader *reader, size_t limit);

/* Feeds bytes. Returns 0; ERR_TOO_LONG once a line exceeds the limit; ERR_INVALID for a NUL byte;
 * ERR_NOMEM; or what `on_line` returned. After one of the reader's own errors it stays failed, for
 * what follows can't be told apart. */
int line_reader_feed(struct line_reader *reader, const char *bytes, size_t len,
                     line_reader_fn on_line, void *context);

/* Bytes of an unfinished line that are held, 0 if none: at end of file it tells half a line. */
size_t line_reader_pending(const struct line_reader *reader);

#endif
