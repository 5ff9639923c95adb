#include "shared/cli/stream_reader.h"

#include <stdbool.h>
#include <stdlib.h>

#include "shared/core/board_view.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/text.h"

struct stream_reader {
    struct conn *conn;
    struct board_table boards;
    struct event_stamp stamp;
    bool link_up;
    char peer[EVENT_PEER_SIZE];
    char transport[EVENT_CODE_SIZE];
    bool has_snapshot;
    const struct stream_reader_callbacks *callbacks;
    void *context;
};

static void keep_link(struct stream_reader *reader, const struct event *event)
{
    reader->link_up = event->link_up;
    text_copy(reader->peer, sizeof reader->peer, event->peer);
    text_copy(reader->transport, sizeof reader->transport, event->transport);
}

/* Applies one line. Returns 0, or why the stream is of no use any more. */
static int follow(struct stream_reader *reader, const char *line, size_t len)
{
    struct event event;
    int result = event_json_to_event(line, len, &event, &reader->boards);

    if (result == ERR_UNSUPPORTED) {
        return 0;
    }
    if (result != 0) {
        return result;
    }
    if (event.type == EVENT_DROPPED) {
        return cli_stream_dropped(&event);
    }
    if (event.type == EVENT_SNAPSHOT) {
        reader->has_snapshot = true;
    } else if (!reader->has_snapshot) {
        return ERR_INVALID;
    } else {
        result = board_view_apply(&reader->boards, &event);
    }
    if (event.type == EVENT_SNAPSHOT || event.type == EVENT_LINK) {
        keep_link(reader, &event);
    }
    reader->stamp = event.stamp;
    /* A line about an unknown board, or one that says nothing new, does no harm. */
    return result == ERR_NOT_FOUND || result == ERR_EXISTS ? 0 : result;
}

/* Returns true if the line is an answer. */
static bool take_reply(struct stream_reader *reader, const char *line, size_t len)
{
    struct reply reply;

    if (!reader->callbacks->on_reply || reply_from_line(line, len, &reply) != 0) {
        return false;
    }
    reader->callbacks->on_reply(reader->context, reader, &reply);
    return true;
}

static void on_line(void *context, char *line, size_t len)
{
    struct stream_reader *reader = context;
    int result;

    if (take_reply(reader, line, len)) {
        return;
    }
    result = follow(reader, line, len);
    if (result != 0) {
        conn_close(reader->conn, result);
        return;
    }
    if (reader->has_snapshot) {
        reader->callbacks->on_change(reader->context, reader);
    }
}

static void on_conn_closed(void *context, int error)
{
    struct stream_reader *reader = context;

    reader->callbacks->on_closed(reader->context, error);
    board_table_finish(&reader->boards);
    free(reader);
}

static const struct conn_callbacks reader_conn_callbacks = {
    .on_line = on_line,
    .on_closed = on_conn_closed,
};

int stream_reader_open(uv_loop_t *loop, const char *path,
                       const struct stream_reader_callbacks *callbacks, void *context,
                       char used[CLI_STREAM_PATH_SIZE], struct stream_reader **reader)
{
    struct stream_reader *created = calloc(1, sizeof *created);
    int result;

    if (!created) {
        return ERR_NOMEM;
    }
    board_table_init(&created->boards);
    created->callbacks = callbacks;
    created->context = context;
    result = cli_stream_open(loop, path, &reader_conn_callbacks, created, used, &created->conn);
    if (result != 0) {
        free(created);
        return result;
    }
    *reader = created;
    return 0;
}

const struct board_table *stream_reader_boards(const struct stream_reader *reader)
{
    return &reader->boards;
}

void stream_reader_snapshot(const struct stream_reader *reader, struct event *snapshot)
{
    *snapshot = (struct event){.type = EVENT_SNAPSHOT,
                               .stamp = reader->stamp,
                               .boards = &reader->boards,
                               .link_up = reader->link_up};
    text_copy(snapshot->peer, sizeof snapshot->peer, reader->peer);
    text_copy(snapshot->transport, sizeof snapshot->transport, reader->transport);
}

int stream_reader_ask(struct stream_reader *reader, const struct request *request)
{
    char *line;
    size_t len;
    int result = request_to_line(request, &line, &len);

    if (result == 0) {
        result = conn_write(reader->conn, line, len);
        free(line);
    } else {
        conn_close(reader->conn, result);
    }
    return result;
}

void stream_reader_close(struct stream_reader *reader, int error)
{
    conn_close(reader->conn, error);
}
