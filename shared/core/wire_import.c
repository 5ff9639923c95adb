#include "shared/core/wire_import.h"

#include "shared/core/board.h"
#include "shared/core/error.h"
#include "shared/core/json_text.h"
#include "shared/core/text.h"
#include "shared/core/wire_line.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

/* Indexed by enum wire_import_type, as are the forms. */
static const char *const types[] = {
    [WIRE_IMPORT_ASK] = "import",    [WIRE_IMPORT_OPEN] = "open", [WIRE_IMPORT_DATA] = "data",
    [WIRE_IMPORT_CREDIT] = "credit", [WIRE_IMPORT_END] = "end",
};

static const struct form {
    const struct json_text_field *fields;
    size_t count;
} forms[] = {
    [WIRE_IMPORT_ASK] = {ask_fields, COUNT(ask_fields)},    [WIRE_IMPORT_OPEN] = {NULL, 0},
    [WIRE_IMPORT_DATA] = {data_fields, COUNT(data_fields)}, [WIRE_IMPORT_CREDIT] = {NULL, 0},
    [WIRE_IMPORT_END] = {end_fields, COUNT(end_fields)},
};

static int add_message(struct cJSON *object, const void *from)
{
    const struct wire_import *message = from;
    const struct form *form = &forms[message->type];
    int result = json_text_add_fields(object, import_fields, COUNT(import_fields), message);

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
    return wire_line_write(types[message->type], add_message, message, line, len);
}

static int get_message(const struct cJSON *object, size_t type, void *to)
{
    struct wire_import *message = to;
    const struct form *form = &forms[type];

    message->type = (enum wire_import_type)type;
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
    message->busid[0] = '\0';
    message->code[0] = '\0';
    message->message[0] = '\0';
    message->bytes[0] = '\0';
    message->credit = 0;
    return wire_line_read(line, len, types, COUNT(types), get_message, message);
}
