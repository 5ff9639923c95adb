#include "shared/core/wire_message.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/board_json.h"
#include "shared/core/error.h"
#include "shared/core/event_body.h"
#include "shared/core/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum content {
    CONTENT_NONE,
    CONTENT_BOARD, /* wanted, board */
    CONTENT_ID,    /* id, and the members of the event of the same name */
    CONTENT_BYE,   /* code, message */
    CONTENT_ASK,   /* id, request */
    CONTENT_ANSWER,
};

/* Indexed by enum wire_type. */
static const struct form {
    const char *name;
    enum content content;
    enum event_type event; /* of the same name; without meaning where there is none */
} forms[] = {
    [WIRE_SNAPSHOT_BEGIN] = {"snapshot_begin", CONTENT_NONE, EVENT_SNAPSHOT},
    [WIRE_PRESENT] = {"present", CONTENT_BOARD, EVENT_ARRIVAL},
    [WIRE_SNAPSHOT_END] = {"snapshot_end", CONTENT_NONE, EVENT_SNAPSHOT},
    [WIRE_ARRIVAL] = {"arrival", CONTENT_BOARD, EVENT_ARRIVAL},
    [WIRE_UPDATE] = {"update", CONTENT_BOARD, EVENT_UPDATE},
    [WIRE_REMOVAL] = {"removal", CONTENT_ID, EVENT_REMOVAL},
    [WIRE_YIELDED] = {"yielded", CONTENT_ID, EVENT_YIELDED},
    [WIRE_TAKEN] = {"taken", CONTENT_ID, EVENT_TAKEN},
    [WIRE_RESUMED] = {"resumed", CONTENT_NONE, EVENT_SNAPSHOT},
    [WIRE_ANSWER] = {"answer", CONTENT_ANSWER, EVENT_LINK},
    [WIRE_YIELD] = {"yield", CONTENT_ASK, EVENT_LINK},
    [WIRE_TAKE] = {"take", CONTENT_ASK, EVENT_LINK},
    [WIRE_ATTACHING] = {"attaching", CONTENT_ID, EVENT_ATTACHING},
    [WIRE_READY] = {"ready", CONTENT_ID, EVENT_READY},
    [WIRE_FAILED] = {"failed", CONTENT_ID, EVENT_FAILED},
    [WIRE_DETACHED] = {"detached", CONTENT_ID, EVENT_DETACHED},
    [WIRE_BYE] = {"bye", CONTENT_BYE, EVENT_LINK},
};

static const struct json_text_field bye_fields[] = {
    JSON_TEXT_FIELD(struct event, code, "code", false, text_is_code),
    JSON_TEXT_FIELD(struct event, message, "message", false, NULL),
};

static const struct json_text_field answer_fields[] = {
    JSON_TEXT_FIELD(struct event, code, "code", true, text_is_code),
    JSON_TEXT_FIELD(struct event, message, "message", true, NULL),
    JSON_TEXT_FIELD(struct event, remedy, "remedy", true, NULL),
};

/* --- Writing ---------------------------------------------------------------------------------- */

static const struct json_text_field board_fields[] = {
    JSON_TEXT_FIELD(struct wire_message, attached_to, "attached_to", true, text_is_plain),
};

static int add_board(struct cJSON *object, const struct wire_message *message)
{
    int result = json_text_add_bool(object, "wanted", message->wanted);
    if (result == 0) {
        result = json_text_add_fields(object, board_fields, COUNT(board_fields), message);
    }
    if (result == 0 && message->event.board.is_hidden) {
        result = json_text_add_bool(object, "hidden", true);
    }
    struct cJSON *board = result == 0 ? json_text_add_object(object, "board") : NULL;
    return board != NULL ? board_json_add_facts(board, &message->event.board) : ERR_NOMEM;
}

static int add_id(struct cJSON *object, const struct wire_message *message,
                  enum event_type event_type)
{
    struct event event = message->event;
    event.type = event_type;
    int result = board_json_add_id(object, &event.board);
    if (result == 0 && event_type == EVENT_DETACHED) {
        result = json_text_add_integer(object, "leaving_ms", event.leaving_ms);
    }
    return result == 0 ? event_body_add(object, &event) : result;
}

static int add_ask(struct cJSON *object, const struct wire_message *message)
{
    int result = board_json_add_id(object, &message->event.board);
    return result == 0 ? json_text_add_integer(object, "request", message->request) : result;
}

static int add_answer(struct cJSON *object, const struct wire_message *message)
{
    int result = json_text_add_integer(object, "request", message->request);
    return result == 0
               ? json_text_add_fields(object, answer_fields, COUNT(answer_fields), &message->event)
               : result;
}

