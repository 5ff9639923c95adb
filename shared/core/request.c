#include "shared/core/request.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/json_text.h"
#include "shared/core/text.h"
#include "shared/core/timestamp.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TYPE_SIZE 32

static const char *const type_names[] = {
    [REQUEST_YIELD] = "yield",
    [REQUEST_TAKE] = "take",
    [REQUEST_KICK] = "kick",
    [REQUEST_RESUME] = "resume",
};

static const struct json_text_field id_field =
    JSON_TEXT_FIELD(struct request, id, "id", true, text_is_plain);

static const struct json_text_field board_field =
    JSON_TEXT_FIELD(struct request, board, "board", false, text_is_plain);

static const struct json_text_field run_field =
    JSON_TEXT_FIELD(struct request, run, "run", false, NULL);

static const struct json_text_field outcome_fields[] = {
    JSON_TEXT_FIELD(struct request_outcome, code, "code", true, text_is_code),
    JSON_TEXT_FIELD(struct request_outcome, message, "message", true, NULL),
    JSON_TEXT_FIELD(struct request_outcome, remedy, "remedy", true, NULL),
};

void request_refuse(struct request_outcome *outcome, const char *code, const char *message,
                    const char *remedy)
{
    text_copy(outcome->code, sizeof outcome->code, code);
    text_copy(outcome->message, sizeof outcome->message, message);
    text_copy(outcome->remedy, sizeof outcome->remedy, remedy != NULL ? remedy : "");
}

/* --- What each type has besides its name and id ------------------------------------------------
 */

static int add_board(struct cJSON *object, const struct request *request)
{
    return json_text_add_fields(object, &board_field, 1, request);
}

static int get_board(const struct cJSON *object, struct request *request)
{
    return json_text_get_fields(object, &board_field, 1, request);
}

static int add_place(struct cJSON *object, const struct request *request)
{
    int result = json_text_add_fields(object, &run_field, 1, request);
    return result == 0 ? json_text_add_integer(object, "seq", (int64_t)request->seq) : result;
}

static int get_place(const struct cJSON *object, struct request *request)
{
    int64_t seq;
    if (json_text_get_fields(object, &run_field, 1, request) != 0 ||
        !text_is_hex(request->run, EVENT_RUN_SIZE - 1) ||
        json_text_get_integer(object, "seq", 1, JSON_TEXT_INTEGER_MAX, &seq) != 0) {
        return ERR_INVALID;
    }
    request->seq = (uint64_t)seq;
    return 0;
}

static int add_nothing(struct cJSON *object, const struct request *request)
{
    (void)object;
    (void)request;
    return 0;
}

static int get_nothing(const struct cJSON *object, struct request *request)
{
    (void)object;
    (void)request;
    return 0;
}

static const struct body {
    int (*add)(struct cJSON *object, const struct request *request);
    int (*get)(const struct cJSON *object, struct request *request);
} bodies[] = {
    [REQUEST_YIELD] = {add_board, get_board},
    [REQUEST_TAKE] = {add_board, get_board},
    [REQUEST_KICK] = {add_nothing, get_nothing},
    [REQUEST_RESUME] = {add_place, get_place},
};

/* --- Writing ---------------------------------------------------------------------------------- */

static int add_request(struct cJSON *object, const struct request *request)
{
    int result = json_text_add_string(object, "request", type_names[request->type]);
    if (result == 0) {
        result = json_text_add_fields(object, &id_field, 1, request);
    }
    return result == 0 ? bodies[request->type].add(object, request) : result;
}

static int add_reply(struct cJSON *object, const struct reply *reply)
{
    const char *type = reply->has_request ? type_names[reply->request.type] : "";
    char time[TIMESTAMP_SIZE];
    timestamp_from_ms(reply->time_ms, time);
    if (json_text_add_integer(object, "v", EVENT_VERSION) != 0 ||
        json_text_add_string(object, "run", reply->run) != 0 ||
        json_text_add_string(object, "time", time) != 0 ||
        json_text_add_string_or_null(object, "reply", type) != 0 ||
        json_text_add_fields(object, &id_field, 1, &reply->request) != 0 ||
        json_text_add_bool(object, "ok", reply->outcome.code[0] == '\0') != 0 ||
        json_text_add_fields(object, outcome_fields, COUNT(outcome_fields), &reply->outcome) != 0) {
        return ERR_NOMEM;
    }
    return 0;
}

static int print(struct cJSON *object, int result, char **line, size_t *len)
{
    if (result == 0) {
        result = json_text_print_line(object, line, len);
    }
    json_text_free(object);
    return result;
}

int request_to_line(const struct request *request, char **line, size_t *len)
{
    struct cJSON *object = json_text_create_object();
    return print(object, object != NULL ? add_request(object, request) : ERR_NOMEM, line, len);
}

