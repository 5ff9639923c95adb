#include "shared/link/local_client.h"
#include "shared/link/local_server.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/link/place.h"

static void a_client_is_greeted_and_hears_what_is_broadcast(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader readers[3];

    place_open(&place, rig);
    for (size_t i = 0; i < 3; i++) {
        place_join(&place, &readers[i]);
        assert_int_equal(local_server_clients(place.server), i + 1);
    }
    local_server_broadcast(place.server, "one\n", 4);
    local_server_broadcast(place.server, "two\n", 4);
    for (size_t i = 0; i < 3; i++) {
        rig_run_until_count(rig, &readers[i].line_count, 3);
        assert_string_equal(readers[i].text, "hello from the server|one|two|");
        place_leave(rig, &readers[i]);
    }
    place_run_until_clients(&place, 0);
    assert_int_equal(place.greetings, 3);
    place_close(&place);
}

static void a_client_that_has_gone_is_forgotten(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader staying;
    struct reader leaving;

    place_open(&place, rig);
    place_join(&place, &staying);
    place_join(&place, &leaving);
    place_leave(rig, &leaving);
    place_run_until_clients(&place, 1);
    local_server_broadcast(place.server, "one\n", 4);
    rig_run_until_count(rig, &staying.line_count, 2);
    place_leave(rig, &staying);
    place_close(&place);
}

static void a_client_killed_while_it_is_greeted_does_no_harm(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    place_open(&place, rig);
    for (size_t i = 1; i <= 20; i++) {
        assert_int_equal(place_open_reader(rig, place.path, &reader), 0);
        place_leave(rig, &reader);
    }
    place_join(&place, &reader);
    place_run_until_clients(&place, 1);
    place_leave(rig, &reader);
    place_close(&place);
}

static void what_a_client_says_is_thrown_away(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct peer peer;
    static char chunk[256 * 1024];

    place_open(&place, rig);
    peer_connect_pipe(rig, &peer, place.path);
    memset(chunk, 'x', sizeof chunk);
    for (int i = 0; i < 8; i++) {
        peer_send_bytes(&peer, chunk, sizeof chunk);
    }
    peer_send_bytes(&peer, "\0\n\xff\n", 4);
    peer_await(rig, &peer, strlen(PLACE_GREETING));
    local_server_broadcast(place.server, "one\n", 4);
    peer_await(rig, &peer, strlen(PLACE_GREETING "one\n"));
    assert_string_equal(peer.received, PLACE_GREETING "one\n");
    assert_int_equal(local_server_clients(place.server), 1);
    peer_close(rig, &peer);
    place_close(&place);
}

static void an_answer_is_for_who_asked_alone(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader asking;
    struct reader other;

    place_open(&place, rig);
    local_server_hear(place.server, place_hear);
    place_join(&place, &asking);
    place_join(&place, &other);
    conn_write(asking.conn, "may I?\n", 7);
    rig_run_until_count(rig, &asking.line_count, 2);
    assert_string_equal(asking.text, "hello from the server|yes|");
    assert_string_equal(place.last_line, "may I?");
    local_server_broadcast(place.server, "one\n", 4);
    rig_run_until_count(rig, &other.line_count, 2);
    assert_string_equal(other.text, "hello from the server|one|");
    place_leave(rig, &asking);
    place_run_until_clients(&place, 1);
    local_server_answer(place.server, place.last_client, "late\n", 5);
    local_server_dismiss(place.server, place.last_client);
    rig_turn(rig);
    assert_int_equal(other.line_count, 2);
    place_leave(rig, &other);
    place_close(&place);
}

static void a_client_that_is_dismissed_gets_its_answer_first(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader bad;
    struct reader other;

    place_open(&place, rig);
    local_server_hear(place.server, place_hear);
    place_join(&place, &bad);
    place_join(&place, &other);
    conn_write(bad.conn, "bad\nmore\n", 9);
    rig_run_until(rig, &bad.closed);
    assert_string_equal(bad.text, "hello from the server|no|");
    place_run_until_clients(&place, 1);
    assert_int_equal(place.heard, 1);
    place_leave(rig, &other);
    place_close(&place);
}

/* Lines without end, a NUL, half a line: each drops its client, and the others hear on. */
static void a_heard_client_that_sends_rubbish_is_dropped(void **state)
{
    static char chunk[10 * 1024 * 1024];
    const struct {
        const char *bytes;
        size_t len;
    } cases[] = {{chunk, sizeof chunk}, {"a\0b\n", 4}, {"half", 4}};
    struct rig *rig = *state;
    struct place place;
    struct reader other;

    memset(chunk, 'x', sizeof chunk);
    place_open(&place, rig);
    local_server_hear(place.server, place_hear);
    place_join(&place, &other);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer peer;

        peer_connect_pipe(rig, &peer, place.path);
        peer_await(rig, &peer, strlen(PLACE_GREETING));
        assert_int_equal(local_server_clients(place.server), 2);
        peer_send_bytes(&peer, cases[i].bytes, cases[i].len);
        if (cases[i].len == 4 && cases[i].bytes[0] == 'h') {
            peer_close(rig, &peer);
            place_run_until_clients(&place, 1);
        } else {
            place_run_until_clients(&place, 1);
            peer_close(rig, &peer);
        }
        local_server_broadcast(place.server, "on\n", 3);
        rig_run_until_count(rig, &other.line_count, i + 2);
    }
    assert_int_equal(place.heard, 0);
    place_leave(rig, &other);
    place_close(&place);
}

