/* The last lines that were said to many readers, numbered from 1: each reader has a place in them,
 * and what a slow one has not read yet is kept once for all of them. */
#ifndef TTYFERRY_CORE_LINE_LOG_H
#define TTYFERRY_CORE_LINE_LOG_H

#include <stddef.h>
#include <stdint.h>

/* So many lines stay though every reader has them, unless they are more than the bytes below. */
#define LINE_LOG_KEPT 1024u
/* The oldest go when there are more, needed or not. */
#define LINE_LOG_LINES_MAX 4096u
#define LINE_LOG_BYTES_MAX (8u * 1024 * 1024)

struct line_log;

/* Returns 0 or ERR_NOMEM. */
int line_log_create(struct line_log **log);
void line_log_destroy(struct line_log *log);

/* Adds a copy of the line under the next number. Returns 0; ERR_NOMEM or ERR_TOO_LONG (a line of
 * more than LINE_LOG_BYTES_MAX), and then the number is used up all the same, and nothing stands
 * under it. */
int line_log_add(struct line_log *log, const char *line, size_t len);

/* Lets go of what is neither among the last LINE_LOG_KEPT lines nor needed: `needed` is the lowest
 * number that somebody still has to get. */
void line_log_trim(struct line_log *log, uint64_t needed);

/* The number of the oldest line that is there, line_log_next if none is. */
uint64_t line_log_first(const struct line_log *log);

/* The number of the line that is added next. */
uint64_t line_log_next(const struct line_log *log);

/* The line of that number, which must lie from line_log_first to before line_log_next; valid until
 * the log changes. NULL and a `*len` of 0 for one that could not be added. */
const char *line_log_get(const struct line_log *log, uint64_t number, size_t *len);

#endif