int reply_to_line(const struct reply *reply, char **line, size_t *len)
{
    struct cJSON *object = json_text_create_object();
    return print(object, object != NULL ? add_reply(object, reply) : ERR_NOMEM, line, len);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int get_type(const char *name, enum request_type *type)
{
    for (size_t i = 0; i < COUNT(type_names); i++) {
        if (strcmp(type_names[i], name) == 0) {
            *type = (enum request_type)i;
            return 0;
        }
    }
    return ERR_UNSUPPORTED;
}

static int get_request(const struct cJSON *object, struct request *request)
{
    char type[TYPE_SIZE];
    int result;
    if (json_text_get_string(object, "request", false, type, sizeof type) != 0 ||
        json_text_get_fields(object, &id_field, 1, request) != 0) {
        return ERR_INVALID;
    }
    result = get_type(type, &request->type);
    return result == 0 ? bodies[request->type].get(object, request) : result;
}

static int get_stamp(const struct cJSON *object, struct reply *reply)
{
    char time[TIMESTAMP_SIZE];
    if (json_text_get_string(object, "run", false, reply->run, sizeof reply->run) != 0 ||
        !text_is_hex(reply->run, EVENT_RUN_SIZE - 1) ||
        json_text_get_string(object, "time", false, time, sizeof time) != 0) {
        return ERR_INVALID;
    }
    return timestamp_to_ms(time, &reply->time_ms);
}

static int get_outcome(const struct cJSON *object, struct request_outcome *outcome)
{
    bool is_done;
    if (json_text_get_bool(object, "ok", &is_done) != 0 ||
        json_text_get_fields(object, outcome_fields, COUNT(outcome_fields), outcome) != 0) {
        return ERR_INVALID;
    }
    return is_done == (outcome->code[0] == '\0') ? 0 : ERR_INVALID;
}

static int get_reply(const struct cJSON *object, struct reply *reply)
{
    int64_t version;
    char type[TYPE_SIZE];
    if (json_text_get_integer(object, "v", 0, INT32_MAX, &version) != 0) {
        return ERR_INVALID;
    }
    if (version != EVENT_VERSION) {
        return ERR_VERSION;
    }
    if (!json_text_is_absent(object, "event")) {
        return ERR_UNSUPPORTED;
    }
    if (json_text_get_string(object, "reply", true, type, sizeof type) != 0 ||
        json_text_get_fields(object, &id_field, 1, &reply->request) != 0 ||
        get_stamp(object, reply) != 0) {
        return ERR_INVALID;
    }
    reply->has_request = type[0] != '\0';
    if (reply->has_request && get_type(type, &reply->request.type) != 0) {
        return ERR_UNSUPPORTED;
    }
    return get_outcome(object, &reply->outcome);
}

int request_from_line(const char *line, size_t len, struct request *request)
{
    struct cJSON *object = len <= REQUEST_LINE_MAX ? json_text_parse_object(line, len) : NULL;
    struct request read = {.id = ""};
    int result = object != NULL ? get_request(object, &read) : ERR_INVALID;
    json_text_free(object);
    if (result == 0) {
        *request = read;
    }
    return result;
}

/* Digits alone, within what JSON can say exactly. */
static int read_seq(const char *text, uint64_t *seq)
{
    uint64_t value = 0;
    if (*text == '\0') {
        return ERR_INVALID;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return ERR_INVALID;
        }
        value = 10 * value + (uint64_t)(*text - '0');
        if (value > (uint64_t)JSON_TEXT_INTEGER_MAX) {
            return ERR_INVALID;
        }
    }
    *seq = value;
    return value > 0 ? 0 : ERR_INVALID;
}

int request_resume_from_text(const char *text, const char *id, struct request *request)
{
    struct request read = {.type = REQUEST_RESUME};
    const char *colon = strchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) != EVENT_RUN_SIZE - 1 ||
        read_seq(colon + 1, &read.seq) != 0) {
        return ERR_INVALID;
    }
    memcpy(read.run, text, EVENT_RUN_SIZE - 1);
    if (!text_is_hex(read.run, EVENT_RUN_SIZE - 1) || text_copy(read.id, sizeof read.id, id) != 0) {
        return ERR_INVALID;
    }
    *request = read;
    return 0;
}

int reply_from_line(const char *line, size_t len, struct reply *reply)
{
    struct cJSON *object = json_text_parse_object(line, len);
    struct reply read = {.time_ms = 0};
    int result = object != NULL ? get_reply(object, &read) : ERR_INVALID;
    json_text_free(object);
    if (result == 0) {
        *reply = read;
    }
    return result;
}
