#include "shared/link/conn.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/link/rig.h"

#define LINE_MAX_BYTES 1024u
#define WRITE_MAX_BYTES (512u * 1024)

/* A conn with what its callbacks told. */
struct subject {
    struct conn *conn;
    struct peer peer;
    char lines[4096]; /* each followed by '|' */
    size_t line_count;
    bool close_on_line;
    bool busy; /* inside a call of conn's, where on_closed must not run */
    bool closed;
    bool closed_while_busy;
    unsigned closed_count;
    int error;
};

static void on_line(void *context, char *line, size_t len)
{
    struct subject *subject = context;

    assert_int_equal(strlen(line), len);
    subject->line_count++;
    if (strlen(subject->lines) + len + 2 < sizeof subject->lines) {
        strcat(strcat(subject->lines, line), "|");
    }
    if (subject->close_on_line) {
        subject->busy = true;
        conn_close(subject->conn, ERR_CANCELLED);
        subject->busy = false;
    }
}

static void on_closed(void *context, int error)
{
    struct subject *subject = context;

    subject->closed = true;
    subject->closed_count++;
    subject->closed_while_busy = subject->busy;
    subject->error = error;
}

static const struct conn_callbacks callbacks = {.on_line = on_line, .on_closed = on_closed};
static const struct conn_callbacks deaf_callbacks = {.on_closed = on_closed};
static const struct conn_limits limits = {.line_max = LINE_MAX_BYTES, .write_max = WRITE_MAX_BYTES};

static void open_with(struct rig *rig, struct subject *subject,
                      const struct conn_callbacks *with_callbacks)
{
    assert_int_equal(
        conn_create(&rig->loop, rig->kind, &limits, with_callbacks, subject, &subject->conn), 0);
    peer_open(rig, &subject->peer, conn_stream(subject->conn), conn_writer(subject->conn));
    assert_int_equal(conn_start(subject->conn), 0);
}

static void open_pair(struct rig *rig, struct subject *subject)
{
    open_with(rig, subject, &callbacks);
}

static void expect_closed(struct rig *rig, struct subject *subject, int error)
{
    rig_run_until(rig, &subject->closed);
    peer_close(rig, &subject->peer);
    rig_turn(rig);
    assert_int_equal(subject->error, error);
    assert_int_equal(subject->closed_count, 1);
    assert_false(subject->closed_while_busy);
}

static void lines_arrive_whole_however_they_are_cut(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};

    open_pair(rig, &subject);
    peer_send(&subject.peer, "one\ntw");
    rig_run_until_count(rig, &subject.line_count, 1);
    assert_string_equal(subject.lines, "one|");
    peer_send(&subject.peer, "o\r\n\nthree\n");
    rig_run_until_count(rig, &subject.line_count, 4);
    assert_string_equal(subject.lines, "one|two||three|");
    conn_close(subject.conn, ERR_CANCELLED);
    expect_closed(rig, &subject, ERR_CANCELLED);
}

static void a_line_of_the_longest_length_is_taken(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    char line[LINE_MAX_BYTES + 1];

    open_pair(rig, &subject);
    memset(line, 'x', LINE_MAX_BYTES);
    line[LINE_MAX_BYTES] = '\n';
    peer_send_bytes(&subject.peer, line, sizeof line);
    rig_run_until_count(rig, &subject.line_count, 1);
    assert_int_equal(strlen(subject.lines), LINE_MAX_BYTES + 1);
    conn_close(subject.conn, ERR_CANCELLED);
    expect_closed(rig, &subject, ERR_CANCELLED);
}

static void a_line_over_the_limit_closes(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    char line[LINE_MAX_BYTES + 2];

    open_pair(rig, &subject);
    memset(line, 'x', sizeof line);
    line[LINE_MAX_BYTES + 1] = '\n';
    peer_send_bytes(&subject.peer, line, sizeof line);
    expect_closed(rig, &subject, ERR_TOO_LONG);
    assert_int_equal(subject.line_count, 0);
}

static void ten_megabytes_without_line_feed_close(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    size_t len = 10u * 1024 * 1024;
    char *bytes = malloc(len);

    assert_non_null(bytes);
    memset(bytes, 'x', len);
    open_pair(rig, &subject);
    peer_send_bytes(&subject.peer, bytes, len);
    free(bytes);
    expect_closed(rig, &subject, ERR_TOO_LONG);
}

