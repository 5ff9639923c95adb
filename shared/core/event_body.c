#include "shared/core/event_body.h"

#include "shared/core/board_json.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct json_text_field failed_fields[] = {
    JSON_TEXT_FIELD(struct event, code, "code", false, text_is_code),
    JSON_TEXT_FIELD(struct event, message, "message", false, NULL),
    JSON_TEXT_FIELD(struct event, remedy, "remedy", true, NULL),
};

static const struct took_field {
    const char *key;
    size_t offset;
} took_fields[] = {
    {"import", offsetof(struct event_took, import_ms)},
    {"enumerate", offsetof(struct event_took, enumerate_ms)},
    {"node", offsetof(struct event_took, node_ms)},
    {"total", offsetof(struct event_took, total_ms)},
};

static int add_attaching(struct cJSON *object, const struct event *event)
{
    return json_text_add_integer(object, "attempt", event->attempt);
}

static int get_attaching(const struct cJSON *object, struct event *event)
{
    int64_t attempt;
    int result = json_text_get_integer(object, "attempt", 1, INT32_MAX, &attempt);
    if (result == 0) {
        event->attempt = (unsigned)attempt;
    }
    return result;
}

static int add_ready(struct cJSON *object, const struct event *event)
{
    int result = board_json_add_nodes(object, &event->board);
    struct cJSON *took = result == 0 ? json_text_add_object(object, "took_ms") : NULL;
    if (took == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < COUNT(took_fields) && result == 0; i++) {
        const char *field = (const char *)&event->took + took_fields[i].offset;
        result = json_text_add_integer(took, took_fields[i].key, *(const int64_t *)field);
    }
    return result;
}

static int get_ready(const struct cJSON *object, struct event *event)
{
    int result = board_json_get_nodes(object, &event->board);
    const struct cJSON *took = json_text_get_object(object, "took_ms");
    if (result != 0 || took == NULL) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < COUNT(took_fields) && result == 0; i++) {
        char *field = (char *)&event->took + took_fields[i].offset;
        result = json_text_get_integer(took, took_fields[i].key, 0, JSON_TEXT_INTEGER_MAX,
                                       (int64_t *)field);
    }
    return result;
}

static int add_failed(struct cJSON *object, const struct event *event)
{
    int result = json_text_add_fields(object, failed_fields, COUNT(failed_fields), event);
    if (result != 0) {
        return result;
    }
    return event->retry_in_ms < 0
               ? json_text_add_null(object, "retry_in_ms")
               : json_text_add_integer(object, "retry_in_ms", event->retry_in_ms);
}

static int get_failed(const struct cJSON *object, struct event *event)
{
    int result = json_text_get_fields(object, failed_fields, COUNT(failed_fields), event);
    if (result != 0) {
        return result;
    }
    if (json_text_is_absent(object, "retry_in_ms")) {
        event->retry_in_ms = -1;
        return 0;
    }
    return json_text_get_integer(object, "retry_in_ms", 0, EVENT_RETRY_MAX_MS, &event->retry_in_ms);
}

static int add_detached(struct cJSON *object, const struct event *event)
{
    return json_text_add_string(object, "reason", event_reason_to_name(event->reason));
}

static int get_detached(const struct cJSON *object, struct event *event)
{
    char reason[EVENT_CODE_SIZE];
    int result = json_text_get_string(object, "reason", false, reason, sizeof reason);
    if (result != 0 || !text_is_code(reason)) {
        return ERR_INVALID;
    }
    if (event_reason_from_name(reason, &event->reason) != 0) {
        event->reason = REASON_LOST; /* One of a later version. */
    }
    return 0;
}

static const struct json_text_field until_field =
    JSON_TEXT_FIELD(struct event, until, "until", true, text_is_plain);

static int add_until(struct cJSON *object, const struct event *event)
{
    return json_text_add_fields(object, &until_field, 1, event);
}

static int get_until(const struct cJSON *object, struct event *event)
{
    return json_text_get_fields(object, &until_field, 1, event);
}

static const struct body {
    enum event_type type;
    int (*add)(struct cJSON *object, const struct event *event);
    int (*get)(const struct cJSON *object, struct event *event);
} bodies[] = {
    {EVENT_ATTACHING, add_attaching, get_attaching}, {EVENT_READY, add_ready, get_ready},
    {EVENT_FAILED, add_failed, get_failed},          {EVENT_DETACHED, add_detached, get_detached},
    {EVENT_YIELDED, add_until, get_until},           {EVENT_TAKEN, add_until, get_until},
};

static const struct body *find_body(enum event_type type)
{
    for (size_t i = 0; i < COUNT(bodies); i++) {
        if (bodies[i].type == type) {
            return &bodies[i];
        }
    }
    return NULL;
}

int event_body_add(struct cJSON *object, const struct event *event)
{
    const struct body *body = find_body(event->type);
    return body != NULL ? body->add(object, event) : 0;
}

int event_body_get(const struct cJSON *object, struct event *event)
{
    const struct body *body = find_body(event->type);
    return body != NULL ? body->get(object, event) : 0;
}
