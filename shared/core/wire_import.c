#include "shared/core/wire_import.h"

#include <string.h>

#include "shared/core/board.h"
#include "shared/core/error.h"
#include "shared/core/json_text.h"
#include "shared/core/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TYPE_SIZE 32

static bool is_import(const char *text)
{
    return text_is_hex(text, WIRE_IMPORT_SIZE - 1);
}

static const struct json_text_field import_fields[] = {
    JSON_TEXT_FIELD(struct wire_import, import, "import", false, is_import),
};

static const struct json_text_field ask_fields[] = {
    JSON_TEXT_FIELD(struct wire_import, busid, "busid", false, board_busid_is_valid),
};

/* The check is for the emptiness. */
static bool is_something(const char *text)
{
    return text[0] != '\0';
}

static const struct json_text_field data_fields[] = {
    JSON_TEXT_FIELD(struct wire_import, bytes, "bytes", false, is_something),
};

static const struct json_text_field end_fields[] = {
    JSON_TEXT_FIELD(struct wire_import, code, "code", true, text_is_code),
    JSON_TEXT_FIELD(struct wire_import, message, "message", true, NULL),
};

/* Indexed by enum wire_import_type. */
static const struct form {
    const char *name;
    const struct json_text_field *fields;
    size_t count;
} forms[] = {
    [WIRE_IMPORT_ASK] = {"import", ask_fields, COUNT(ask_fields)},
    [WIRE_IMPORT_OPEN] = {"open", NULL, 0},
    [WIRE_IMPORT_DATA] = {"data", data_fields, COUNT(data_fields)},
    [WIRE_IMPORT_CREDIT] = {"credit", NULL, 0},
    [WIRE_IMPORT_END] = {"end", end_fields, COUNT(end_fields)},
};

static int add_message(struct cJSON *object, const struct wire_import *message)
{
    const struct form *form = &forms[message->type];
    int result = json_text_add_string(object, "type", form->name);

    if (result == 0) {
        result = json_text_add_fields(object, import_fields, COUNT(import_fields), message);
    }
    if (result == 0 && message->type == WIRE_IMPORT_CREDIT) {
        result = json_text_add_integer(object, "bytes", message->credit);
    }
    if (result == 0) {
        result = json_text_add_fields(object, form->fields, form->count, message);
    }
    return result;
}

int wire_import_to_line(const struct wire_import *message, char **line, size_t *len)
{
    struct cJSON *object = json_text_create_object();
    int result = object != NULL ? add_message(object, message) : ERR_NOMEM;

    if (result == 0) {
        result = json_text_print_line(object, line, len);
    }
    json_text_free(object);
    return result;
}

static const struct form *find_form(const char *name)
{
    for (size_t i = 0; i < COUNT(forms); i++) {
        if (strcmp(forms[i].name, name) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

static int get_message(const struct cJSON *object, struct wire_import *message)
{
    const struct form *form;
    char name[TYPE_SIZE];

    if (json_text_get_string(object, "type", false, name, sizeof name) != 0) {
        return ERR_INVALID;
    }
    form = find_form(name);
    if (form == NULL) {
        return ERR_UNSUPPORTED;
    }
    message->type = (enum wire_import_type)(form - forms);
    if (message->type == WIRE_IMPORT_CREDIT &&
        json_text_get_integer(object, "bytes", 1, WIRE_IMPORT_WINDOW, &message->credit) != 0) {
        return ERR_INVALID;
    }
    if (json_text_get_fields(object, import_fields, COUNT(import_fields), message) != 0) {
        return ERR_INVALID;
    }
    return json_text_get_fields(object, form->fields, form->count, message);
}

int wire_import_from_line(const char *line, size_t len, struct wire_import *message)
{
    struct cJSON *object = json_text_parse_object(line, len);
    int result;

    if (object == NULL) {
        return ERR_INVALID;
    }
    message->busid[0] = '\0';
    message->code[0] = '\0';
    message->message[0] = '\0';
    message->bytes[0] = '\0';
    message->credit = 0;
    result = get_message(object, message);
    json_text_free(object);
    return result;
}
