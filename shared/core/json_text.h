/* JSON helpers over cJSON for the few units of shared/core that read or write JSON: strict
 * parsing with limits, typed access that never trusts, printing in pure ASCII.
 *
 * `struct cJSON` is only named here; event_json, wire_message and config include cJSON.h. */
#ifndef TTYFERRY_CORE_JSON_TEXT_H
#define TTYFERRY_CORE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* Nesting deeper than this is refused before cJSON recurses. */
#define JSON_TEXT_DEPTH_MAX 32

/* Parses one JSON object that takes up all of the `len` bytes: valid UTF-8, no NUL (written as
 * \u0000 neither), no trailing text. Returns the tree, which json_text_free releases, or NULL. */
struct cJSON *json_text_parse_object(const char *text, size_t len);
void json_text_free(struct cJSON *json);

/* Prints without white space, non-ASCII and DEL as \uXXXX, and appends LF. `*line` is the
 * caller's to free(). Returns 0 or ERR_NOMEM. The tree stays the caller's. */
int json_text_print_line(const struct cJSON *json, char **line, size_t *len);

/* Reads the member `key` as text into `target`. A missing or null member gives the empty text if
 * `optional`, else ERR_INVALID; one of another type, or longer than `size` - 1 bytes, ERR_INVALID. */
int json_text_get_string(const struct cJSON *object, const char *key, bool optional, char *target,
                         size_t size);

/* Reads the member `key` as a whole number within [min, max], else ERR_INVALID. */
int json_text_get_integer(const struct cJSON *object, const char *key, int64_t min, int64_t max,
                          int64_t *value);

#endif
