#include "shared/core/json_text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

/* --- Parsing ---------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* True if four hex digits follow that aren't all 0. cJSON takes a bad digit for 0, and a 0 ends
 * its string early. */
static bool is_unicode_escape(const char *text, size_t len)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    if (len < 4 || memcmp(text, "0000", 4) == 0) {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        if (text[i] == '\0' || strchr(digits, text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* Steps over a string whose opening quote is at `at`. False where it is malformed or not ended;
 * `*at` is then the offending byte. */
static bool skip_string(const char *text, size_t len, size_t *at)
{
    for (size_t i = *at + 1; i < len; i++) {
        *at = i;
        if (text[i] == '"') {
            return true;
        }
        if ((unsigned char)text[i] < 0x20) {
            return false;
        }
        if (text[i] == '\\') {
            i++;
            if (i < len && text[i] == 'u' && !is_unicode_escape(text + i + 1, len - i - 1)) {
                return false;
            }
        }
    }
    return false;
}

/* Checks what cJSON does not: depth, control characters and escapes in strings, white space.
 * The grammar itself stays its business. */
static bool scan(const char *text, size_t len, size_t *at)
{
    size_t depth = 0;
    for (*at = 0; *at < len; ++*at) {
        char c = text[*at];
        if (c == '"') {
            if (!skip_string(text, len, at)) {
                return false;
            }
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_TEXT_DEPTH_MAX) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            if (depth-- == 0) {
                return false;
            }
        } else if ((unsigned char)c < 0x20 && !is_space(c)) {
            return false;
        }
    }
    return true;
}

static size_t count_utf8(const char *text, size_t len)
{
    size_t at = 0;
    size_t step = 1;
    while (at < len && step > 0) {
        uint32_t code_point;
        step = text_decode_utf8(text + at, len - at, &code_point);
        at += step;
    }
    return at;
}

struct cJSON *json_text_parse_object_at(const char *text, size_t len, size_t *error_at)
{
    if (!scan(text, len, error_at) || len == 0) {
        return NULL;
    }
    *error_at = count_utf8(text, len);
    if (*error_at < len) {
        return NULL;
    }
    /* cJSON would skip a byte order mark; JSON has none. */
    const char *end = text;
    cJSON *json = text[0] == '\xEF' ? NULL : cJSON_ParseWithLengthOpts(text, len, &end, false);
    *error_at = (size_t)(end - text);
    while (json != NULL && *error_at < len && is_space(text[*error_at])) {
        ++*error_at;
    }
    if (!cJSON_IsObject(json) || *error_at < len) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

struct cJSON *json_text_parse_object(const char *text, size_t len)
{
    size_t error_at;
    return json_text_parse_object_at(text, len, &error_at);
}

void json_text_free(struct cJSON *json)
{
    cJSON_Delete(json);
}

/* --- Printing --------------------------------------------------------------------------------- */

/* Writes the character as \uXXXX, a surrogate pair if need be. Returns the bytes written. */
static size_t escape(uint32_t code_point, char target[13])
{
    if (code_point < 0x10000) {
        return (size_t)snprintf(target, 13, "\\u%04x", (unsigned)code_point);
    }
    code_point -= 0x10000;
    return (size_t)snprintf(target, 13, "\\u%04x\\u%04x", 0xD800 + (unsigned)(code_point >> 10),
                            0xDC00 + (unsigned)(code_point & 0x3FF));
}

/* Copies JSON text with everything but ASCII escaped: non-ASCII stands in strings only. Writes
 * nothing if `target` is NULL. Returns the length. */
static size_t to_ascii(const char *text, size_t len, char *target)
{
    size_t out = 0;
    for (size_t at = 0; at < len;) {
        uint32_t code_point = 0xFFFD;
        size_t step = text_decode_utf8(text + at, len - at, &code_point);
        char piece[13] = {text[at]};
        size_t piece_len = step == 1 && code_point != 0x7F ? 1 : escape(code_point, piece);
        if (target != NULL) {
            memcpy(target + out, piece, piece_len);
        }
        out += piece_len;
        at += step > 0 ? step : 1;
    }
    return out;
}

int json_text_print_line(const struct cJSON *json, char **line, size_t *len)
{
    char *printed = cJSON_PrintUnformatted(json);
    if (printed == NULL) {
        return ERR_NOMEM;
    }
    size_t printed_len = strlen(printed);
    size_t ascii_len = to_ascii(printed, printed_len, NULL);
    char *ascii = malloc(ascii_len + 2);
    if (ascii != NULL) {
        to_ascii(printed, printed_len, ascii);
        ascii[ascii_len] = '\n';
        ascii[ascii_len + 1] = '\0';
        *line = ascii;
        *len = ascii_len + 1;
    }
    cJSON_free(printed);
    return ascii != NULL ? 0 : ERR_NOMEM;
}

/* --- Reading members -------------------------------------------------------------------------- */

static const cJSON *get(const struct cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

bool json_text_is_absent(const struct cJSON *object, const char *key)
{
    const cJSON *member = get(object, key);
    return member == NULL || cJSON_IsNull(member);
}

int json_text_get_string(const struct cJSON *object, const char *key, bool optional, char *target,
                         size_t size)
{
    if (json_text_is_absent(object, key)) {
        if (optional) {
            target[0] = '\0';
        }
        return optional ? 0 : ERR_INVALID;
    }
    const char *value = cJSON_GetStringValue(get(object, key));
    if (value == NULL || strlen(value) >= size) {
        return ERR_INVALID;
    }
    text_copy(target, size, value);
    return 0;
}

static int64_t clamp(int64_t value)
{
    if (value > JSON_TEXT_INTEGER_MAX) {
        return JSON_TEXT_INTEGER_MAX;
    }
    return value < -JSON_TEXT_INTEGER_MAX ? -JSON_TEXT_INTEGER_MAX : value;
}

int json_text_get_integer(const struct cJSON *object, const char *key, int64_t min, int64_t max,
                          int64_t *value)
{
    const cJSON *member = get(object, key);
    if (!cJSON_IsNumber(member)) {
        return ERR_INVALID;
    }
    double number = member->valuedouble;
    if (!(number >= (double)clamp(min) && number <= (double)clamp(max))) {
        return ERR_INVALID;
    }
    int64_t whole = (int64_t)number;
    if ((double)whole != number) {
        return ERR_INVALID;
    }
    *value = whole;
    return 0;
}

int json_text_get_bool(const struct cJSON *object, const char *key, bool *value)
{
    const cJSON *member = get(object, key);
    if (!cJSON_IsBool(member)) {
        return ERR_INVALID;
    }
    *value = cJSON_IsTrue(member);
    return 0;
}

const struct cJSON *json_text_get_object(const struct cJSON *object, const char *key)
{
    const cJSON *member = get(object, key);
    return cJSON_IsObject(member) ? member : NULL;
}

const struct cJSON *json_text_get_array(const struct cJSON *object, const char *key)
{
    const cJSON *member = get(object, key);
    return cJSON_IsArray(member) ? member : NULL;
}

const struct cJSON *json_text_next_item(const struct cJSON *array, const struct cJSON *item)
{
    return item == NULL ? array->child : item->next;
}

bool json_text_is_object(const struct cJSON *item)
{
    return cJSON_IsObject(item);
}

int json_text_get_fields(const struct cJSON *object, const struct json_text_field *fields,
                         size_t count, void *target)
{
    for (size_t i = 0; i < count; i++) {
        const struct json_text_field *field = &fields[i];
        char *text = (char *)target + field->offset;
        int result = json_text_get_string(object, field->key, field->nullable, text, field->size);
        if (result != 0) {
            return result;
        }
        bool may_be_empty = field->nullable && text[0] == '\0';
        if (field->check != NULL && !may_be_empty && !field->check(text)) {
            return ERR_INVALID;
        }
    }
    return 0;
}

/* --- Adding members --------------------------------------------------------------------------- */

struct cJSON *json_text_create_object(void)
{
    return cJSON_CreateObject();
}

/* Gives `item` (NULL: memory was exhausted) to the object. Returns it, or NULL. */
static cJSON *add(struct cJSON *object, const char *key, cJSON *item)
{
    if (item == NULL) {
        return NULL;
    }
    if (!cJSON_AddItemToObjectCS(object, key, item)) {
        cJSON_Delete(item);
        return NULL;
    }
    return item;
}

static int add_or_fail(struct cJSON *object, const char *key, cJSON *item)
{
    return add(object, key, item) != NULL ? 0 : ERR_NOMEM;
}

int json_text_add_string(struct cJSON *object, const char *key, const char *value)
{
    return add_or_fail(object, key, cJSON_CreateString(value));
}

int json_text_add_string_or_null(struct cJSON *object, const char *key, const char *value)
{
    return value[0] != '\0' ? json_text_add_string(object, key, value)
                            : json_text_add_null(object, key);
}

int json_text_add_integer(struct cJSON *object, const char *key, int64_t value)
{
    /* As raw text: cJSON would print from 10^15 on with an exponent. */
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    return add_or_fail(object, key, cJSON_CreateRaw(digits));
}

int json_text_add_bool(struct cJSON *object, const char *key, bool value)
{
    return add_or_fail(object, key, cJSON_CreateBool(value));
}

int json_text_add_null(struct cJSON *object, const char *key)
{
    return add_or_fail(object, key, cJSON_CreateNull());
}

struct cJSON *json_text_add_object(struct cJSON *object, const char *key)
{
    return add(object, key, cJSON_CreateObject());
}

struct cJSON *json_text_add_array(struct cJSON *object, const char *key)
{
    return add(object, key, cJSON_CreateArray());
}

struct cJSON *json_text_append_object(struct cJSON *array)
{
    cJSON *item = cJSON_CreateObject();
    if (item != NULL && !cJSON_AddItemToArray(array, item)) {
        cJSON_Delete(item);
        return NULL;
    }
    return item;
}

int json_text_add_fields(struct cJSON *object, const struct json_text_field *fields, size_t count,
                         const void *source)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = (const char *)source + fields[i].offset;
        int result = fields[i].nullable ? json_text_add_string_or_null(object, fields[i].key, text)
                                        : json_text_add_string(object, fields[i].key, text);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}
