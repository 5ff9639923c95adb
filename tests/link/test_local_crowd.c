/* Readers of a local server that are slow, behind, or too many. */
#include "shared/link/local_client.h"
#include "shared/link/local_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/line_log.h"
#include "tests/link/place.h"

#define PARTING_SIZE 64
#define LONG_LINE (256u * 1024)

/* "bye REASON NEXT\n" */
static int part(void *context, enum local_server_reason reason, uint64_t next, char **line,
                size_t *len)
{
    struct place *place = context;

    place->partings++;
    *line = malloc(PARTING_SIZE);
    assert_non_null(*line);
    snprintf(*line, PARTING_SIZE, "bye %s %llu\n",
             reason == LOCAL_SERVER_TOO_SLOW ? "slow" : "many", (unsigned long long)next);
    *len = strlen(*line);
    return 0;
}

/* Lines that a peer which has stopped reading does not take, until it is dropped, and the numbers
 * of the first that is kept then. */
static size_t broadcast_until_dropped(struct place *place, struct peer *quick)
{
    size_t clients = local_server_clients(place->server);
    size_t sent = quick->received_len;
    size_t count = 0;
    char *line = malloc(LONG_LINE);

    assert_non_null(line);
    memset(line, 'x', LONG_LINE);
    line[LONG_LINE - 1] = '\n';
    while (local_server_clients(place->server) == clients) {
        assert_true(count < 8 * LINE_LOG_BYTES_MAX / LONG_LINE);
        local_server_broadcast(place->server, line, LONG_LINE);
        sent += LONG_LINE;
        count++;
        peer_await(place->rig, quick, sent);
    }
    free(line);
    return count;
}

static void a_slow_client_is_dropped_and_the_others_are_not(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct peer slow;
    struct peer quick;
    size_t count;

    place_open(&place, rig);
    local_server_part(place.server, part);
    peer_connect_pipe(rig, &slow, place.path);
    peer_await(rig, &slow, strlen(PLACE_GREETING));
    peer_stop_reading(&slow);
    peer_connect_pipe(rig, &quick, place.path);
    peer_await(rig, &quick, strlen(PLACE_GREETING));
    count = broadcast_until_dropped(&place, &quick);
    assert_true(count * LONG_LINE > LINE_LOG_BYTES_MAX);
    assert_int_equal(place.partings, 1);
    local_server_broadcast(place.server, "last\n", 5);
    peer_await(rig, &quick, strlen(PLACE_GREETING) + count * LONG_LINE + 5);
    assert_string_equal(quick.received + quick.received_len - 5, "last\n");
    peer_close(rig, &slow);
    peer_close(rig, &quick);
    place_close(&place);
}

/* It has what was under way, whole lines without a gap, and then the word. */
static void a_dropped_client_that_reads_on_is_told_why(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct peer slow;
    struct peer quick;
    char expected[PARTING_SIZE];
    size_t lines = 0;
    size_t len;

    place_open(&place, rig);
    local_server_part(place.server, part);
    peer_connect_pipe(rig, &slow, place.path);
    peer_await(rig, &slow, strlen(PLACE_GREETING));
    peer_stop_reading(&slow);
    peer_connect_pipe(rig, &quick, place.path);
    peer_await(rig, &quick, strlen(PLACE_GREETING));
    broadcast_until_dropped(&place, &quick);
    peer_read_again(&slow);
    rig_run_until(rig, &slow.ended);
    for (size_t i = strlen(PLACE_GREETING); i < slow.received_len && slow.received[i] != 'b'; i++) {
        lines += slow.received[i] == '\n';
    }
    snprintf(expected, sizeof expected, "bye slow %zu\n", lines + 1);
    len = strlen(expected);
    assert_int_equal(slow.received_len, strlen(PLACE_GREETING) + lines * LONG_LINE + len);
    assert_string_equal(slow.received + slow.received_len - len, expected);
    peer_close(rig, &slow);
    peer_close(rig, &quick);
    place_close(&place);
}