static void a_client_that_cannot_be_greeted_is_closed(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    place_open(&place, rig);
    place.greet_error = ERR_NOMEM;
    assert_int_equal(place_open_reader(rig, place.path, &reader), 0);
    rig_run_until(rig, &reader.closed);
    assert_int_equal(reader.line_count, 0);
    place_run_until_clients(&place, 0);
    place.greet_error = 0;
    place_join(&place, &reader);
    place_leave(rig, &reader);
    place_close(&place);
}

static void a_living_server_keeps_its_name(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct place second = {.rig = rig};
    struct reader reader;

    place_open(&place, rig);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            local_server_open(&rig->loop, place.path, NULL, place_greet, &second, &second.server),
            ERR_EXISTS);
    }
    place_join(&place, &reader);
    assert_int_equal(second.greetings, 0);
    place_leave(rig, &reader);
    place_close(&place);
}

static void a_name_is_free_once_its_server_has_closed(void **state)
{
    struct rig *rig = *state;
    struct place first;
    struct place second;
    struct reader reader;
    struct reader late;

    place_open(&first, rig);
    place_join(&first, &reader);
    place_close(&first);
    rig_run_until(rig, &reader.closed);
    place_open_at(&second, rig, first.path);
    place_join(&second, &late);
    place_leave(rig, &late);
    place_close(&second);
}

static void closing_delivers_what_was_broadcast_last(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    place_open(&place, rig);
    place_join(&place, &reader);
    local_server_broadcast(place.server, "last words\n", 11);
    place_close(&place);
    rig_run_until(rig, &reader.closed);
    assert_string_equal(reader.text, "hello from the server|last words|");
    assert_int_equal(reader.error, ERR_CLOSED);
}

static void closing_does_not_wait_for_a_client_that_never_reads(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct peer peer;
    static char line[1024 * 1024];

    memset(line, 'x', sizeof line);
    place_open(&place, rig);
    peer_connect_pipe(rig, &peer, place.path);
    peer_await(rig, &peer, strlen(PLACE_GREETING));
    peer_stop_reading(&peer);
    for (int i = 0; i < 4; i++) {
        local_server_broadcast(place.server, line, sizeof line);
    }
    place_close(&place);
    peer_close(rig, &peer);
}

static void a_server_closed_at_once_serves_nobody(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    place_open(&place, rig);
    place_close(&place);
    assert_int_equal(place_open_reader(rig, place.path, &reader), ERR_NOT_FOUND);
}

static void without_a_server_nothing_is_found(void **state)
{
    struct rig *rig = *state;
    struct reader reader;
    char path[RIG_PATH_SIZE];

    rig_make_path(path);
    assert_int_equal(place_open_reader(rig, path, &reader), ERR_NOT_FOUND);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    struct rig *rig = *state;
    struct place place = {.rig = rig};
    struct reader reader;
    char path[RIG_PATH_SIZE];
    char longer[1024];

    rig_make_path(path);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    memcpy(longer, path, strlen(path));
    assert_int_equal(
        local_server_open(&rig->loop, longer, NULL, place_greet, &place, &place.server),
        ERR_TOO_LONG);
    assert_int_equal(place_open_reader(rig, longer, &reader), ERR_TOO_LONG);
}

static void the_default_path_names_this_programs_stream(void **state)
{
    char path[256];
    char small[8];

    (void)state;
    assert_int_equal(local_client_default_path(path, sizeof path), 0);
    assert_non_null(strstr(path, "ttyferry"));
    assert_int_equal(local_client_default_path(small, sizeof small), ERR_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_client_is_greeted_and_hears_what_is_broadcast),
        RIG_TEST(a_client_that_has_gone_is_forgotten),
        RIG_TEST(a_client_killed_while_it_is_greeted_does_no_harm),
        RIG_TEST(what_a_client_says_is_thrown_away),
        RIG_TEST(an_answer_is_for_who_asked_alone),
        RIG_TEST(a_client_that_is_dismissed_gets_its_answer_first),
        RIG_TEST(a_heard_client_that_sends_rubbish_is_dropped),
        RIG_TEST(a_client_that_cannot_be_greeted_is_closed),
        RIG_TEST(a_living_server_keeps_its_name),
        RIG_TEST(a_name_is_free_once_its_server_has_closed),
        RIG_TEST(closing_delivers_what_was_broadcast_last),
        RIG_TEST(closing_does_not_wait_for_a_client_that_never_reads),
        RIG_TEST(a_server_closed_at_once_serves_nobody),
        RIG_TEST(without_a_server_nothing_is_found),
        RIG_TEST(a_path_that_is_too_long_is_refused),
        RIG_TEST(the_default_path_names_this_programs_stream),
    };

    return cmocka_run_group_tests_name("local", tests, NULL, NULL);
}
