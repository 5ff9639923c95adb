#include "shared/stream/stream.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/text.h"
#include "shared/link/local_server.h"
#include "tests/link/served.h"

static void on_request(void *context, uint64_t client, const struct request *request)
{
    static const struct request_outcome done = {.code = ""};
    struct served *served = context;

    served->requests++;
    stream_reply(served->stream, client, request, &done);
}

static void the_first_line_is_a_snapshot(void **state)
{
    struct served served;
    struct follower follower;

    served_open(&served, *state);
    served_follow(&served, &follower);
    assert_int_equal(follower.snapshot_seq, 1);
    assert_int_equal(follower.boards.count, 0);
    assert_true(follower.last.stamp.time_ms > INT64_C(1577836800000)); /* 2020 */
    served_unfollow(&follower);
    served_close(&served);
}

static void every_line_has_the_next_number(void **state)
{
    struct served served;
    struct follower follower;

    served_open(&served, *state);
    served_follow(&served, &follower);
    served_publish(&served, EVENT_ARRIVAL);
    served_publish(&served, EVENT_ATTACHING);
    served_publish(&served, EVENT_FAILED);
    served_publish(&served, EVENT_ATTACHING);
    served_publish_ready(&served, "/dev/ttyUSB0");
    served_publish(&served, EVENT_DETACHED);
    served_publish(&served, EVENT_REMOVAL);
    served_publish(&served, EVENT_LINK);
    served_expect_types(&follower, 9,
                        "snapshot arrival attaching failed attaching ready detached removal link ");
    assert_int_equal(follower.last.stamp.seq, 9);
    served_unfollow(&follower);
    served_close(&served);
}

static void what_was_not_reported_is_told_before_what_follows(void **state)
{
    struct served served;
    struct follower follower;

    served_open(&served, *state);
    served_follow(&served, &follower);
    served_publish(&served, EVENT_ARRIVAL);
    served_publish(&served, EVENT_DETACHED); /* nobody had it */
    served_publish_ready(&served, "/dev/ttyUSB0");
    served_publish_ready(&served, "/dev/ttyUSB1");
    served_publish(&served, EVENT_FAILED);
    served_publish(&served, EVENT_DETACHED);
    served_publish_ready(&served, "/dev/ttyUSB1");
    served_publish(&served, EVENT_REMOVAL);
    served_expect_types(
        &follower, 14,
        "snapshot arrival attaching ready detached attaching ready detached attaching "
        "failed attaching ready detached removal ");
    assert_int_equal(follower.last.stamp.seq, 14);
    served_unfollow(&follower);
    served_close(&served);
}

static void a_late_reader_finds_all_in_its_snapshot(void **state)
{
    struct served served;
    struct follower early;
    struct follower late;
    const struct board *board;

    served_open(&served, *state);
    served_follow(&served, &early);
    served_publish(&served, EVENT_ARRIVAL);
    served_publish(&served, EVENT_ATTACHING);
    served_publish_ready(&served, "/dev/ttyUSB0");
    served_follow(&served, &late);
    board = board_table_find(&late.boards, SERVED_ID);
    assert_non_null(board);
    assert_int_equal(board->state, BOARD_STATE_READY);
    assert_string_equal(board->ttys.items[0].path, "/dev/ttyUSB0");
    assert_int_equal(late.snapshot_seq, 4);
    served_publish(&served, EVENT_DETACHED);
    served_expect_types(&late, 2, "snapshot detached ");
    served_expect_types(&early, 5, "snapshot arrival attaching ready detached ");
    assert_int_equal(early.last.stamp.seq, late.last.stamp.seq);
    served_unfollow(&early);
    served_unfollow(&late);
    served_close(&served);
}

static void what_is_no_request_is_answered_and_its_sender_dropped(void **state)
{
    struct rig *rig = *state;
    struct served served;
    struct follower follower;
    struct peer peer;

    served_open(&served, rig);
    stream_hear(served.stream, on_request, &served);
    served_follow(&served, &follower);
    peer_connect_pipe(rig, &peer, served.path);
    peer_send(&peer, "{\"request\":\"fly\"}\n{\"request\":\"kick\",\"id\":\"7\"}\nrubbish\n");
    rig_run_until(rig, &peer.ended);
    assert_non_null(strstr(peer.received, "\"code\":\"unknown_request\""));
    assert_non_null(strstr(peer.received, "\"reply\":\"kick\",\"id\":\"7\",\"ok\":true"));
    assert_non_null(strstr(peer.received, "\"code\":\"invalid\""));
    assert_int_equal(served.requests, 1);
    served_publish(&served, EVENT_ARRIVAL);
    served_expect_types(&follower, 2, "snapshot arrival ");
    peer_close(rig, &peer);
    served_unfollow(&follower);
    served_close(&served);
}

