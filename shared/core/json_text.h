/* JSON helpers over cJSON for the few units of shared/core that read or write JSON: strict
 * parsing with limits, typed access that never trusts, printing in pure ASCII.
 *
 * `struct cJSON` is only named here; what json_text lacks, config and config_boards may take from
 * cJSON.h. Of members with the same name the first counts. */
#ifndef TTYFERRY_CORE_JSON_TEXT_H
#define TTYFERRY_CORE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* Nesting deeper than this is refused before cJSON recurses. */
#define JSON_TEXT_DEPTH_MAX 32

/* Whole numbers beyond +-(2^53 - 1) are not exact in JSON, and refused. */
#define JSON_TEXT_INTEGER_MAX INT64_C(9007199254740991)

/* Parses one JSON object that takes up all of the `len` bytes: valid UTF-8, no NUL (written as
 * \u0000 neither), no control character inside a string, no trailing text. Returns the tree, which
 * json_text_free releases, or NULL (also where memory is exhausted). */
struct cJSON *json_text_parse_object(const char *text, size_t len);
void json_text_free(struct cJSON *json);

/* As json_text_parse_object; on failure `*error_at` is the offset where the text went wrong. */
struct cJSON *json_text_parse_object_at(const char *text, size_t len, size_t *error_at);

/* Prints without white space, non-ASCII and DEL as \uXXXX, invalid UTF-8 as \ufffd, and appends
 * LF. `*line` is the caller's to free(). Returns 0 or ERR_NOMEM. The tree stays the caller's. */
int json_text_print_line(const struct cJSON *json, char **line, size_t *len);

/* Reads the member `key` as text into `target`. A missing or null member gives the empty text if
 * `optional`, else ERR_INVALID; one of another type, or longer than `size` - 1 bytes, ERR_INVALID.
 */
int json_text_get_string(const struct cJSON *object, const char *key, bool optional, char *target,
                         size_t size);

/* Reads the member `key` as a whole number within [min, max], else ERR_INVALID. */
int json_text_get_integer(const struct cJSON *object, const char *key, int64_t min, int64_t max,
                          int64_t *value);

/* Reads the member `key` as true or false, else ERR_INVALID. */
int json_text_get_bool(const struct cJSON *object, const char *key, bool *value);

/* True if the member `key` is missing or null. */
bool json_text_is_absent(const struct cJSON *object, const char *key);

/* The member `key` if it is an object, an array, else NULL. The tree owns it. */
const struct cJSON *json_text_get_object(const struct cJSON *object, const char *key);
const struct cJSON *json_text_get_array(const struct cJSON *object, const char *key);

/* Walks an array: the first item (`item` NULL) or the one after `item`; NULL at the end. */
const struct cJSON *json_text_next_item(const struct cJSON *array, const struct cJSON *item);

/* True if the item is an object. */
bool json_text_is_object(const struct cJSON *item);

/* An empty object, which json_text_free releases, or NULL where memory is exhausted. */
struct cJSON *json_text_create_object(void);

/* Each adds a member and returns 0 or ERR_NOMEM. Keys are static text: they aren't copied. */
int json_text_add_string(struct cJSON *object, const char *key, const char *value);
int json_text_add_string_or_null(struct cJSON *object, const char *key, const char *value);
int json_text_add_integer(struct cJSON *object, const char *key, int64_t value);
int json_text_add_bool(struct cJSON *object, const char *key, bool value);
int json_text_add_null(struct cJSON *object, const char *key);

/* Adds an empty object or array as a member, or an empty object at the end of an array. The tree
 * owns it. NULL where memory is exhausted. */
struct cJSON *json_text_add_object(struct cJSON *object, const char *key);
struct cJSON *json_text_add_array(struct cJSON *object, const char *key);
struct cJSON *json_text_append_object(struct cJSON *array);

/* A text field of a struct and its member in JSON. A table of them reads or writes them all. */
struct json_text_field {
    const char *key;
    size_t offset; /* of the char array in the struct */
    size_t size;   /* of that array */
    bool nullable; /* empty is null, and null or missing is empty */
    /* What a reader accepts of a text that isn't empty; NULL: anything. */
    bool (*check)(const char *text);
};

#define JSON_TEXT_FIELD(type, member, key, nullable, check)                                        \
    {                                                                                              \
        (key), offsetof(type, member), sizeof(((type *)0)->member), (nullable), (check)            \
    }

/* Reads `count` fields of `object` into the struct at `target`; a text that isn't nullable must
 * not be empty if it has a check. Returns 0 or ERR_INVALID; `target` may then be partly filled. */
int json_text_get_fields(const struct cJSON *object, const struct json_text_field *fields,
                         size_t count, void *target);

/* Writes `count` fields of the struct at `source`. Returns 0 or ERR_NOMEM. */
int json_text_add_fields(struct cJSON *object, const struct json_text_field *fields, size_t count,
                         const void *source);

#endif
