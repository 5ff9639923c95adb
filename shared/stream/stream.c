#include "shared/stream/stream.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/board_view.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/line_log.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"
#include "shared/link/local_server.h"

/* What a stream is opened with counts as its first number. */
#define STREAM_FIRST_SEQ 1u

_Static_assert(STREAM_RESUME_MAX <= LINE_LOG_KEPT, "what may be resumed is kept");

struct stream {
    struct board_table boards;
    char run[EVENT_RUN_SIZE];
    uint64_t seq; /* of the last line, which is the server's line of that number less one */
    bool link_up;
    char peer[EVENT_PEER_SIZE];
    char transport[EVENT_CODE_SIZE];
    struct local_server *server;
    stream_request_fn on_request;
    void *request_context;
    bool closing;
    void (*on_closed)(void *context);
    void *context;
};

static int64_t now_ms(void)
{
    uv_timeval64_t now = {0};

    uv_gettimeofday(&now); /* Fails for a NULL argument only. */
    return now.tv_sec * 1000 + now.tv_usec / 1000;
}

static void stamp(const struct stream *stream, struct event *event)
{
    text_copy(event->stamp.run, sizeof event->stamp.run, stream->run);
    event->stamp.seq = stream->seq;
    event->stamp.time_ms = now_ms();
}

static int greet(void *context, char **line, size_t *len)
{
    struct stream *stream = context;
    struct event snapshot = {
        .type = EVENT_SNAPSHOT, .boards = &stream->boards, .link_up = stream->link_up};

    text_copy(snapshot.peer, sizeof snapshot.peer, stream->peer);
    text_copy(snapshot.transport, sizeof snapshot.transport, stream->transport);
    stamp(stream, &snapshot);
    return event_json_from_event(&snapshot, line, len);
}

static void send_reply(struct stream *stream, uint64_t client, struct reply *reply)
{
    char *line;
    size_t len;
    int result;

    text_copy(reply->run, sizeof reply->run, stream->run);
    reply->time_ms = now_ms();
    result = reply_to_line(reply, &line, &len);
    if (result != 0) {
        log_error("a request stays without an answer: %s", error_text(result));
        return;
    }
    local_server_answer(stream->server, client, line, len);
    free(line);
}

static void refuse(struct stream *stream, uint64_t client, const char *code, const char *message,
                   const char *remedy)
{
    struct reply reply = {.has_request = false};

    request_refuse(&reply.outcome, code, message, remedy);
    send_reply(stream, client, &reply);
}

/* The line that comes behind the one with that number. */
static uint64_t line_behind(uint64_t seq)
{
    return seq + 1 - STREAM_FIRST_SEQ;
}

/* Says why it can't be done, or leaves the outcome good. */
static void check_resume(const struct stream *stream, const struct request *request,
                         struct request_outcome *outcome)
{
    const char *remedy = "Begin from the snapshot, which says what there is now.";

    if (strcmp(request->run, stream->run) != 0) {
        request_refuse(outcome, "other_run", "that was another run of the agent", remedy);
    } else if (request->seq > stream->seq) {
        request_refuse(outcome, "not_yet", "this run has not come to that number yet", remedy);
    } else if (stream->seq - request->seq > STREAM_RESUME_MAX ||
               line_behind(request->seq) < local_server_first(stream->server)) {
        request_refuse(outcome, "too_old", "the events behind that number are no longer kept",
                       remedy);
    }
}

/* The answer goes first, so that the client knows what the lines behind it follow on. */
static void resume(struct stream *stream, uint64_t client, const struct request *request)
{
    struct reply reply = {.has_request = true, .request = *request};

    check_resume(stream, request, &reply.outcome);
    send_reply(stream, client, &reply);
    if (reply.outcome.code[0] == '\0') {
        local_server_rewind(stream->server, client, line_behind(request->seq));
    }
}

static void take_request(struct stream *stream, uint64_t client, const struct request *request)
{
    struct reply reply = {.has_request = true, .request = *request};

    if (request->type == REQUEST_RESUME) {
        resume(stream, client, request);
    } else if (stream->on_request) {
        stream->on_request(stream->request_context, client, request);
    } else {
        request_refuse(&reply.outcome, "busy", "the agent is starting", "Try again.");
        send_reply(stream, client, &reply);
    }
}

static void on_client_line(void *context, uint64_t client, char *line, size_t len)
{
    struct stream *stream = context;
    struct request request;
    int result = request_from_line(line, len, &request);

    if (stream->closing) {
        return;
    }
    if (result == 0) {
        take_request(stream, client, &request);
    } else if (result == ERR_UNSUPPORTED) {
        refuse(stream, client, "unknown_request", "this agent does not know such a request",
               "Update ttyferry on this side.");
    } else {
        refuse(stream, client, "invalid", "the line is no request",
               "Send one JSON object a line, as docs/events.md says.");
        local_server_dismiss(stream->server, client);
    }
}