static void a_late_reader_finds_the_link_and_the_troubles(void **state)
{
    struct served served;
    struct follower late;
    struct event link = {.type = EVENT_LINK, .link_up = true, .peer = "p", .transport = "bridge"};

    served_open(&served, *state);
    served_follow(&served, &late);
    assert_false(late.last.link_up);
    served_unfollow(&late);
    stream_publish(served.stream, &link);
    served_publish(&served, EVENT_ARRIVAL);
    served_publish(&served, EVENT_ATTACHING);
    served_publish(&served, EVENT_FAILED);
    served_publish(&served, EVENT_UPDATE);
    served_follow(&served, &late);
    assert_true(late.last.link_up);
    assert_string_equal(late.last.peer, "p");
    assert_string_equal(late.last.transport, "bridge");
    assert_string_equal(board_table_find(&late.boards, SERVED_ID)->note.code, "busy");
    assert_string_equal(board_table_find(&late.boards, SERVED_ID)->note.message, "in use");
    served_unfollow(&late);
    served_publish(&served, EVENT_ATTACHING);
    link.link_up = false;
    stream_publish(served.stream, &link);
    served_follow(&served, &late);
    assert_false(late.last.link_up);
    assert_string_equal(board_table_find(&late.boards, SERVED_ID)->note.message, "");
    served_unfollow(&late);
    served_close(&served);
}

static void before_anybody_hears_the_agent_is_busy(void **state)
{
    struct rig *rig = *state;
    struct served served;
    struct peer peer;

    served_open(&served, rig);
    peer_connect_pipe(rig, &peer, served.path);
    peer_send(&peer, "{\"request\":\"kick\",\"id\":\"7\"}\nrubbish\n");
    rig_run_until(rig, &peer.ended);
    assert_non_null(strstr(peer.received, "\"reply\":\"kick\",\"id\":\"7\",\"ok\":false"));
    assert_non_null(strstr(peer.received, "\"code\":\"busy\""));
    peer_close(rig, &peer);
    served_close(&served);
}

static void the_line_has_the_board_as_the_stream_knows_it(void **state)
{
    struct served served;
    struct follower follower;
    struct event removal = {.type = EVENT_REMOVAL};

    served_open(&served, *state);
    served_follow(&served, &follower);
    served_publish(&served, EVENT_ARRIVAL);
    strcpy(removal.board.id, SERVED_ID); /* All that the guest's report says of the board. */
    stream_publish(served.stream, &removal);
    served_expect_types(&follower, 3, "snapshot arrival removal ");
    assert_int_equal(follower.last.board.vid, 0x1a86);
    assert_string_equal(follower.last.board.busid, "3-1");
    assert_int_equal(follower.last.board.state, BOARD_STATE_GONE);
    assert_int_equal(stream_boards(served.stream)->count, 0);
    served_unfollow(&follower);
    served_close(&served);
}

static void a_repeated_ready_is_told_once(void **state)
{
    struct served served;
    struct follower follower;

    served_open(&served, *state);
    served_follow(&served, &follower);
    served_publish(&served, EVENT_ARRIVAL);
    for (int i = 0; i < 5; i++) {
        served_publish_ready(&served, "/dev/ttyUSB0");
    }
    served_publish_ready(&served, "/dev/ttyUSB1");
    served_publish(&served, EVENT_LINK);
    served_expect_types(&follower, 8,
                        "snapshot arrival attaching ready detached attaching ready link ");
    served_unfollow(&follower);
    served_close(&served);
}

static void what_nobody_knows_is_not_told(void **state)
{
    struct served served;
    struct follower follower;

    served_open(&served, *state);
    served_follow(&served, &follower);
    served_publish(&served, EVENT_UPDATE);
    served_publish(&served, EVENT_ATTACHING);
    served_publish_ready(&served, "/dev/ttyUSB0");
    served_publish(&served, EVENT_REMOVAL);
    served_publish(&served, EVENT_SNAPSHOT);
    served_publish(&served, EVENT_ARRIVAL);
    served_publish(&served, EVENT_REMOVAL);
    served_publish(&served, EVENT_DETACHED);
    served_publish(&served, EVENT_LINK);
    served_expect_types(&follower, 4, "snapshot arrival removal link ");
    served_unfollow(&follower);
    served_close(&served);
}