/* Many short lines, more than are kept for anybody. */
static void a_client_that_is_too_many_lines_behind_is_dropped(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct peer slow;
    struct reader quick;
    static char filling[1024 * 1024];

    memset(filling, 'x', sizeof filling - 1);
    filling[sizeof filling - 1] = '\n';
    place_open(&place, rig);
    peer_connect_pipe(rig, &slow, place.path);
    peer_await(rig, &slow, strlen(PLACE_GREETING));
    peer_stop_reading(&slow);
    /* More than the kernel takes, so that every further line has to wait. */
    local_server_broadcast(place.server, filling, sizeof filling);
    assert_int_equal(local_server_first(place.server), 1);
    place_join(&place, &quick);
    for (unsigned i = 0; i <= LINE_LOG_LINES_MAX; i++) {
        assert_int_equal(local_server_clients(place.server), 2);
        local_server_broadcast(place.server, "\n", 1);
        rig_run_until_count(rig, &quick.line_count, i + 2);
        quick.text[0] = '\0';
    }
    assert_int_equal(local_server_clients(place.server), 1);
    /* What it held up is let go of. */
    local_server_broadcast(place.server, "\n", 1);
    rig_run_until_count(rig, &quick.line_count, LINE_LOG_LINES_MAX + 3);
    assert_int_equal(local_server_first(place.server), LINE_LOG_LINES_MAX + 4 - LINE_LOG_KEPT);
    place_leave(rig, &quick);
    peer_close(rig, &slow);
    place_close(&place);
}

static void a_client_that_asks_on_without_reading_is_dropped(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct peer deaf;
    struct reader other;
    static char questions[64 * 1024];

    for (size_t i = 0; i < sizeof questions; i += 2) {
        questions[i] = '?';
        questions[i + 1] = '\n';
    }
    place_open(&place, rig);
    local_server_part(place.server, part);
    local_server_hear(place.server, place_hear);
    place_join(&place, &other);
    peer_connect_pipe(rig, &deaf, place.path);
    peer_await(rig, &deaf, strlen(PLACE_GREETING));
    peer_stop_reading(&deaf);
    for (int i = 0; place.partings == 0; i++) {
        assert_true(i < 256);
        peer_send_bytes(&deaf, questions, sizeof questions);
        rig_turn(rig);
    }
    place_run_until_clients(&place, 1);
    local_server_broadcast(place.server, "on\n", 3);
    rig_run_until_count(rig, &other.line_count, 2);
    peer_close(rig, &deaf);
    place_leave(rig, &other);
    place_close(&place);
}

static void a_client_may_go_back(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    place_open(&place, rig);
    local_server_hear(place.server, place_hear);
    for (const char *line = "abcde"; *line != '\0'; line++) {
        local_server_broadcast(place.server, (const char[]){*line, '\n'}, 2);
    }
    place_join(&place, &reader);
    conn_write(reader.conn, "go back\n", 8);
    rig_run_until_count(rig, &reader.line_count, 2);
    local_server_rewind(place.server, place.last_client, 3);
    local_server_broadcast(place.server, "f\n", 2);
    rig_run_until_count(rig, &reader.line_count, 6);
    assert_string_equal(reader.text, "hello from the server|yes|c|d|e|f|");
    local_server_rewind(place.server, place.last_client, 7);
    local_server_broadcast(place.server, "g\n", 2);
    rig_run_until_count(rig, &reader.line_count, 7);
    assert_string_equal(reader.text, "hello from the server|yes|c|d|e|f|g|");
    place_leave(rig, &reader);
    place_run_until_clients(&place, 0);
    local_server_rewind(place.server, place.last_client, 1);
    place_close(&place);
}

/* Readers that are all behind wait in the same log: what they have to get is not copied for each.
 */