static void a_nul_byte_closes(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};

    open_pair(rig, &subject);
    peer_send_bytes(&subject.peer, "a\0b\n", 4);
    expect_closed(rig, &subject, ERR_INVALID);
}

static void the_orderly_end_of_the_peer_closes(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};

    open_pair(rig, &subject);
    peer_send(&subject.peer, "whole\n");
    rig_run_until_count(rig, &subject.line_count, 1);
    peer_hang_up(&subject.peer);
    rig_run_until(rig, &subject.closed);
    assert_int_equal(subject.error, ERR_CLOSED);
    assert_int_equal(subject.closed_count, 1);
}

static void on_peer_written(uv_write_t *request, int status)
{
    assert_int_equal(status, 0);
    peer_hang_up(request->handle->data);
}

static void half_a_line_at_the_end_is_invalid(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    char half[] = "{\"type\":";
    uv_buf_t buffer = uv_buf_init(half, sizeof half - 1);
    uv_write_t request;

    open_pair(rig, &subject);
    assert_int_equal(uv_write(&request, subject.peer.writer, &buffer, 1, on_peer_written), 0);
    rig_run_until(rig, &subject.closed);
    assert_int_equal(subject.error, ERR_INVALID);
    assert_int_equal(subject.line_count, 0);
}

static void bytes_reach_the_peer_in_order(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};

    open_pair(rig, &subject);
    assert_int_equal(conn_write(subject.conn, "one\n", 4), 0);
    assert_int_equal(conn_write(subject.conn, "two\n", 4), 0);
    peer_await(rig, &subject.peer, 8);
    assert_string_equal(subject.peer.received, "one\ntwo\n");
    conn_close(subject.conn, ERR_CANCELLED);
    expect_closed(rig, &subject, ERR_CANCELLED);
}

static void a_peer_that_never_reads_is_dropped(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    static char chunk[16 * 1024];
    int result = 0;

    memset(chunk, 'x', sizeof chunk);
    open_pair(rig, &subject);
    peer_stop_reading(&subject.peer);
    subject.busy = true;
    /* The kernel takes some megabytes before it pushes back. */
    for (int i = 0; i < 4096 && result == 0; i++) {
        result = conn_write(subject.conn, chunk, sizeof chunk);
    }
    assert_int_equal(result, ERR_FULL);
    assert_int_equal(conn_write(subject.conn, "x", 1), ERR_CLOSED);
    subject.busy = false;
    expect_closed(rig, &subject, ERR_FULL);
}

static void one_write_over_the_bound_closes(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    static char chunk[WRITE_MAX_BYTES + 1];

    open_pair(rig, &subject);
    assert_int_equal(conn_write(subject.conn, chunk, sizeof chunk), ERR_FULL);
    expect_closed(rig, &subject, ERR_FULL);
}

static void closing_twice_tells_the_first_error_once(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};

    open_pair(rig, &subject);
    subject.busy = true;
    conn_close(subject.conn, ERR_AUTH);
    conn_close(subject.conn, ERR_IO);
    conn_close_after_writes(subject.conn, ERR_IO, 1000);
    subject.busy = false;
    expect_closed(rig, &subject, ERR_AUTH);
}

static void writing_after_closing_is_refused(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};

    open_pair(rig, &subject);
    conn_close(subject.conn, ERR_CANCELLED);
    assert_int_equal(conn_write(subject.conn, "late\n", 5), ERR_CLOSED);
    assert_int_equal(conn_start(subject.conn), ERR_CLOSED);
    expect_closed(rig, &subject, ERR_CANCELLED);
    assert_int_equal(subject.peer.received_len, 0);
}

static void closing_inside_on_line_hands_on_no_further_line(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {.close_on_line = true};

    open_pair(rig, &subject);
    peer_send(&subject.peer, "one\ntwo\nthree\n");
    expect_closed(rig, &subject, ERR_CANCELLED);
    assert_string_equal(subject.lines, "one|");
}

static void closing_while_writing_frees_everything(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    static char chunk[WRITE_MAX_BYTES];

    open_pair(rig, &subject);
    peer_stop_reading(&subject.peer);
    assert_int_equal(conn_write(subject.conn, chunk, sizeof chunk), 0);
    conn_close(subject.conn, ERR_CANCELLED);
    expect_closed(rig, &subject, ERR_CANCELLED);
}

