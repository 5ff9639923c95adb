#include "shared/core/board_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

bool board_json_is_path(const char *path)
{
    static const char root[] = "/dev/";
    char shown[4 * BOARD_LINK_SIZE];
    if (strncmp(path, root, sizeof root - 1) != 0 || !text_is_plain(path + sizeof root - 1)) {
        return false;
    }
    /* Paths are printed as they are: none may look like another. */
    if (strcmp(text_escape(shown, sizeof shown, path), path) != 0) {
        return false;
    }
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        if (strncmp(slash, "/..", 3) == 0 && (slash[3] == '/' || slash[3] == '\0')) {
            return false;
        }
    }
    return true;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In the order in which they are written; vid, pid, speed and kind stand between them. */
static const struct json_text_field name_fields[] = {
    JSON_TEXT_FIELD(struct board, id, "id", false, text_is_plain),
    JSON_TEXT_FIELD(struct board, name, "name", true, board_name_is_valid),
};

static const struct json_text_field fact_fields[] = {
    JSON_TEXT_FIELD(struct board, serial, "serial", true, NULL),
    JSON_TEXT_FIELD(struct board, description, "description", false, NULL),
    JSON_TEXT_FIELD(struct board, com_port, "com_port", true, text_is_plain),
    JSON_TEXT_FIELD(struct board, busid, "busid", true, board_busid_is_valid),
};

static const struct json_text_field tty_fields[] = {
    JSON_TEXT_FIELD(struct board_tty, path, "path", false, board_json_is_path),
    JSON_TEXT_FIELD(struct board_tty, by_id, "by_id", true, board_json_is_path),
    JSON_TEXT_FIELD(struct board_tty, link, "link", true, board_json_is_path),
};

/* Came later than the others: only written if there is one. */
static const struct json_text_field by_path_field =
    JSON_TEXT_FIELD(struct board_tty, by_path, "by_path", true, board_json_is_path);

static const struct json_text_field node_field =
    JSON_TEXT_FIELD(struct board, usb_node, "usb_node", true, board_json_is_path);

static int add_hex(struct cJSON *object, const char *key, uint16_t value)
{
    char digits[5];
    snprintf(digits, sizeof digits, "%04x", (unsigned)value);
    return json_text_add_string(object, key, digits);
}

static int get_hex(const struct cJSON *object, const char *key, uint16_t *value)
{
    char digits[5];
    int result = json_text_get_string(object, key, false, digits, sizeof digits);
    if (result != 0 || !text_is_hex(digits, 4)) {
        return ERR_INVALID;
    }
    *value = (uint16_t)strtoul(digits, NULL, 16);
    return 0;
}

int board_json_add_facts(struct cJSON *object, const struct board *board)
{
    if (json_text_add_fields(object, name_fields, COUNT(name_fields), board) != 0 ||
        add_hex(object, "vid", board->vid) != 0 || add_hex(object, "pid", board->pid) != 0 ||
        json_text_add_fields(object, fact_fields, COUNT(fact_fields), board) != 0 ||
        json_text_add_string(object, "speed", board_speed_to_name(board->speed)) != 0 ||
        json_text_add_string(object, "kind", board_kind_to_name(board->kind)) != 0) {
        return ERR_NOMEM;
    }
    return 0;
}

/* Later versions may know more of both. */
static int get_speed_and_kind(const struct cJSON *object, struct board *board)
{
    char speed[BOARD_CODE_SIZE];
    char kind[BOARD_CODE_SIZE];
    if (json_text_get_string(object, "speed", false, speed, sizeof speed) != 0 ||
        json_text_get_string(object, "kind", false, kind, sizeof kind) != 0 ||
        !text_is_code(speed) || !text_is_code(kind)) {
        return ERR_INVALID;
    }
    if (board_speed_from_name(speed, &board->speed) != 0) {
        board->speed = BOARD_SPEED_UNKNOWN;
    }
    if (board_kind_from_name(kind, &board->kind) != 0) {
        board->kind = BOARD_KIND_OTHER;
    }
    return 0;
}

