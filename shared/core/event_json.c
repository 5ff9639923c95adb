#include "shared/core/event_json.h"

#include <string.h>

#include "shared/core/board_json.h"
#include "shared/core/error.h"
#include "shared/core/event_body.h"
#include "shared/core/text.h"
#include "shared/core/timestamp.h"

/* Longer than any event's name of today; one of a later version may have a longer one. */
#define TYPE_NAME_SIZE 128
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct json_text_field link_fields[] = {
    JSON_TEXT_FIELD(struct event, peer, "peer", true, text_is_plain),
    JSON_TEXT_FIELD(struct event, transport, "transport", true, text_is_code),
};

static const struct json_text_field remedy_field =
    JSON_TEXT_FIELD(struct event, remedy, "remedy", true, NULL);

static const struct json_text_field dropped_field =
    JSON_TEXT_FIELD(struct event, code, "reason", false, text_is_code);

/* --- Writing ---------------------------------------------------------------------------------- */

static int add_board(struct cJSON *object, const struct board *board)
{
    int result = board_json_add_facts(object, board);
    return result == 0 ? json_text_add_string(object, "state", board_state_to_name(board->state))
                       : result;
}

static int add_boards(struct cJSON *object, const struct board_table *boards)
{
    struct cJSON *array = json_text_add_array(object, "boards");
    int result = array != NULL ? 0 : ERR_NOMEM;
    size_t count = boards != NULL ? boards->count : 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        const struct board *board = boards->items[i];
        struct cJSON *item = json_text_append_object(array);
        result = item != NULL ? add_board(item, board) : ERR_NOMEM;
        if (result == 0) {
            result = board->state == BOARD_STATE_READY ? board_json_add_nodes(item, board)
                                                       : board_json_add_note(item, board);
        }
    }
    return result;
}

static int add_stamp(struct cJSON *object, const struct event *event)
{
    char time[TIMESTAMP_SIZE];
    timestamp_from_ms(event->stamp.time_ms, time);
    if (json_text_add_integer(object, "v", EVENT_VERSION) != 0 ||
        json_text_add_string(object, "run", event->stamp.run) != 0 ||
        json_text_add_integer(object, "seq", (int64_t)event->stamp.seq) != 0 ||
        json_text_add_string(object, "time", time) != 0 ||
        json_text_add_string(object, "event", event_type_to_name(event->type)) != 0) {
        return ERR_NOMEM;
    }
    return 0;
}

static int add_link(struct cJSON *object, const struct event *event)
{
    int result = json_text_add_string(object, "state", event->link_up ? "up" : "down");
    return result == 0 ? json_text_add_fields(object, link_fields, COUNT(link_fields), event)
                       : result;
}

static int add_snapshot(struct cJSON *object, const struct event *event)
{
    struct cJSON *link = json_text_add_object(object, "link");
    int result = link != NULL ? add_link(link, event) : ERR_NOMEM;
    return result == 0 ? add_boards(object, event->boards) : result;
}

static int add_board_event(struct cJSON *object, const struct event *event)
{
    struct cJSON *board = json_text_add_object(object, "board");
    int result = board != NULL ? add_board(board, &event->board) : ERR_NOMEM;
    if (result != 0) {
        return result;
    }
    return event->type == EVENT_NEEDS_SHARING
               ? json_text_add_fields(object, &remedy_field, 1, event)
               : event_body_add(object, event);
}

static int add_event(struct cJSON *object, const struct event *event)
{
    int result = add_stamp(object, event);
    if (result != 0) {
        return result;
    }
    switch (event->type) {
    case EVENT_SNAPSHOT:
        return add_snapshot(object, event);
    case EVENT_LINK:
        return add_link(object, event);
    case EVENT_DROPPED:
        return json_text_add_fields(object, &dropped_field, 1, event);
    default:
        return add_board_event(object, event);
    }
}

