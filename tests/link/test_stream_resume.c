/* Subscribers of a stream that go on where they were. */
#include "shared/stream/stream.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/line_log.h"
#include "shared/link/local_client.h"
#include "tests/link/served.h"

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
        served_publish(served, EVENT_LINK);
    }
}

/* Resumes behind `seq` when the last event was `now`: everything behind it comes, and then what
 * happens next. */
static void expect_resumed(struct served *served, uint64_t seq, uint64_t now)
{
    struct resumer resumer;
    size_t missed = (size_t)(now - seq);

    resume(served, &resumer, SERVED_RUN, seq);
    assert_string_equal(resumer.code, "");
    served_publish(served, EVENT_LINK);
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
    served_publish(served, EVENT_LINK);
    rig_run_until_count(served->rig, &resumer.lines, 3);
    assert_int_equal(resumer.first, now + 1);
    leave(&resumer);
}

static void what_was_missed_is_told(void **state)
{
    struct served served;

    served_open(&served, *state);
    publish_links(&served, 9); /* 2 to 10 */
    expect_resumed(&served, 10, 10);
    expect_resumed(&served, 10, 11);
    expect_resumed(&served, 1, 12);
    served_close(&served);
}

static void resuming_goes_back_1024_events_and_no_more(void **state)
{
    struct served served;

    served_open(&served, *state);
    publish_links(&served, STREAM_RESUME_MAX - 1);
    expect_resumed(&served, 1, STREAM_RESUME_MAX);                            /* 1,023 */
    expect_resumed(&served, 1, STREAM_RESUME_MAX + 1);                        /* 1,024 */
    expect_refused(&served, SERVED_RUN, 1, "too_old", STREAM_RESUME_MAX + 2); /* 1,025 */
    expect_refused(&served, SERVED_RUN, 2, "too_old", STREAM_RESUME_MAX + 3);
    expect_resumed(&served, 4, STREAM_RESUME_MAX + 4);
    /* Round and round. */
    publish_links(&served, 2 * LINE_LOG_LINES_MAX);
    expect_resumed(&served, 2 * LINE_LOG_LINES_MAX + 5,
                   STREAM_RESUME_MAX + 2 * LINE_LOG_LINES_MAX + 5);
    expect_refused(&served, SERVED_RUN, 2 * LINE_LOG_LINES_MAX + 5, "too_old",
                   STREAM_RESUME_MAX + 2 * LINE_LOG_LINES_MAX + 6);
    served_close(&served);
}

/* Somebody who is behind keeps older events in the log; the promise is the same for all. */
static void a_slow_neighbour_changes_nothing_about_resuming(void **state)
{
    struct served served;
    struct peer slow;

    served_open(&served, *state);
    peer_connect_pipe(served.rig, &slow, served.path);
    peer_await(served.rig, &slow, 1);
    peer_stop_reading(&slow);
    publish_links(&served, 2 * STREAM_RESUME_MAX);
    expect_refused(&served, SERVED_RUN, STREAM_RESUME_MAX, "too_old", 2 * STREAM_RESUME_MAX + 1);
    expect_resumed(&served, STREAM_RESUME_MAX + 2, 2 * STREAM_RESUME_MAX + 2);
    peer_close(served.rig, &slow);
    served_close(&served);
}

static void where_nothing_can_be_resumed_the_stream_goes_on(void **state)
{
    struct served served;

    served_open(&served, *state);
    expect_refused(&served, "0123456789abcde0", 1, "other_run", 1);
    expect_refused(&served, SERVED_RUN, 3, "not_yet", 2);
    expect_refused(&served, SERVED_RUN, UINT64_C(9007199254740991), "not_yet", 3);
    expect_resumed(&served, 4, 4);
    served_close(&served);
}

/* The longest texts that there are, escaped: fewer than 1,024 such events fit the log. */
static void few_events_are_kept_if_they_are_long(void **state)
{
    struct served served;
    struct event event = served_make_largest(0);

    served_open(&served, *state);
    stream_publish(served.stream, &event); /* 2 */
    event.type = EVENT_FAILED;
    served_fill(event.message, sizeof event.message);
    served_fill(event.remedy, sizeof event.remedy);
    event.board.state = BOARD_STATE_FAILED;
    stream_publish(served.stream, &event); /* 3 to 5: detached, attaching, failed */
    for (unsigned i = 0; i < 600; i++) {
        stream_publish(served.stream, &event); /* attaching, failed */
    }
    expect_refused(&served, SERVED_RUN, 1205 - 1020, "too_old", 1205);
    expect_resumed(&served, 1206 - 900, 1206);
    served_close(&served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(what_was_missed_is_told),
        RIG_TEST(resuming_goes_back_1024_events_and_no_more),
        RIG_TEST(a_slow_neighbour_changes_nothing_about_resuming),
        RIG_TEST(where_nothing_can_be_resumed_the_stream_goes_on),
        RIG_TEST(few_events_are_kept_if_they_are_long),
    };

    return cmocka_run_group_tests_name("stream_resume", tests, NULL, NULL);
}