int board_json_get_facts(const struct cJSON *object, struct board *board)
{
    if (json_text_get_fields(object, name_fields, COUNT(name_fields), board) != 0 ||
        get_hex(object, "vid", &board->vid) != 0 || get_hex(object, "pid", &board->pid) != 0 ||
        json_text_get_fields(object, fact_fields, COUNT(fact_fields), board) != 0 ||
        get_speed_and_kind(object, board) != 0) {
        return ERR_INVALID;
    }
    return 0;
}

int board_json_add_id(struct cJSON *object, const struct board *board)
{
    return json_text_add_fields(object, name_fields, 1, board);
}

int board_json_get_id(const struct cJSON *object, struct board *board)
{
    return json_text_get_fields(object, name_fields, 1, board);
}

int board_json_add_nodes(struct cJSON *object, const struct board *board)
{
    struct cJSON *ttys = json_text_add_array(object, "ttys");
    if (ttys == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < board->ttys.count; i++) {
        const struct board_tty *tty = &board->ttys.items[i];
        struct cJSON *item = json_text_append_object(ttys);
        if (item == NULL || json_text_add_fields(item, tty_fields, COUNT(tty_fields), tty) != 0 ||
            json_text_add_integer(item, "interface", tty->interface) != 0 ||
            (tty->by_path[0] != '\0' && json_text_add_fields(item, &by_path_field, 1, tty) != 0)) {
            return ERR_NOMEM;
        }
    }
    return json_text_add_fields(object, &node_field, 1, board);
}

static int get_tty(const struct cJSON *item, struct board_tty *tty)
{
    int64_t interface;
    if (!json_text_is_object(item) ||
        json_text_get_fields(item, tty_fields, COUNT(tty_fields), tty) != 0 ||
        json_text_get_fields(item, &by_path_field, 1, tty) != 0 ||
        json_text_get_integer(item, "interface", 0, UINT8_MAX, &interface) != 0) {
        return ERR_INVALID;
    }
    tty->interface = (int)interface;
    return 0;
}

int board_json_get_nodes(const struct cJSON *object, struct board *board)
{
    const struct cJSON *ttys = json_text_get_array(object, "ttys");
    if (ttys == NULL) {
        return ERR_INVALID;
    }
    board->ttys.count = 0;
    const struct cJSON *item = json_text_next_item(ttys, NULL);
    for (; item != NULL; item = json_text_next_item(ttys, item)) {
        if (board->ttys.count == BOARD_TTYS_MAX ||
            get_tty(item, &board->ttys.items[board->ttys.count]) != 0) {
            return ERR_INVALID;
        }
        board->ttys.count++;
    }
    return json_text_get_fields(object, &node_field, 1, board);
}

static const struct json_text_field failed_fields[] = {
    JSON_TEXT_FIELD(struct board, note.code, "code", true, text_is_code),
    JSON_TEXT_FIELD(struct board, note.message, "message", true, NULL),
    JSON_TEXT_FIELD(struct board, note.remedy, "remedy", true, NULL),
};

static const struct json_text_field remedy_fields[] = {
    JSON_TEXT_FIELD(struct board, note.remedy, "remedy", true, NULL),
};

static const struct json_text_field until_fields[] = {
    JSON_TEXT_FIELD(struct board, note.until, "until", true, text_is_plain),
};

static const struct note_form {
    enum board_state state;
    const struct json_text_field *fields;
    size_t count;
} note_forms[] = {
    {BOARD_STATE_FAILED, failed_fields, COUNT(failed_fields)},
    {BOARD_STATE_NEEDS_SHARING, remedy_fields, COUNT(remedy_fields)},
    {BOARD_STATE_YIELDED, until_fields, COUNT(until_fields)},
};

static const struct note_form *find_note_form(enum board_state state)
{
    for (size_t i = 0; i < COUNT(note_forms); i++) {
        if (note_forms[i].state == state) {
            return &note_forms[i];
        }
    }
    return NULL;
}

int board_json_add_note(struct cJSON *object, const struct board *board)
{
    const struct note_form *form = find_note_form(board->state);
    return form != NULL ? json_text_add_fields(object, form->fields, form->count, board) : 0;
}

int board_json_get_note(const struct cJSON *object, struct board *board)
{
    const struct note_form *form = find_note_form(board->state);
    return form != NULL ? json_text_get_fields(object, form->fields, form->count, board) : 0;
}
