#include "tests/link/served.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/link/local_client.h"

static void on_line(void *context, char *line, size_t len)
{
    struct follower *follower = context;
    const char *type;

    for (size_t i = 0; i < len; i++) {
        assert_true(line[i] >= ' ' && line[i] <= '~');
    }
    assert_int_equal(event_json_to_event(line, len, &follower->last, &follower->boards), 0);
    assert_string_equal(follower->last.stamp.run, SERVED_RUN);
    if (follower->count == 0) {
        assert_true(follower->expects_any || follower->last.type == EVENT_SNAPSHOT);
        follower->snapshot_seq = follower->last.stamp.seq;
    } else {
        assert_int_equal(follower->last.stamp.seq, follower->snapshot_seq + follower->count);
    }
    type = event_type_to_name(follower->last.type);
    if (strlen(follower->types) + strlen(type) + 2 < sizeof follower->types) {
        strcat(strcat(follower->types, type), " ");
    }
    follower->count++;
}

static void on_conn_closed(void *context, int error)
{
    struct follower *follower = context;

    (void)error;
    follower->closed = true;
}

static const struct conn_callbacks callbacks = {.on_line = on_line, .on_closed = on_conn_closed};
static const struct conn_limits limits = {.line_max = EVENT_JSON_LINE_MAX, .write_max = 64};

void served_open(struct served *served, struct rig *rig)
{
    memset(served, 0, sizeof *served);
    served->rig = rig;
    rig_make_path(served->path);
    assert_int_equal(stream_open(&rig->loop, served->path, NULL, SERVED_RUN, &served->stream), 0);
}

void served_on_closed(void *context)
{
    struct served *served = context;

    served->closed = true;
    served->closed_count++;
}

void served_close(struct served *served)
{
    stream_close(served->stream, served_on_closed, served);
    stream_close(served->stream, NULL, NULL);
    rig_run_until(served->rig, &served->closed);
    rig_turn(served->rig);
    assert_int_equal(served->closed_count, 1);
}

static void subscribe(struct served *served, struct follower *follower)
{
    board_table_init(&follower->boards);
    follower->rig = served->rig;
    assert_int_equal(local_client_open(&served->rig->loop, served->path, &limits, &callbacks,
                                       follower, &follower->conn),
                     0);
}

void served_follow(struct served *served, struct follower *follower)
{
    memset(follower, 0, sizeof *follower);
    subscribe(served, follower);
    rig_run_until_count(served->rig, &follower->count, 1);
}

void served_follow_anything(struct served *served, struct follower *follower)
{
    memset(follower, 0, sizeof *follower);
    follower->expects_any = true;
    subscribe(served, follower);
}

void served_unfollow(struct follower *follower)
{
    conn_close(follower->conn, ERR_CANCELLED);
    rig_run_until(follower->rig, &follower->closed);
    board_table_finish(&follower->boards);
}

void served_expect_types(struct follower *follower, size_t count, const char *types)
{
    rig_run_until_count(follower->rig, &follower->count, count);
    assert_string_equal(follower->types, types);
}

struct event served_make_event(enum event_type type, const char *id)
{
    struct event event = {.type = type, .retry_in_ms = -1, .attempt = 1};

    strcpy(event.board.id, id);
    strcpy(event.board.busid, "3-1");
    event.board.vid = 0x1a86;
    event.board.pid = 0x7523;
    event.board.state = BOARD_STATE_WAITING;
    strcpy(event.code, "busy");
    strcpy(event.message, "in use");
    return event;
}

void served_publish(struct served *served, enum event_type type)
{
    struct event event = served_make_event(type, SERVED_ID);

    stream_publish(served->stream, &event);
}

void served_publish_ready(struct served *served, const char *tty)
{
    struct event event = served_make_event(EVENT_READY, SERVED_ID);

    event.board.ttys.count = 1;
    strcpy(event.board.ttys.items[0].path, tty);
    stream_publish(served->stream, &event);
}

void served_fill(char *text, size_t size)
{
    memset(text, '\x01', size - 1); /* Six bytes each in JSON. */
    text[size - 1] = '\0';
}

struct event served_make_largest(unsigned number)
{
    struct event event = served_make_event(EVENT_ARRIVAL, SERVED_ID);

    memset(event.board.id, '"', sizeof event.board.id - 1);
    snprintf(event.board.id + sizeof event.board.id - 4, 4, "%03u", number);
    served_fill(event.board.serial, sizeof event.board.serial);
    served_fill(event.board.description, sizeof event.board.description);
    event.board.state = BOARD_STATE_READY;
    event.board.ttys.count = BOARD_TTYS_MAX;
    for (size_t i = 0; i < BOARD_TTYS_MAX; i++) {
        struct board_tty *tty = &event.board.ttys.items[i];

        memset(tty->path, '"', sizeof tty->path - 1);
        memcpy(tty->path, "/dev/", 5);
        memset(tty->by_id, '"', sizeof tty->by_id - 1);
        memcpy(tty->by_id, "/dev/", 5);
        memcpy(tty->link, tty->path, sizeof tty->link);
    }
    return event;
}