static void clients_that_are_behind_catch_up_in_order(void **state)
{
    enum { CROWD = 20, LINES = 3000 };
    struct rig *rig = *state;
    struct place place;
    static struct peer peers[CROWD];
    size_t expected = strlen(PLACE_GREETING);

    place_open(&place, rig);
    for (size_t i = 0; i < CROWD; i++) {
        peer_connect_pipe(rig, &peers[i], place.path);
        peer_await(rig, &peers[i], strlen(PLACE_GREETING));
        peer_stop_reading(&peers[i]);
    }
    for (unsigned i = 0; i < LINES; i++) {
        char line[128];
        int len = snprintf(line, sizeof line, "%0100u\n", i);

        local_server_broadcast(place.server, line, (size_t)len);
        expected += (size_t)len;
    }
    for (size_t i = 0; i < CROWD; i++) {
        peer_read_again(&peers[i]);
        peer_await(rig, &peers[i], expected);
        for (unsigned k = 0; k < LINES; k++) {
            assert_int_equal(
                strtoul(peers[i].received + strlen(PLACE_GREETING) + (size_t)k * 101, NULL, 10), k);
        }
        peer_close(rig, &peers[i]);
    }
    place_close(&place);
}

static void one_client_too_many_is_turned_away(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader *readers = calloc(LOCAL_SERVER_CLIENTS_MAX, sizeof *readers);
    struct reader late;

    assert_non_null(readers);
    place_open(&place, rig);
    local_server_part(place.server, part);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        place_join(&place, &readers[i]);
    }
    assert_int_equal(place_open_reader(rig, place.path, &late), 0);
    rig_run_until(rig, &late.closed);
    assert_string_equal(late.text, "bye many 1|");
    assert_int_equal(local_server_clients(place.server), LOCAL_SERVER_CLIENTS_MAX);
    place_leave(rig, &readers[0]);
    place_run_until_clients(&place, LOCAL_SERVER_CLIENTS_MAX - 1);
    place_join(&place, &readers[0]);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        place_leave(rig, &readers[i]);
    }
    place_close(&place);
    free(readers);
}

/* Those that do not read their last line take up no more room than a few of them. */
static void a_crowd_that_is_turned_away_ends(void **state)
{
    enum { CROWD = 2 * LOCAL_SERVER_LEAVING_MAX };
    struct rig *rig = *state;
    struct place place;
    struct reader *readers = calloc(LOCAL_SERVER_CLIENTS_MAX, sizeof *readers);
    struct peer *crowd = calloc(CROWD, sizeof *crowd);
    size_t told = 0;

    assert_non_null(readers);
    assert_non_null(crowd);
    place_open(&place, rig);
    local_server_part(place.server, part);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        place_join(&place, &readers[i]);
    }
    for (size_t i = 0; i < CROWD; i++) {
        peer_connect_pipe(rig, &crowd[i], place.path);
    }
    for (size_t i = 0; i < CROWD; i++) {
        rig_run_until(rig, &crowd[i].ended);
        told += crowd[i].received_len > 0;
    }
    assert_int_equal(told, place.partings);
    assert_true(told >= LOCAL_SERVER_LEAVING_MAX);
    for (size_t i = 0; i < CROWD; i++) {
        peer_close(rig, &crowd[i]);
    }
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        place_leave(rig, &readers[i]);
    }
    place_close(&place);
    free(readers);
    free(crowd);
}

/* Many scripts start at once, while the server has not got round to any of them. */
static void a_crowd_of_clients_is_served(void **state)
{
    enum { CROWD = 200 };
    struct rig *rig = *state;
    struct place place;
    struct reader *readers = calloc(CROWD, sizeof *readers);

    assert_non_null(readers);
    place_open(&place, rig);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(place_open_reader(rig, place.path, &readers[i]), 0);
    }
    for (size_t i = 0; i < CROWD; i++) {
        rig_run_until_count(rig, &readers[i].line_count, 1);
        place_leave(rig, &readers[i]);
    }
    place_close(&place);
    free(readers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_slow_client_is_dropped_and_the_others_are_not),
        RIG_TEST(a_dropped_client_that_reads_on_is_told_why),
        RIG_TEST(a_client_that_is_too_many_lines_behind_is_dropped),
        RIG_TEST(a_client_that_asks_on_without_reading_is_dropped),
        RIG_TEST(a_client_may_go_back),
        RIG_TEST(clients_that_are_behind_catch_up_in_order),
        RIG_TEST(one_client_too_many_is_turned_away),
        RIG_TEST(a_crowd_that_is_turned_away_ends),
        RIG_TEST(a_crowd_of_clients_is_served),
    };

    return cmocka_run_group_tests_name("local_crowd", tests, NULL, NULL);
}
