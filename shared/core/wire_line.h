/* What every line of the link is: one JSON object, whose `type` says what else stands in it. */
#ifndef TTYFERRY_CORE_WIRE_LINE_H
#define TTYFERRY_CORE_WIRE_LINE_H

#include <stddef.h>

/* Longest name of a type, of this version or a later one, terminator included. */
#define WIRE_TYPE_SIZE 32

struct cJSON;

/* Adds what stands behind the type. Returns 0 or ERR_NOMEM. */
typedef int (*wire_line_add_fn)(struct cJSON *object, const void *message);

/* Gets what stands behind the type, whose index is `type`. Returns 0 or an error of its own. */
typedef int (*wire_line_get_fn)(const struct cJSON *object, size_t type, void *message);

/* Writes a line with its LF; `*line` is the caller's to free(). Returns 0 or what `add` returned,
 * or ERR_NOMEM. */
int wire_line_write(const char *type, wire_line_add_fn add, const void *message, char **line,
                    size_t *len);

/* Reads a line whose type is one of `count` names. Returns what `get` returned; ERR_UNSUPPORTED for
 * another type; ERR_INVALID for a line that is no object or has no type (also where memory is
 * exhausted while parsing). */
int wire_line_read(const char *line, size_t len, const char *const *types, size_t count,
                   wire_line_get_fn get, void *message);

#endif