static void a_hostile_description_comes_as_ascii(void **state)
{
    struct served served;
    struct follower follower;
    struct event arrival = served_make_event(EVENT_ARRIVAL, SERVED_ID);

    served_open(&served, *state);
    served_follow(&served, &follower);
    strcpy(arrival.board.description, "\x1b]0;owned\a\r\n\"\\\xff Gr\xc3\xbcn");
    stream_publish(served.stream, &arrival);
    served_expect_types(&follower, 2, "snapshot arrival ");
    assert_string_equal(follower.last.board.description,
                        "\x1b]0;owned\a\r\n\"\\\xef\xbf\xbd Gr\xc3\xbcn");
    served_unfollow(&follower);
    served_close(&served);
}

static void the_largest_snapshot_arrives_whole(void **state)
{
    struct served served;
    struct follower early;
    struct follower follower;

    served_open(&served, *state);
    for (unsigned i = 0; i < BOARD_TABLE_MAX; i++) {
        struct event arrival = served_make_largest(i);

        stream_publish(served.stream, &arrival);
    }
    served_follow(&served, &early);
    assert_int_equal(early.boards.count, BOARD_TABLE_MAX);
    assert_int_equal(early.boards.items[7]->ttys.count, BOARD_TTYS_MAX);
    /* One too many is not told, and takes no number. */
    served_publish(&served, EVENT_ARRIVAL);
    served_publish(&served, EVENT_LINK);
    served_expect_types(&early, 2, "snapshot link ");
    served_follow(&served, &follower);
    assert_int_equal(follower.snapshot_seq, BOARD_TABLE_MAX + 2);
    served_unfollow(&early);
    served_unfollow(&follower);
    served_close(&served);
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
    assert_string_equal(last.stamp.run, SERVED_RUN);
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
    size_t timers;

    served_open(&served, *state);
    served_follow(&served, &follower);
    peer_connect_pipe(served.rig, &slow, served.path);
    peer_await(served.rig, &slow, 1);
    peer_stop_reading(&slow);
    timers = rig_count_timers(served.rig);
    /* Until it is dropped, and its time to read on begins; far less than this many are needed. */
    for (unsigned i = 0; i < 3000 && rig_count_timers(served.rig) == timers; i++) {
        struct event arrival = served_make_largest(0);

        stream_publish(served.stream, &arrival);
        rig_run_until_count(served.rig, &follower.count, ++count);
    }
    assert_int_equal(rig_count_timers(served.rig), timers + 1);
    assert_int_equal(follower.last.stamp.seq, count);
    peer_read_again(&slow);
    rig_run_until(served.rig, &slow.ended);
    expect_dropped(&slow, "too_slow");
    served_publish(&served, EVENT_LINK);
    rig_run_until_count(served.rig, &follower.count, ++count);
    assert_int_equal(follower.last.type, EVENT_LINK);
    peer_close(served.rig, &slow);
    served_unfollow(&follower);
    served_close(&served);
}

static void one_subscriber_too_many_is_told(void **state)
{
    struct rig *rig = *state;
    struct served served;
    static struct peer peers[LOCAL_SERVER_CLIENTS_MAX];
    struct follower late;

    served_open(&served, rig);
    served_publish(&served, EVENT_LINK);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        peer_connect_pipe(rig, &peers[i], served.path);
        peer_await(rig, &peers[i], 1);
    }
    served_follow_anything(&served, &late);
    rig_run_until(rig, &late.closed);
    assert_string_equal(late.types, "dropped ");
    assert_string_equal(late.last.code, "too_many");
    assert_int_equal(late.last.stamp.seq, 2);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        peer_close(rig, &peers[i]);
    }
    served_close(&served);
}

static void closing_ends_every_subscription_after_the_last_line(void **state)
{
    struct served served;
    struct follower follower;

    served_open(&served, *state);
    served_follow(&served, &follower);
    served_publish(&served, EVENT_ARRIVAL);
    stream_close(served.stream, served_on_closed, &served);
    served_publish(&served, EVENT_REMOVAL); /* Too late. */
    rig_run_until(served.rig, &follower.closed);
    rig_run_until(served.rig, &served.closed);
    assert_string_equal(follower.types, "snapshot arrival ");
    board_table_finish(&follower.boards);
}

static void a_path_that_is_served_already_is_told(void **state)
{
    struct served served;
    struct stream *second;

    served_open(&served, *state);
    assert_int_equal(stream_open(&served.rig->loop, served.path, NULL, SERVED_RUN, &second),
                     ERR_EXISTS);
    served_close(&served);
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
        RIG_TEST(before_anybody_hears_the_agent_is_busy),
        RIG_TEST(closing_ends_every_subscription_after_the_last_line),
        RIG_TEST(a_path_that_is_served_already_is_told),
        RIG_TEST(each_run_has_an_id_of_its_own),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