static void a_gentle_close_delivers_all_that_is_queued(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    static char chunk[WRITE_MAX_BYTES];

    memset(chunk, 'x', sizeof chunk);
    open_pair(rig, &subject);
    /* Unread input would turn a plain close into a reset, and the end of the data would be lost. */
    peer_send(&subject.peer, "never looked at\n");
    assert_int_equal(conn_write(subject.conn, chunk, sizeof chunk), 0);
    conn_close_after_writes(subject.conn, ERR_VERSION, 30000);
    assert_int_equal(conn_write(subject.conn, "late\n", 5), ERR_CLOSED);
    rig_run_until(rig, &subject.peer.ended);
    assert_int_equal(subject.peer.received_len, sizeof chunk);
    peer_hang_up(&subject.peer);
    rig_run_until(rig, &subject.closed);
    free(subject.peer.received);
    assert_int_equal(subject.error, ERR_VERSION);
    assert_int_equal(subject.line_count, 0);
    assert_int_equal(subject.closed_count, 1);
}

static void a_gentle_close_has_a_deadline(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    static char chunk[WRITE_MAX_BYTES];

    open_pair(rig, &subject);
    peer_stop_reading(&subject.peer);
    assert_int_equal(conn_write(subject.conn, chunk, sizeof chunk), 0);
    conn_close_after_writes(subject.conn, ERR_VERSION, 20);
    expect_closed(rig, &subject, ERR_VERSION);
}

static void a_gentle_close_can_be_cut_short(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};

    open_pair(rig, &subject);
    conn_close_after_writes(subject.conn, ERR_VERSION, 30000);
    conn_close(subject.conn, ERR_CANCELLED);
    expect_closed(rig, &subject, ERR_VERSION);
}

static void without_on_line_input_is_thrown_away(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};
    static char chunk[8 * LINE_MAX_BYTES];

    open_with(rig, &subject, &deaf_callbacks);
    memset(chunk, 'x', sizeof chunk);
    peer_send_bytes(&subject.peer, chunk, sizeof chunk);
    assert_int_equal(conn_write(subject.conn, "still here\n", 11), 0);
    peer_await(rig, &subject.peer, 11);
    peer_hang_up(&subject.peer);
    rig_run_until(rig, &subject.closed);
    free(subject.peer.received);
    assert_int_equal(subject.error, ERR_CLOSED);
}

static void an_unconnected_conn_refuses_to_write_and_closes(void **state)
{
    struct rig *rig = *state;
    struct subject subject = {0};

    assert_int_equal(
        conn_create(&rig->loop, rig->kind, &limits, &callbacks, &subject, &subject.conn), 0);
    subject.busy = true;
    assert_int_not_equal(conn_write(subject.conn, "x\n", 2), 0);
    conn_close_after_writes(subject.conn, ERR_IO, 1000);
    subject.busy = false;
    rig_run_until(rig, &subject.closed);
    assert_int_equal(subject.closed_count, 1);
    assert_false(subject.closed_while_busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST_ALL(lines_arrive_whole_however_they_are_cut),
        RIG_TEST_ALL(a_line_of_the_longest_length_is_taken),
        RIG_TEST_ALL(a_line_over_the_limit_closes),
        RIG_TEST_ALL(ten_megabytes_without_line_feed_close),
        RIG_TEST_ALL(a_nul_byte_closes),
        RIG_TEST_ALL(the_orderly_end_of_the_peer_closes),
        RIG_TEST_ALL(half_a_line_at_the_end_is_invalid),
        RIG_TEST_ALL(bytes_reach_the_peer_in_order),
        RIG_TEST_ALL(a_peer_that_never_reads_is_dropped),
        RIG_TEST_ALL(one_write_over_the_bound_closes),
        RIG_TEST_ALL(closing_twice_tells_the_first_error_once),
        RIG_TEST_ALL(writing_after_closing_is_refused),
        RIG_TEST_ALL(closing_inside_on_line_hands_on_no_further_line),
        RIG_TEST_ALL(closing_while_writing_frees_everything),
        RIG_TEST_ALL(a_gentle_close_delivers_all_that_is_queued),
        RIG_TEST_ALL(a_gentle_close_has_a_deadline),
        RIG_TEST_ALL(a_gentle_close_can_be_cut_short),
        RIG_TEST_ALL(without_on_line_input_is_thrown_away),
        RIG_TEST_ALL(an_unconnected_conn_refuses_to_write_and_closes),
    };

    return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