static int add_content(struct cJSON *object, const struct form *form,
                       const struct wire_message *message)
{
    switch (form->content) {
    case CONTENT_BOARD:
        return add_board(object, message);
    case CONTENT_ID:
        return add_id(object, message, form->event);
    case CONTENT_BYE:
        return json_text_add_fields(object, bye_fields, COUNT(bye_fields), &message->event);
    case CONTENT_ASK:
        return add_ask(object, message);
    case CONTENT_ANSWER:
        return add_answer(object, message);
    case CONTENT_NONE:
        break;
    }
    return 0;
}

static int print(const struct cJSON *object, char **line, size_t *len)
{
    char *printed;
    size_t printed_len;
    int result = json_text_print_line(object, &printed, &printed_len);
    if (result != 0) {
        return result;
    }
    if (printed_len - 1 > WIRE_LINE_MAX) {
        free(printed);
        return ERR_TOO_LONG;
    }
    *line = printed;
    *len = printed_len;
    return 0;
}

int wire_message_to_line(const struct wire_message *message, char **line, size_t *len)
{
    const struct form *form = &forms[message->type];
    struct cJSON *object = json_text_create_object();
    int result = object != NULL ? json_text_add_string(object, "type", form->name) : ERR_NOMEM;
    if (result == 0) {
        result = add_content(object, form, message);
    }
    if (result == 0) {
        result = print(object, line, len);
    }
    json_text_free(object);
    return result;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static const struct form *find_form(const char *name)
{
    for (size_t i = 0; i < COUNT(forms); i++) {
        if (strcmp(forms[i].name, name) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

static int get_board(const struct cJSON *object, struct wire_message *message)
{
    const struct cJSON *board = json_text_get_object(object, "board");
    if (board == NULL || json_text_get_bool(object, "wanted", &message->wanted) != 0 ||
        json_text_get_fields(object, board_fields, COUNT(board_fields), message) != 0) {
        return ERR_INVALID;
    }
    if (!json_text_is_absent(object, "hidden") &&
        json_text_get_bool(object, "hidden", &message->event.board.is_hidden) != 0) {
        return ERR_INVALID;
    }
    return board_json_get_facts(board, &message->event.board);
}

static int get_leaving(const struct cJSON *object, struct event *event)
{
    if (json_text_is_absent(object, "leaving_ms")) {
        return 0;
    }
    return json_text_get_integer(object, "leaving_ms", 0, EVENT_LEAVING_MAX_MS, &event->leaving_ms);
}

static int get_id(const struct cJSON *object, enum event_type event_type, struct event *event)
{
    int result = board_json_get_id(object, &event->board);
    if (result == 0 && event_type == EVENT_DETACHED) {
        result = get_leaving(object, event);
    }
    return result == 0 ? event_body_get(object, event) : ERR_INVALID;
}

static int get_request(const struct cJSON *object, struct wire_message *message)
{
    return json_text_get_integer(object, "request", 1, JSON_TEXT_INTEGER_MAX, &message->request);
}

static int get_ask(const struct cJSON *object, struct wire_message *message)
{
    int result = board_json_get_id(object, &message->event.board);
    return result == 0 ? get_request(object, message) : result;
}

static int get_answer(const struct cJSON *object, struct wire_message *message)
{
    int result = json_text_get_fields(object, answer_fields, COUNT(answer_fields), &message->event);
    return result == 0 ? get_request(object, message) : result;
}

static int get_content(const struct cJSON *object, const struct form *form,
                       struct wire_message *message)
{
    switch (form->content) {
    case CONTENT_BOARD:
        return get_board(object, message);
    case CONTENT_ID:
        return get_id(object, form->event, &message->event);
    case CONTENT_BYE:
        return json_text_get_fields(object, bye_fields, COUNT(bye_fields), &message->event);
    case CONTENT_ASK:
        return get_ask(object, message);
    case CONTENT_ANSWER:
        return get_answer(object, message);
    case CONTENT_NONE:
        break;
    }
    return 0;
}

static int get_message(const struct cJSON *object, struct wire_message *message)
{
    char name[WIRE_TYPE_SIZE];
    if (json_text_get_string(object, "type", false, name, sizeof name) != 0) {
        return ERR_INVALID;
    }
    const struct form *form = find_form(name);
    if (form == NULL) {
        return ERR_UNSUPPORTED;
    }
    message->type = (enum wire_type)(form - forms);
    message->event.type = form->event;
    return get_content(object, form, message);
}

int wire_message_from_line(const char *line, size_t len, struct wire_message *message)
{
    if (len > WIRE_LINE_MAX) {
        return ERR_INVALID;
    }
    struct cJSON *object = json_text_parse_object(line, len);
    if (object == NULL) {
        return ERR_INVALID;
    }
    struct wire_message read = {.event.retry_in_ms = -1};
    int result = get_message(object, &read);
    json_text_free(object);
    if (result == 0) {
        *message = read;
    }
    return result;
}
