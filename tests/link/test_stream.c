#include "shared/stream/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/line_log.h"
#include "shared/core/text.h"
#include "shared/link/local_client.h"
#include "shared/link/local_server.h"
#include "tests/link/rig.h"

#define RUN "0123456789abcdef"
#define ID "usb\\vid_1a86&pid_7523\\5&1"

/* A subscriber that reads every line as the product's readers do. */
struct follower {
    struct rig *rig;
    struct conn *conn;
    struct board_table boards; /* of the snapshot */
    struct event last;
    char types[512]; /* the events in order, each followed by a blank */
    size_t count;
    uint64_t snapshot_seq;
    bool expects_any; /* not a snapshot first */
    bool closed;
};

struct served {
    struct rig *rig;
    char path[RIG_PATH_SIZE];
    struct stream *stream;
    size_t requests;
    bool closed;
    unsigned closed_count;
};

static void on_line(void *context, char *line, size_t len)
{
    struct follower *follower = context;
    const char *type;

    for (size_t i = 0; i < len; i++) {
        assert_true(line[i] >= ' ' && line[i] <= '~');
    }
    assert_int_equal(event_json_to_event(line, len, &follower->last, &follower->boards), 0);
    assert_string_equal(follower->last.stamp.run, RUN);
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

static void on_request(void *context, uint64_t client, const struct request *request)
{
    static const struct request_outcome done = {.code = ""};
    struct served *served = context;

    served->requests++;
    stream_reply(served->stream, client, request, &done);
}

static void open_stream(struct served *served, struct rig *rig)
{
    memset(served, 0, sizeof *served);
    served->rig = rig;
    rig_make_path(served->path);
    assert_int_equal(stream_open(&rig->loop, served->path, NULL, RUN, &served->stream), 0);
}

static void on_closed(void *context)
{
    struct served *served = context;

    served->closed = true;
    served->closed_count++;
}

static void close_stream(struct served *served)
{
    stream_close(served->stream, on_closed, served);
    stream_close(served->stream, NULL, NULL);
    rig_run_until(served->rig, &served->closed);
    rig_turn(served->rig);
    assert_int_equal(served->closed_count, 1);
}

static void follow(struct served *served, struct follower *follower)
{
    memset(follower, 0, sizeof *follower);
    follower->rig = served->rig;
    board_table_init(&follower->boards);
    assert_int_equal(local_client_open(&served->rig->loop, served->path, &limits, &callbacks,
                                       follower, &follower->conn),
                     0);
    rig_run_until_count(served->rig, &follower->count, 1);
}

static void unfollow(struct follower *follower)
{
    conn_close(follower->conn, ERR_CANCELLED);
    rig_run_until(follower->rig, &follower->closed);
    board_table_finish(&follower->boards);
}

static void expect_types(struct follower *follower, size_t count, const char *types)
{
    rig_run_until_count(follower->rig, &follower->count, count);
    assert_string_equal(follower->types, types);
}

static struct event make_event(enum event_type type, const char *id)
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

static void publish(struct served *served, enum event_type type)
{
    struct event event = make_event(type, ID);

    stream_publish(served->stream, &event);
}

static void publish_ready(struct served *served, const char *tty)
{
    struct event event = make_event(EVENT_READY, ID);

    event.board.ttys.count = 1;
    strcpy(event.board.ttys.items[0].path, tty);
    stream_publish(served->stream, &event);
}

static void the_first_line_is_a_snapshot(void **state)
{
    struct served served;
    struct follower follower;

    open_stream(&served, *state);
    follow(&served, &follower);
    assert_int_equal(follower.snapshot_seq, 1);
    assert_int_equal(follower.boards.count, 0);
    assert_true(follower.last.stamp.time_ms > INT64_C(1577836800000)); /* 2020 */
    unfollow(&follower);
    close_stream(&served);
}

static void every_line_has_the_next_number(void **state)
{
    struct served served;
    struct follower follower;

    open_stream(&served, *state);
    follow(&served, &follower);
    publish(&served, EVENT_ARRIVAL);
    publish(&served, EVENT_ATTACHING);
    publish(&served, EVENT_FAILED);
    publish(&served, EVENT_ATTACHING);
    publish_ready(&served, "/dev/ttyUSB0");
    publish(&served, EVENT_DETACHED);
    publish(&served, EVENT_REMOVAL);
    publish(&served, EVENT_LINK);
    expect_types(&follower, 9,
                 "snapshot arrival attaching failed attaching ready detached removal link ");
    assert_int_equal(follower.last.stamp.seq, 9);
    unfollow(&follower);
    close_stream(&served);
}

static void what_was_not_reported_is_told_before_what_follows(void **state)
{
    struct served served;
    struct follower follower;

    open_stream(&served, *state);
    follow(&served, &follower);
    publish(&served, EVENT_ARRIVAL);
    publish(&served, EVENT_DETACHED); /* nobody had it */
    publish_ready(&served, "/dev/ttyUSB0");
    publish_ready(&served, "/dev/ttyUSB1");
    publish(&served, EVENT_FAILED);
    publish(&served, EVENT_DETACHED);
    publish_ready(&served, "/dev/ttyUSB1");
    publish(&served, EVENT_REMOVAL);
    expect_types(&follower, 14,
                 "snapshot arrival attaching ready detached attaching ready detached attaching "
                 "failed attaching ready detached removal ");
    assert_int_equal(follower.last.stamp.seq, 14);
    unfollow(&follower);
    close_stream(&served);
}

static void a_late_reader_finds_all_in_its_snapshot(void **state)
{
    struct served served;
    struct follower early;
    struct follower late;
    const struct board *board;

    open_stream(&served, *state);
    follow(&served, &early);
    publish(&served, EVENT_ARRIVAL);
    publish(&served, EVENT_ATTACHING);
    publish_ready(&served, "/dev/ttyUSB0");
    follow(&served, &late);
    board = board_table_find(&late.boards, ID);
    assert_non_null(board);
    assert_int_equal(board->state, BOARD_STATE_READY);
    assert_string_equal(board->ttys.items[0].path, "/dev/ttyUSB0");
    assert_int_equal(late.snapshot_seq, 4);
    publish(&served, EVENT_DETACHED);
    expect_types(&late, 2, "snapshot detached ");
    expect_types(&early, 5, "snapshot arrival attaching ready detached ");
    assert_int_equal(early.last.stamp.seq, late.last.stamp.seq);
    unfollow(&early);
    unfollow(&late);
    close_stream(&served);
}

static void what_is_no_request_is_answered_and_its_sender_dropped(void **state)
{
    struct rig *rig = *state;
    struct served served;
    struct follower follower;
    struct peer peer;

    open_stream(&served, rig);
    stream_hear(served.stream, on_request, &served);
    follow(&served, &follower);
    peer_connect_pipe(rig, &peer, served.path);
    peer_send(&peer, "{\"request\":\"fly\"}\n{\"request\":\"kick\",\"id\":\"7\"}\nrubbish\n");
    rig_run_until(rig, &peer.ended);
    assert_non_null(strstr(peer.received, "\"code\":\"unknown_request\""));
    assert_non_null(strstr(peer.received, "\"reply\":\"kick\",\"id\":\"7\",\"ok\":true"));
    assert_non_null(strstr(peer.received, "\"code\":\"invalid\""));
    assert_int_equal(served.requests, 1);
    publish(&served, EVENT_ARRIVAL);
    expect_types(&follower, 2, "snapshot arrival ");
    peer_close(rig, &peer);
    unfollow(&follower);
    close_stream(&served);
}

static void a_late_reader_finds_the_link_and_the_troubles(void **state)
{
    struct served served;
    struct follower late;
    struct event link = {.type = EVENT_LINK, .link_up = true, .peer = "p", .transport = "bridge"};

    open_stream(&served, *state);
    follow(&served, &late);
    assert_false(late.last.link_up);
    unfollow(&late);
    stream_publish(served.stream, &link);
    publish(&served, EVENT_ARRIVAL);
    publish(&served, EVENT_ATTACHING);
    publish(&served, EVENT_FAILED);
    publish(&served, EVENT_UPDATE);
    follow(&served, &late);
    assert_true(late.last.link_up);
    assert_string_equal(late.last.peer, "p");
    assert_string_equal(late.last.transport, "bridge");
    assert_string_equal(board_table_find(&late.boards, ID)->note.code, "busy");
    assert_string_equal(board_table_find(&late.boards, ID)->note.message, "in use");
    unfollow(&late);
    publish(&served, EVENT_ATTACHING);
    link.link_up = false;
    stream_publish(served.stream, &link);
    follow(&served, &late);
    assert_false(late.last.link_up);
    assert_string_equal(board_table_find(&late.boards, ID)->note.message, "");
    unfollow(&late);
    close_stream(&served);
}

static void fill(char *text, size_t size)
{
    memset(text, '\x01', size - 1); /* Six bytes each in JSON. */
    text[size - 1] = '\0';
}

static struct event make_largest(unsigned number)
{
    struct event event = make_event(EVENT_ARRIVAL, ID);

    memset(event.board.id, '"', sizeof event.board.id - 1);
    snprintf(event.board.id + sizeof event.board.id - 4, 4, "%03u", number);
    fill(event.board.serial, sizeof event.board.serial);
    fill(event.board.description, sizeof event.board.description);
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

/* --- Resuming --------------------------------------------------------------------------------- */

/* A subscriber that has asked to go on behind a line, and what it has been answered. */
struct resumer {
    struct rig *rig;
    struct conn *conn;
    size_t lines;
    bool is_answered;
    char code[EVENT_CODE_SIZE];
    uint64_t first; /* number of the first event behind the answer, 0: none */
    uint64_t last;
    bool has_gap;
    bool closed;
};

static void on_resumer_line(void *context, char *line, size_t len)
{
    struct resumer *resumer = context;
    struct board_table boards;
    struct event event;
    struct reply reply;

    resumer->lines++;
    if (reply_from_line(line, len, &reply) == 0) {
        assert_int_equal(reply.request.type, REQUEST_RESUME);
        assert_string_equal(reply.request.id, "r");
        assert_false(resumer->is_answered);
        resumer->is_answered = true;
        strcpy(resumer->code, reply.outcome.code);
        return;
    }
    if (!resumer->is_answered) {
        return;
    }
    board_table_init(&boards);
    assert_int_equal(event_json_to_event(line, len, &event, &boards), 0);
    board_table_finish(&boards);
    resumer->first = resumer->first == 0 ? event.stamp.seq : resumer->first;
    resumer->has_gap |= resumer->last != 0 && event.stamp.seq != resumer->last + 1;
    resumer->last = event.stamp.seq;
}

static void on_resumer_closed(void *context, int error)
{
    struct resumer *resumer = context;

    (void)error;
    resumer->closed = true;
}

static const struct conn_callbacks resumer_callbacks = {
    .on_line = on_resumer_line,
    .on_closed = on_resumer_closed,
};
static const struct conn_limits resumer_limits = {
    .line_max = EVENT_JSON_LINE_MAX,
    .write_max = 1024,
};

static void resume(struct served *served, struct resumer *resumer, const char *run, uint64_t seq)
{
    char line[256];
    int len = snprintf(line, sizeof line,
                       "{\"request\":\"resume\",\"id\":\"r\",\"run\":\"%s\",\"seq\":%llu}\n", run,
                       (unsigned long long)seq);

    memset(resumer, 0, sizeof *resumer);
    resumer->rig = served->rig;
    assert_int_equal(local_client_open(&served->rig->loop, served->path, &resumer_limits,
                                       &resumer_callbacks, resumer, &resumer->conn),
                     0);
    assert_int_equal(conn_write(resumer->conn, line, (size_t)len), 0);
    rig_run_until(served->rig, &resumer->is_answered);
}

static void leave(struct resumer *resumer)
{
    conn_close(resumer->conn, ERR_CANCELLED);
    rig_run_until(resumer->rig, &resumer->closed);
}

static void publish_links(struct served *served, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        publish(served, EVENT_LINK);
    }
}

/* Resumes behind `seq` when the last event was `now`: everything behind it comes, and then what
 * happens next. */
static void expect_resumed(struct served *served, uint64_t seq, uint64_t now)
{
    struct resumer resumer;
    size_t missed = (size_t)(now - seq);

    resume(served, &resumer, RUN, seq);
    assert_string_equal(resumer.code, "");
    publish(served, EVENT_LINK);
    rig_run_until_count(served->rig, &resumer.lines, 2 + missed + 1);
    assert_int_equal(resumer.first, seq + 1);
    assert_int_equal(resumer.last, now + 1);
    assert_false(resumer.has_gap);
    leave(&resumer);
}

/* The stream goes on behind the snapshot. */
static void expect_refused(struct served *served, const char *run, uint64_t seq, const char *code,
                           uint64_t now)
{
    struct resumer resumer;

    resume(served, &resumer, run, seq);
    assert_string_equal(resumer.code, code);
    publish(served, EVENT_LINK);
    rig_run_until_count(served->rig, &resumer.lines, 3);
    assert_int_equal(resumer.first, now + 1);
    leave(&resumer);
}

static void what_was_missed_is_told(void **state)
{
    struct served served;

    open_stream(&served, *state);
    publish_links(&served, 9); /* 2 to 10 */
    expect_resumed(&served, 10, 10);
    expect_resumed(&served, 10, 11);
    expect_resumed(&served, 1, 12);
    close_stream(&served);
}

static void resuming_goes_back_1024_events_and_no_more(void **state)
{
    struct served served;

    open_stream(&served, *state);
    publish_links(&served, STREAM_RESUME_MAX - 1);
    expect_resumed(&served, 1, STREAM_RESUME_MAX);                     /* 1,023 */
    expect_resumed(&served, 1, STREAM_RESUME_MAX + 1);                 /* 1,024 */
    expect_refused(&served, RUN, 1, "too_old", STREAM_RESUME_MAX + 2); /* 1,025 */
    expect_refused(&served, RUN, 2, "too_old", STREAM_RESUME_MAX + 3);
    expect_resumed(&served, 4, STREAM_RESUME_MAX + 4);
    /* Round and round. */
    publish_links(&served, 2 * LINE_LOG_LINES_MAX);
    expect_resumed(&served, 2 * LINE_LOG_LINES_MAX + 5,
                   STREAM_RESUME_MAX + 2 * LINE_LOG_LINES_MAX + 5);
    expect_refused(&served, RUN, 2 * LINE_LOG_LINES_MAX + 5, "too_old",
                   STREAM_RESUME_MAX + 2 * LINE_LOG_LINES_MAX + 6);
    close_stream(&served);
}

/* Somebody who is behind keeps older events in the log; the promise is the same for all. */
static void a_slow_neighbour_changes_nothing_about_resuming(void **state)
{
    struct served served;
    struct peer slow;

    open_stream(&served, *state);
    peer_connect_pipe(served.rig, &slow, served.path);
    peer_await(served.rig, &slow, 1);
    peer_stop_reading(&slow);
    publish_links(&served, 2 * STREAM_RESUME_MAX);
    expect_refused(&served, RUN, STREAM_RESUME_MAX, "too_old", 2 * STREAM_RESUME_MAX + 1);
    expect_resumed(&served, STREAM_RESUME_MAX + 2, 2 * STREAM_RESUME_MAX + 2);
    peer_close(served.rig, &slow);
    close_stream(&served);
}

static void where_nothing_can_be_resumed_the_stream_goes_on(void **state)
{
    struct served served;

    open_stream(&served, *state);
    expect_refused(&served, "0123456789abcde0", 1, "other_run", 1);
    expect_refused(&served, RUN, 3, "not_yet", 2);
    expect_refused(&served, RUN, UINT64_C(9007199254740991), "not_yet", 3);
    expect_resumed(&served, 4, 4);
    close_stream(&served);
}

/* The longest texts that there are, escaped: fewer than 1,024 such events fit the log. */
static void few_events_are_kept_if_they_are_long(void **state)
{
    struct served served;
    struct event event = make_largest(0);

    open_stream(&served, *state);
    stream_publish(served.stream, &event); /* 2 */
    event.type = EVENT_FAILED;
    fill(event.message, sizeof event.message);
    fill(event.remedy, sizeof event.remedy);
    event.board.state = BOARD_STATE_FAILED;
    stream_publish(served.stream, &event); /* 3 to 5: detached, attaching, failed */
    for (unsigned i = 0; i < 600; i++) {
        stream_publish(served.stream, &event); /* attaching, failed */
    }
    expect_refused(&served, RUN, 1205 - 1020, "too_old", 1205);
    expect_resumed(&served, 1206 - 900, 1206);
    close_stream(&served);
}

static void before_anybody_hears_the_agent_is_busy(void **state)
{
    struct rig *rig = *state;
    struct served served;
    struct peer peer;

    open_stream(&served, rig);
    peer_connect_pipe(rig, &peer, served.path);
    peer_send(&peer, "{\"request\":\"kick\",\"id\":\"7\"}\nrubbish\n");
    rig_run_until(rig, &peer.ended);
    assert_non_null(strstr(peer.received, "\"reply\":\"kick\",\"id\":\"7\",\"ok\":false"));
    assert_non_null(strstr(peer.received, "\"code\":\"busy\""));
    peer_close(rig, &peer);
    close_stream(&served);
}

static void the_line_has_the_board_as_the_stream_knows_it(void **state)
{
    struct served served;
    struct follower follower;
    struct event removal = {.type = EVENT_REMOVAL};

    open_stream(&served, *state);
    follow(&served, &follower);
    publish(&served, EVENT_ARRIVAL);
    strcpy(removal.board.id, ID); /* All that the guest's report says of the board. */
    stream_publish(served.stream, &removal);
    expect_types(&follower, 3, "snapshot arrival removal ");
    assert_int_equal(follower.last.board.vid, 0x1a86);
    assert_string_equal(follower.last.board.busid, "3-1");
    assert_int_equal(follower.last.board.state, BOARD_STATE_GONE);
    assert_int_equal(stream_boards(served.stream)->count, 0);
    unfollow(&follower);
    close_stream(&served);
}

static void a_repeated_ready_is_told_once(void **state)
{
    struct served served;
    struct follower follower;

    open_stream(&served, *state);
    follow(&served, &follower);
    publish(&served, EVENT_ARRIVAL);
    for (int i = 0; i < 5; i++) {
        publish_ready(&served, "/dev/ttyUSB0");
    }
    publish_ready(&served, "/dev/ttyUSB1");
    publish(&served, EVENT_LINK);
    expect_types(&follower, 8, "snapshot arrival attaching ready detached attaching ready link ");
    unfollow(&follower);
    close_stream(&served);
}

static void what_nobody_knows_is_not_told(void **state)
{
    struct served served;
    struct follower follower;

    open_stream(&served, *state);
    follow(&served, &follower);
    publish(&served, EVENT_UPDATE);
    publish(&served, EVENT_ATTACHING);
    publish_ready(&served, "/dev/ttyUSB0");
    publish(&served, EVENT_REMOVAL);
    publish(&served, EVENT_SNAPSHOT);
    publish(&served, EVENT_ARRIVAL);
    publish(&served, EVENT_REMOVAL);
    publish(&served, EVENT_DETACHED);
    publish(&served, EVENT_LINK);
    expect_types(&follower, 4, "snapshot arrival removal link ");
    unfollow(&follower);
    close_stream(&served);
}

static void a_hostile_description_comes_as_ascii(void **state)
{
    struct served served;
    struct follower follower;
    struct event arrival = make_event(EVENT_ARRIVAL, ID);

    open_stream(&served, *state);
    follow(&served, &follower);
    strcpy(arrival.board.description, "\x1b]0;owned\a\r\n\"\\\xff Gr\xc3\xbcn");
    stream_publish(served.stream, &arrival);
    expect_types(&follower, 2, "snapshot arrival ");
    assert_string_equal(follower.last.board.description,
                        "\x1b]0;owned\a\r\n\"\\\xef\xbf\xbd Gr\xc3\xbcn");
    unfollow(&follower);
    close_stream(&served);
}

static void the_largest_snapshot_arrives_whole(void **state)
{
    struct served served;
    struct follower early;
    struct follower follower;

    open_stream(&served, *state);
    for (unsigned i = 0; i < BOARD_TABLE_MAX; i++) {
        struct event arrival = make_largest(i);

        stream_publish(served.stream, &arrival);
    }
    follow(&served, &early);
    assert_int_equal(early.boards.count, BOARD_TABLE_MAX);
    assert_int_equal(early.boards.items[7]->ttys.count, BOARD_TTYS_MAX);
    /* One too many is not told, and takes no number. */
    publish(&served, EVENT_ARRIVAL);
    publish(&served, EVENT_LINK);
    expect_types(&early, 2, "snapshot link ");
    follow(&served, &follower);
    assert_int_equal(follower.snapshot_seq, BOARD_TABLE_MAX + 2);
    unfollow(&early);
    unfollow(&follower);
    close_stream(&served);
}

/* The last line says so, with the number of the last event that came before it. */
static void expect_dropped(const struct peer *peer, const char *reason)
{
    struct board_table boards;
    struct event last;
    struct event before;
    const char *line = peer->received + peer->received_len - 1;

    board_table_init(&boards);
    while (line[-1] != '\n') {
        line--;
    }
    assert_int_equal(event_json_to_event(line, strlen(line), &last, &boards), 0);
    assert_int_equal(last.type, EVENT_DROPPED);
    assert_string_equal(last.code, reason);
    assert_string_equal(last.stamp.run, RUN);
    for (line--; line > peer->received && line[-1] != '\n';) {
        line--;
    }
    assert_int_equal(event_json_to_event(line, strcspn(line, "\n"), &before, &boards), 0);
    assert_int_equal(last.stamp.seq, before.stamp.seq);
    board_table_finish(&boards);
}

static void a_slow_reader_is_dropped_and_its_neighbour_misses_nothing(void **state)
{
    struct served served;
    struct follower follower;
    struct peer slow;
    size_t count = 1;

    open_stream(&served, *state);
    follow(&served, &follower);
    peer_connect_pipe(served.rig, &slow, served.path);
    peer_await(served.rig, &slow, 1);
    peer_stop_reading(&slow);
    /* Far more than the kernel and the bound on what may wait take together. */
    for (unsigned i = 0; i < 3000; i++) {
        struct event arrival = make_largest(0);

        stream_publish(served.stream, &arrival);
        rig_run_until_count(served.rig, &follower.count, ++count);
    }
    assert_int_equal(follower.last.stamp.seq, 3001);
    peer_read_again(&slow);
    rig_run_until(served.rig, &slow.ended);
    expect_dropped(&slow, "too_slow");
    publish(&served, EVENT_LINK);
    rig_run_until_count(served.rig, &follower.count, ++count);
    assert_int_equal(follower.last.type, EVENT_LINK);
    peer_close(served.rig, &slow);
    unfollow(&follower);
    close_stream(&served);
}

static void one_subscriber_too_many_is_told(void **state)
{
    struct rig *rig = *state;
    struct served served;
    static struct peer peers[LOCAL_SERVER_CLIENTS_MAX];
    struct follower late;

    open_stream(&served, rig);
    publish(&served, EVENT_LINK);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        peer_connect_pipe(rig, &peers[i], served.path);
        peer_await(rig, &peers[i], 1);
    }
    memset(&late, 0, sizeof late);
    late.expects_any = true;
    board_table_init(&late.boards);
    assert_int_equal(
        local_client_open(&rig->loop, served.path, &limits, &callbacks, &late, &late.conn), 0);
    rig_run_until(rig, &late.closed);
    assert_string_equal(late.types, "dropped ");
    assert_string_equal(late.last.code, "too_many");
    assert_int_equal(late.last.stamp.seq, 2);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        peer_close(rig, &peers[i]);
    }
    close_stream(&served);
}

