#include "shared/core/wire_line.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/json_text.h"

int wire_line_write(const char *type, wire_line_add_fn add, const void *message, char **line,
                    size_t *len)
{
    struct cJSON *object = json_text_create_object();
    int result = object != NULL ? json_text_add_string(object, "type", type) : ERR_NOMEM;

    if (result == 0) {
        result = add(object, message);
    }
    if (result == 0) {
        result = json_text_print_line(object, line, len);
    }
    json_text_free(object);
    return result;
}

static int find_type(const struct cJSON *object, const char *const *types, size_t count,
                     size_t *type)
{
    char name[WIRE_TYPE_SIZE];

    if (json_text_get_string(object, "type", false, name, sizeof name) != 0) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(types[i], name) == 0) {
            *type = i;
            return 0;
        }
    }
    return ERR_UNSUPPORTED;
}

int wire_line_read(const char *line, size_t len, const char *const *types, size_t count,
                   wire_line_get_fn get, void *message)
{
    struct cJSON *object = json_text_parse_object(line, len);
    size_t type;
    int result;

    if (object == NULL) {
        return ERR_INVALID;
    }
    result = find_type(object, types, count, &type);
    if (result == 0) {
        result = get(object, type, message);
    }
    json_text_free(object);
    return result;
}