static const char *const drop_reasons[] = {
    [LOCAL_SERVER_TOO_SLOW] = "too_slow",
    [LOCAL_SERVER_TOO_MANY] = "too_many",
};

/* The last line for a client. It takes no number: like the snapshot it has that of the last event
 * before it. */
static int part(void *context, enum local_server_reason reason, uint64_t next, char **line,
                size_t *len)
{
    struct stream *stream = context;
    struct event dropped = {.type = EVENT_DROPPED};

    text_copy(dropped.code, sizeof dropped.code, drop_reasons[reason]);
    stamp(stream, &dropped);
    dropped.stamp.seq = next - 1 + STREAM_FIRST_SEQ;
    return event_json_from_event(&dropped, line, len);
}

int stream_make_run(char run[EVENT_RUN_SIZE])
{
    unsigned char random[(EVENT_RUN_SIZE - 1) / 2];
    int result = link_error_from_uv(uv_random(NULL, NULL, random, sizeof random, 0, NULL));

    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(run + 2 * i, 3, "%02x", random[i]);
    }
    return 0;
}

int stream_open(uv_loop_t *loop, const char *path, const char *group, const char *run,
                struct stream **stream)
{
    struct stream *created = calloc(1, sizeof *created);
    int result;

    if (!created) {
        return ERR_NOMEM;
    }
    board_table_init(&created->boards);
    text_copy(created->run, sizeof created->run, run);
    created->seq = STREAM_FIRST_SEQ;
    result = local_server_open(loop, path, group, greet, created, &created->server);
    if (result != 0) {
        free(created);
        return result;
    }
    local_server_hear(created->server, on_client_line);
    local_server_part(created->server, part);
    *stream = created;
    return 0;
}

int stream_open_door(struct stream *stream, const char *path, const char *group)
{
    return local_server_open_door(stream->server, path, group);
}

static void send_event(struct stream *stream, struct event *event)
{
    char *line;
    size_t len;
    int result;

    stream->seq++;
    stamp(stream, event);
    result = event_json_from_event(event, &line, &len);
    if (result != 0) {
        log_error("event %llu is missing from the stream: %s", (unsigned long long)stream->seq,
                  error_text(result));
        local_server_broadcast(stream->server, "", 0); /* Its number is used up. */
        return;
    }
    local_server_broadcast(stream->server, line, len);
    free(line);
}

static void keep_link(struct stream *stream, const struct event *event)
{
    stream->link_up = event->link_up;
    text_copy(stream->peer, sizeof stream->peer, event->peer);
    text_copy(stream->transport, sizeof stream->transport, event->transport);
}

static void publish_one(struct stream *stream, const struct event *event)
{
    struct event told = *event;
    int result = board_view_apply(&stream->boards, &told);
    switch (result) {
    case 0:
        send_event(stream, &told);
        break;
    case ERR_EXISTS:
        break;
    case ERR_NOT_FOUND:
        log_debug("no board \"%s\" for the event %s", told.board.id, event_type_to_name(told.type));
        break;
    default:
        log_error("the event %s of board \"%s\" is not told: %s", event_type_to_name(told.type),
                  told.board.id, error_text(result));
        break;
    }
}

void stream_publish(struct stream *stream, const struct event *event)
{
    enum event_type missing[BOARD_VIEW_MISSING_MAX];
    size_t count;

    if (stream->closing) {
        return;
    }
    if (event->type == EVENT_LINK) {
        keep_link(stream, event);
    }
    count = board_view_missing(&stream->boards, event, missing);
    for (size_t i = 0; i < count; i++) {
        struct event before = {
            .type = missing[i], .board = event->board, .reason = REASON_LOST, .attempt = 1};

        publish_one(stream, &before);
    }
    publish_one(stream, event);
}

const struct board_table *stream_boards(const struct stream *stream)
{
    return &stream->boards;
}

void stream_hear(struct stream *stream, stream_request_fn on_request, void *context)
{
    stream->on_request = on_request;
    stream->request_context = context;
}

void stream_reply(struct stream *stream, uint64_t client, const struct request *request,
                  const struct request_outcome *outcome)
{
    struct reply reply = {.has_request = true, .request = *request, .outcome = *outcome};

    if (!stream->closing) {
        send_reply(stream, client, &reply);
    }
}

static void on_server_closed(void *context)
{
    struct stream *stream = context;

    if (stream->on_closed) {
        stream->on_closed(stream->context);
    }
    board_table_finish(&stream->boards);
    free(stream);
}

void stream_close(struct stream *stream, void (*on_closed)(void *context), void *context)
{
    if (stream->closing) {
        return;
    }
    stream->closing = true;
    stream->on_closed = on_closed;
    stream->context = context;
    local_server_close(stream->server, on_server_closed);
}