int event_json_from_event(const struct event *event, char **line, size_t *len)
{
    struct cJSON *object = json_text_create_object();
    int result = object != NULL ? add_event(object, event) : ERR_NOMEM;
    if (result == 0) {
        result = json_text_print_line(object, line, len);
    }
    json_text_free(object);
    return result;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int get_board(const struct cJSON *object, struct board *board)
{
    char state[16];
    if (board_json_get_facts(object, board) != 0 ||
        json_text_get_string(object, "state", false, state, sizeof state) != 0) {
        return ERR_INVALID;
    }
    return board_state_from_name(state, &board->state);
}

static int get_listed_board(const struct cJSON *item, struct board_table *boards)
{
    struct board board = {0};
    if (!json_text_is_object(item) || get_board(item, &board) != 0) {
        return ERR_INVALID;
    }
    int result = board.state == BOARD_STATE_READY ? board_json_get_nodes(item, &board)
                                                  : board_json_get_note(item, &board);
    if (result != 0) {
        return result;
    }
    result = board_table_put(boards, &board);
    return result == ERR_FULL ? ERR_INVALID : result;
}

static int get_boards(const struct cJSON *object, struct board_table *boards)
{
    board_table_finish(boards);
    const struct cJSON *array = json_text_get_array(object, "boards");
    if (array == NULL) {
        return ERR_INVALID;
    }
    int result = 0;
    const struct cJSON *item = json_text_next_item(array, NULL);
    for (; item != NULL && result == 0; item = json_text_next_item(array, item)) {
        result = get_listed_board(item, boards);
    }
    if (result != 0) {
        board_table_finish(boards);
    }
    return result;
}

static int get_stamp(const struct cJSON *object, struct event_stamp *stamp)
{
    char time[TIMESTAMP_SIZE];
    int64_t seq;
    if (json_text_get_string(object, "run", false, stamp->run, sizeof stamp->run) != 0 ||
        !text_is_hex(stamp->run, EVENT_RUN_SIZE - 1) ||
        json_text_get_integer(object, "seq", 1, JSON_TEXT_INTEGER_MAX, &seq) != 0 ||
        json_text_get_string(object, "time", false, time, sizeof time) != 0) {
        return ERR_INVALID;
    }
    stamp->seq = (uint64_t)seq;
    return timestamp_to_ms(time, &stamp->time_ms);
}

static int get_link(const struct cJSON *object, struct event *event)
{
    char state[8];
    if (json_text_get_string(object, "state", false, state, sizeof state) != 0 ||
        json_text_get_fields(object, link_fields, COUNT(link_fields), event) != 0) {
        return ERR_INVALID;
    }
    event->link_up = strcmp(state, "up") == 0;
    return event->link_up || strcmp(state, "down") == 0 ? 0 : ERR_INVALID;
}

/* An agent of an earlier version does not tell the link here. */
static int get_snapshot(const struct cJSON *object, struct event *event, struct board_table *boards)
{
    const struct cJSON *link = json_text_get_object(object, "link");
    int result = 0;
    if (link != NULL) {
        result = get_link(link, event);
    } else if (!json_text_is_absent(object, "link")) {
        result = ERR_INVALID;
    }
    event->boards = boards;
    return result == 0 ? get_boards(object, boards) : result;
}

static int get_board_event(const struct cJSON *object, struct event *event)
{
    const struct cJSON *board = json_text_get_object(object, "board");
    if (board == NULL || get_board(board, &event->board) != 0) {
        return ERR_INVALID;
    }
    return event->type == EVENT_NEEDS_SHARING
               ? json_text_get_fields(object, &remedy_field, 1, event)
               : event_body_get(object, event);
}

/* What a later version adds may lack whatever else a line of today has, its number too. So it is
 * told by this alone, and before the rest is looked at. */
static int get_type(const struct cJSON *object, enum event_type *type)
{
    char name[TYPE_NAME_SIZE];
    if (json_text_is_absent(object, "event") || !json_text_is_absent(object, "reply")) {
        return ERR_UNSUPPORTED; /* Among others the answer to a request. */
    }
    if (json_text_get_string(object, "event", false, name, sizeof name) != 0) {
        return ERR_INVALID;
    }
    return event_type_from_name(name, type) == 0 ? 0 : ERR_UNSUPPORTED;
}

static int get_event(const struct cJSON *object, struct event *event, struct board_table *boards)
{
    int64_t version;
    if (json_text_get_integer(object, "v", 0, INT32_MAX, &version) != 0) {
        return ERR_INVALID;
    }
    if (version != EVENT_VERSION) {
        return ERR_VERSION;
    }
    int result = get_type(object, &event->type);
    if (result != 0) {
        return result;
    }
    if (get_stamp(object, &event->stamp) != 0) {
        return ERR_INVALID;
    }
    switch (event->type) {
    case EVENT_SNAPSHOT:
        return get_snapshot(object, event, boards);
    case EVENT_LINK:
        return get_link(object, event);
    case EVENT_DROPPED:
        return json_text_get_fields(object, &dropped_field, 1, event);
    default:
        return get_board_event(object, event);
    }
}

int event_json_to_event(const char *line, size_t len, struct event *event,
                        struct board_table *boards)
{
    struct cJSON *object = json_text_parse_object(line, len);
    if (object == NULL) {
        return ERR_INVALID;
    }
    struct event read = {.retry_in_ms = -1};
    int result = get_event(object, &read, boards);
    json_text_free(object);
    if (result == 0) {
        *event = read;
    }
    return result;
}