static void closing_ends_every_subscription_after_the_last_line(void **state)
{
    struct served served;
    struct follower follower;

    open_stream(&served, *state);
    follow(&served, &follower);
    publish(&served, EVENT_ARRIVAL);
    stream_close(served.stream, on_closed, &served);
    publish(&served, EVENT_REMOVAL); /* Too late. */
    rig_run_until(served.rig, &follower.closed);
    rig_run_until(served.rig, &served.closed);
    assert_string_equal(follower.types, "snapshot arrival ");
    board_table_finish(&follower.boards);
}

static void a_path_that_is_served_already_is_told(void **state)
{
    struct served served;
    struct stream *second;

    open_stream(&served, *state);
    assert_int_equal(stream_open(&served.rig->loop, served.path, NULL, RUN, &second), ERR_EXISTS);
    close_stream(&served);
}

static void each_run_has_an_id_of_its_own(void **state)
{
    char one[EVENT_RUN_SIZE];
    char two[EVENT_RUN_SIZE];

    (void)state;
    assert_int_equal(stream_make_run(one), 0);
    assert_int_equal(stream_make_run(two), 0);
    assert_true(text_is_hex(one, EVENT_RUN_SIZE - 1));
    assert_true(text_is_hex(two, EVENT_RUN_SIZE - 1));
    assert_string_not_equal(one, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_first_line_is_a_snapshot),
        RIG_TEST(every_line_has_the_next_number),
        RIG_TEST(what_was_not_reported_is_told_before_what_follows),
        RIG_TEST(what_is_no_request_is_answered_and_its_sender_dropped),
        RIG_TEST(a_late_reader_finds_all_in_its_snapshot),
        RIG_TEST(a_late_reader_finds_the_link_and_the_troubles),
        RIG_TEST(the_line_has_the_board_as_the_stream_knows_it),
        RIG_TEST(a_repeated_ready_is_told_once),
        RIG_TEST(what_nobody_knows_is_not_told),
        RIG_TEST(a_hostile_description_comes_as_ascii),
        RIG_TEST(the_largest_snapshot_arrives_whole),
        RIG_TEST(a_slow_reader_is_dropped_and_its_neighbour_misses_nothing),
        RIG_TEST(one_subscriber_too_many_is_told),
        RIG_TEST(what_was_missed_is_told),
        RIG_TEST(resuming_goes_back_1024_events_and_no_more),
        RIG_TEST(a_slow_neighbour_changes_nothing_about_resuming),
        RIG_TEST(where_nothing_can_be_resumed_the_stream_goes_on),
        RIG_TEST(few_events_are_kept_if_they_are_long),
        RIG_TEST(before_anybody_hears_the_agent_is_busy),
        RIG_TEST(closing_ends_every_subscription_after_the_last_line),
        RIG_TEST(a_path_that_is_served_already_is_told),
        RIG_TEST(each_run_has_an_id_of_its_own),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
