#include "shared/core/wire_message.h"

#include <stdlib.h>

#include "shared/core/board_json.h"
#include "shared/core/error.h"
#include "shared/core/event_body.h"
#include "shared/core/text.h"
#include "shared/core/wire_line.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum content {
    CONTENT_NONE,
    CONTENT_BOARD, /* wanted, board */
    CONTENT_ID,    /* id, and the members of the event of the same name */
    CONTENT_BYE,   /* code, message */
    CONTENT_ASK,   /* id, request */
    CONTENT_ANSWER,
};

/* Indexed by enum wire_type, as are the forms. */
static const char *const types[] = {
    [WIRE_SNAPSHOT_BEGIN] = "snapshot_begin",
    [WIRE_PRESENT] = "present",
    [WIRE_SNAPSHOT_END] = "snapshot_end",
    [WIRE_ARRIVAL] = "arrival",
    [WIRE_UPDATE] = "update",
    [WIRE_REMOVAL] = "removal",
    [WIRE_YIELDED] = "yielded",
    [WIRE_TAKEN] = "taken",
    [WIRE_RESUMED] = "resumed",
    [WIRE_ANSWER] = "answer",
    [WIRE_YIELD] = "yield",
    [WIRE_TAKE] = "take",
    [WIRE_ATTACHING] = "attaching",
    [WIRE_READY] = "ready",
    [WIRE_FAILED] = "failed",
    [WIRE_DETACHED] = "detached",
    [WIRE_BYE] = "bye",
};

static const struct form {
    enum content content;
    enum event_type event; /* of the same name; without meaning where there is none */
} forms[] = {
    [WIRE_SNAPSHOT_BEGIN] = {CONTENT_NONE, EVENT_SNAPSHOT},
    [WIRE_PRESENT] = {CONTENT_BOARD, EVENT_ARRIVAL},
    [WIRE_SNAPSHOT_END] = {CONTENT_NONE, EVENT_SNAPSHOT},
    [WIRE_ARRIVAL] = {CONTENT_BOARD, EVENT_ARRIVAL},
    [WIRE_UPDATE] = {CONTENT_BOARD, EVENT_UPDATE},
    [WIRE_REMOVAL] = {CONTENT_ID, EVENT_REMOVAL},
    [WIRE_YIELDED] = {CONTENT_ID, EVENT_YIELDED},
    [WIRE_TAKEN] = {CONTENT_ID, EVENT_TAKEN},
    [WIRE_RESUMED] = {CONTENT_NONE, EVENT_SNAPSHOT},
    [WIRE_ANSWER] = {CONTENT_ANSWER, EVENT_LINK},
    [WIRE_YIELD] = {CONTENT_ASK, EVENT_LINK},
    [WIRE_TAKE] = {CONTENT_ASK, EVENT_LINK},
    [WIRE_ATTACHING] = {CONTENT_ID, EVENT_ATTACHING},
    [WIRE_READY] = {CONTENT_ID, EVENT_READY},
    [WIRE_FAILED] = {CONTENT_ID, EVENT_FAILED},
    [WIRE_DETACHED] = {CONTENT_ID, EVENT_DETACHED},
    [WIRE_BYE] = {CONTENT_BYE, EVENT_LINK},
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

static int add_content(struct cJSON *object, const void *from)
{
    const struct wire_message *message = from;
    const struct form *form = &forms[message->type];

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

int wire_message_to_line(const struct wire_message *message, char **line, size_t *len)
{
    char *written;
    size_t written_len;
    int result =
        wire_line_write(types[message->type], add_content, message, &written, &written_len);
    if (result != 0) {
        return result;
    }
    if (written_len - 1 > WIRE_LINE_MAX) {
        free(written);
        return ERR_TOO_LONG;
    }
    *line = written;
    *len = written_len;
    return 0;
}

/* --- Reading ---------------------------------------------------------------------------------- */

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

static int get_content(const struct cJSON *object, size_t type, void *to)
{
    struct wire_message *message = to;
    const struct form *form = &forms[type];

    message->type = (enum wire_type)type;
    message->event.type = form->event;
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

int wire_message_from_line(const char *line, size_t len, struct wire_message *message)
{
    if (len > WIRE_LINE_MAX) {
        return ERR_INVALID;
    }
    struct wire_message read = {.event.retry_in_ms = -1};
    int result = wire_line_read(line, len, types, COUNT(types), get_content, &read);
    if (result == 0) {
        *message = read;
    }
    return result;
}
