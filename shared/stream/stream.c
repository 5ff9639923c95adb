#include "shared/stream/stream.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"
#include "shared/link/local_server.h"
#include "shared/stream/board_view.h"

/* What a stream is opened with counts as its first number. */
#define STREAM_FIRST_SEQ 1u

struct stream {
    struct board_table boards;
    char run[EVENT_RUN_SIZE];
    uint64_t seq; /* of the last line */
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
    *stream = created;
    return 0;
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

static void on_client_line(void *context, uint64_t client, char *line, size_t len)
{
    struct stream *stream = context;
    struct request request;
    int result = request_from_line(line, len, &request);

    if (stream->closing) {
        return;
    }
    if (result == 0) {
        stream->on_request(stream->request_context, client, &request);
    } else if (result == ERR_UNSUPPORTED) {
        refuse(stream, client, "unknown_request", "this agent does not know such a request",
               "Update ttyferry on this side.");
    } else {
        refuse(stream, client, "invalid", "the line is no request",
               "Send one JSON object a line, as docs/events.md says.");
        local_server_dismiss(stream->server, client);
    }
}

void stream_hear(struct stream *stream, stream_request_fn on_request, void *context)
{
    stream->on_request = on_request;
    stream->request_context = context;
    local_server_hear(stream->server, on_client_line);
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
