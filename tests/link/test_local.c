#include "shared/link/local_client.h"
#include "shared/link/local_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/line_log.h"
#include "tests/link/rig.h"

#define GREETING "hello from the server\n"
#define CLIENT_LINE_MAX 1024u
#define PARTING_SIZE 64
#define LONG_LINE (256u * 1024)

/* A server with what its callbacks told. */
struct place {
    struct rig *rig;
    char path[RIG_PATH_SIZE];
    struct local_server *server;
    size_t greetings;
    int greet_error; /* what greet answers */
    size_t partings;
    size_t heard;
    uint64_t last_client;
    char last_line[64];
    bool closed;
    unsigned closed_count;
};

/* A reader as the product has it. */
struct reader {
    struct conn *conn;
    char text[256]; /* every line, each followed by '|' */
    size_t line_count;
    bool closed;
    int error;
};

static int greet(void *context, char **line, size_t *len)
{
    struct place *place = context;
    char *copy;

    place->greetings++;
    if (place->greet_error != 0) {
        return place->greet_error;
    }
    copy = malloc(sizeof GREETING);
    assert_non_null(copy);
    memcpy(copy, GREETING, sizeof GREETING);
    *line = copy;
    *len = sizeof GREETING - 1;
    return 0;
}

static void on_server_closed(void *context)
{
    struct place *place = context;

    place->closed = true;
    place->closed_count++;
}

static void open_at(struct place *place, struct rig *rig, const char *path)
{
    memset(place, 0, sizeof *place);
    place->rig = rig;
    strcpy(place->path, path);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, place, &place->server), 0);
}

static void open_place(struct place *place, struct rig *rig)
{
    char path[RIG_PATH_SIZE];

    rig_make_path(path);
    open_at(place, rig, path);
}

static void close_place(struct place *place)
{
    local_server_close(place->server, on_server_closed);
    local_server_close(place->server, NULL);
    rig_run_until(place->rig, &place->closed);
    rig_turn(place->rig);
    assert_int_equal(place->closed_count, 1);
}

static void on_reader_line(void *context, char *line, size_t len)
{
    struct reader *reader = context;

    reader->line_count++;
    assert_true(strlen(reader->text) + len + 2 < sizeof reader->text);
    strcat(strcat(reader->text, line), "|");
}

static void on_reader_closed(void *context, int error)
{
    struct reader *reader = context;

    reader->closed = true;
    reader->error = error;
}

static const struct conn_callbacks reader_callbacks = {
    .on_line = on_reader_line,
    .on_closed = on_reader_closed,
};

static const struct conn_limits reader_limits = {
    .line_max = CLIENT_LINE_MAX,
    .write_max = CLIENT_LINE_MAX,
};

static int open_reader(struct rig *rig, const char *path, struct reader *reader)
{
    memset(reader, 0, sizeof *reader);
    return local_client_open(&rig->loop, path, &reader_limits, &reader_callbacks, reader,
                             &reader->conn);
}

static void join(struct place *place, struct reader *reader)
{
    assert_int_equal(open_reader(place->rig, place->path, reader), 0);
    rig_run_until_count(place->rig, &reader->line_count, 1);
    assert_string_equal(reader->text, "hello from the server|");
}

static void leave(struct rig *rig, struct reader *reader)
{
    conn_close(reader->conn, ERR_CANCELLED);
    rig_run_until(rig, &reader->closed);
}

static void run_until_clients(struct place *place, size_t count)
{
    while (local_server_clients(place->server) != count) {
        uv_run(&place->rig->loop, UV_RUN_ONCE);
    }
}

static void a_client_is_greeted_and_hears_what_is_broadcast(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader readers[3];

    open_place(&place, rig);
    for (size_t i = 0; i < 3; i++) {
        join(&place, &readers[i]);
        assert_int_equal(local_server_clients(place.server), i + 1);
    }
    local_server_broadcast(place.server, "one\n", 4);
    local_server_broadcast(place.server, "two\n", 4);
    for (size_t i = 0; i < 3; i++) {
        rig_run_until_count(rig, &readers[i].line_count, 3);
        assert_string_equal(readers[i].text, "hello from the server|one|two|");
        leave(rig, &readers[i]);
    }
    run_until_clients(&place, 0);
    assert_int_equal(place.greetings, 3);
    close_place(&place);
}

static void a_client_that_has_gone_is_forgotten(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader staying;
    struct reader leaving;

    open_place(&place, rig);
    join(&place, &staying);
    join(&place, &leaving);
    leave(rig, &leaving);
    run_until_clients(&place, 1);
    local_server_broadcast(place.server, "one\n", 4);
    rig_run_until_count(rig, &staying.line_count, 2);
    leave(rig, &staying);
    close_place(&place);
}

static void a_client_killed_while_it_is_greeted_does_no_harm(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    open_place(&place, rig);
    for (size_t i = 1; i <= 20; i++) {
        assert_int_equal(open_reader(rig, place.path, &reader), 0);
        leave(rig, &reader);
    }
    join(&place, &reader);
    run_until_clients(&place, 1);
    leave(rig, &reader);
    close_place(&place);
}

static void what_a_client_says_is_thrown_away(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct peer peer;
    static char chunk[256 * 1024];

    open_place(&place, rig);
    peer_connect_pipe(rig, &peer, place.path);
    memset(chunk, 'x', sizeof chunk);
    for (int i = 0; i < 8; i++) {
        peer_send_bytes(&peer, chunk, sizeof chunk);
    }
    peer_send_bytes(&peer, "\0\n\xff\n", 4);
    peer_await(rig, &peer, strlen(GREETING));
    local_server_broadcast(place.server, "one\n", 4);
    peer_await(rig, &peer, strlen(GREETING "one\n"));
    assert_string_equal(peer.received, GREETING "one\n");
    assert_int_equal(local_server_clients(place.server), 1);
    peer_close(rig, &peer);
    close_place(&place);
}

/* To "?": as long as an agent's. */
static const char long_answer[] =
    "yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes "
    "yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes\n";

static void on_heard(void *context, uint64_t client, char *line, size_t len)
{
    struct place *place = context;

    assert_int_equal(strlen(line), len);
    place->heard++;
    place->last_client = client;
    strcpy(place->last_line, line);
    if (strcmp(line, "?") == 0) {
        local_server_answer(place->server, client, long_answer, strlen(long_answer));
    } else if (strcmp(line, "bad") == 0) {
        local_server_answer(place->server, client, "no\n", 3);
        local_server_dismiss(place->server, client);
    } else {
        local_server_answer(place->server, client, "yes\n", 4);
    }
}

static void an_answer_is_for_who_asked_alone(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader asking;
    struct reader other;

    open_place(&place, rig);
    local_server_hear(place.server, on_heard);
    join(&place, &asking);
    join(&place, &other);
    conn_write(asking.conn, "may I?\n", 7);
    rig_run_until_count(rig, &asking.line_count, 2);
    assert_string_equal(asking.text, "hello from the server|yes|");
    assert_string_equal(place.last_line, "may I?");
    local_server_broadcast(place.server, "one\n", 4);
    rig_run_until_count(rig, &other.line_count, 2);
    assert_string_equal(other.text, "hello from the server|one|");
    leave(rig, &asking);
    run_until_clients(&place, 1);
    local_server_answer(place.server, place.last_client, "late\n", 5);
    local_server_dismiss(place.server, place.last_client);
    rig_turn(rig);
    assert_int_equal(other.line_count, 2);
    leave(rig, &other);
    close_place(&place);
}

static void a_client_that_is_dismissed_gets_its_answer_first(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader bad;
    struct reader other;

    open_place(&place, rig);
    local_server_hear(place.server, on_heard);
    join(&place, &bad);
    join(&place, &other);
    conn_write(bad.conn, "bad\nmore\n", 9);
    rig_run_until(rig, &bad.closed);
    assert_string_equal(bad.text, "hello from the server|no|");
    run_until_clients(&place, 1);
    assert_int_equal(place.heard, 1);
    leave(rig, &other);
    close_place(&place);
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
    open_place(&place, rig);
    local_server_hear(place.server, on_heard);
    join(&place, &other);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer peer;

        peer_connect_pipe(rig, &peer, place.path);
        peer_await(rig, &peer, strlen(GREETING));
        assert_int_equal(local_server_clients(place.server), 2);
        peer_send_bytes(&peer, cases[i].bytes, cases[i].len);
        if (cases[i].len == 4 && cases[i].bytes[0] == 'h') {
            peer_close(rig, &peer);
            run_until_clients(&place, 1);
        } else {
            run_until_clients(&place, 1);
            peer_close(rig, &peer);
        }
        local_server_broadcast(place.server, "on\n", 3);
        rig_run_until_count(rig, &other.line_count, i + 2);
    }
    assert_int_equal(place.heard, 0);
    leave(rig, &other);
    close_place(&place);
}

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

    open_place(&place, rig);
    local_server_part(place.server, part);
    peer_connect_pipe(rig, &slow, place.path);
    peer_await(rig, &slow, strlen(GREETING));
    peer_stop_reading(&slow);
    peer_connect_pipe(rig, &quick, place.path);
    peer_await(rig, &quick, strlen(GREETING));
    count = broadcast_until_dropped(&place, &quick);
    assert_true(count * LONG_LINE > LINE_LOG_BYTES_MAX);
    assert_int_equal(place.partings, 1);
    local_server_broadcast(place.server, "last\n", 5);
    peer_await(rig, &quick, strlen(GREETING) + count * LONG_LINE + 5);
    assert_string_equal(quick.received + quick.received_len - 5, "last\n");
    peer_close(rig, &slow);
    peer_close(rig, &quick);
    close_place(&place);
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

    open_place(&place, rig);
    local_server_part(place.server, part);
    peer_connect_pipe(rig, &slow, place.path);
    peer_await(rig, &slow, strlen(GREETING));
    peer_stop_reading(&slow);
    peer_connect_pipe(rig, &quick, place.path);
    peer_await(rig, &quick, strlen(GREETING));
    broadcast_until_dropped(&place, &quick);
    peer_read_again(&slow);
    rig_run_until(rig, &slow.ended);
    for (size_t i = strlen(GREETING); i < slow.received_len && slow.received[i] != 'b'; i++) {
        lines += slow.received[i] == '\n';
    }
    snprintf(expected, sizeof expected, "bye slow %zu\n", lines + 1);
    len = strlen(expected);
    assert_int_equal(slow.received_len, strlen(GREETING) + lines * LONG_LINE + len);
    assert_string_equal(slow.received + slow.received_len - len, expected);
    peer_close(rig, &slow);
    peer_close(rig, &quick);
    close_place(&place);
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
    open_place(&place, rig);
    peer_connect_pipe(rig, &slow, place.path);
    peer_await(rig, &slow, strlen(GREETING));
    peer_stop_reading(&slow);
    /* More than the kernel takes, so that every further line has to wait. */
    local_server_broadcast(place.server, filling, sizeof filling);
    assert_int_equal(local_server_first(place.server), 1);
    join(&place, &quick);
    for (unsigned i = 0; i <= LINE_LOG_LINES_MAX; i++) {
        assert_int_equal(local_server_clients(place.server), 2);
        local_server_broadcast(place.server, "\n", 1);
        rig_run_until_count(rig, &quick.line_count, i + 2);
        quick.text[0] = '\0';
    }
    assert_int_equal(local_server_clients(place.server), 1);
    assert_int_equal(local_server_next(place.server), LINE_LOG_LINES_MAX + 3);
    /* What it held up is let go of. */
    local_server_broadcast(place.server, "\n", 1);
    rig_run_until_count(rig, &quick.line_count, LINE_LOG_LINES_MAX + 3);
    assert_int_equal(local_server_first(place.server), LINE_LOG_LINES_MAX + 4 - LINE_LOG_KEPT);
    leave(rig, &quick);
    peer_close(rig, &slow);
    close_place(&place);
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
    open_place(&place, rig);
    local_server_part(place.server, part);
    local_server_hear(place.server, on_heard);
    join(&place, &other);
    peer_connect_pipe(rig, &deaf, place.path);
    peer_await(rig, &deaf, strlen(GREETING));
    peer_stop_reading(&deaf);
    for (int i = 0; place.partings == 0; i++) {
        assert_true(i < 256);
        peer_send_bytes(&deaf, questions, sizeof questions);
        rig_turn(rig);
    }
    run_until_clients(&place, 1);
    local_server_broadcast(place.server, "on\n", 3);
    rig_run_until_count(rig, &other.line_count, 2);
    peer_close(rig, &deaf);
    leave(rig, &other);
    close_place(&place);
}

static void a_client_may_go_back(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    open_place(&place, rig);
    local_server_hear(place.server, on_heard);
    for (const char *line = "abcde"; *line != '\0'; line++) {
        local_server_broadcast(place.server, (const char[]){*line, '\n'}, 2);
    }
    join(&place, &reader);
    conn_write(reader.conn, "go back\n", 8);
    rig_run_until_count(rig, &reader.line_count, 2);
    local_server_rewind(place.server, place.last_client, 3);
    local_server_broadcast(place.server, "f\n", 2);
    rig_run_until_count(rig, &reader.line_count, 6);
    assert_string_equal(reader.text, "hello from the server|yes|c|d|e|f|");
    local_server_rewind(place.server, place.last_client, local_server_next(place.server));
    local_server_broadcast(place.server, "g\n", 2);
    rig_run_until_count(rig, &reader.line_count, 7);
    assert_string_equal(reader.text, "hello from the server|yes|c|d|e|f|g|");
    leave(rig, &reader);
    run_until_clients(&place, 0);
    local_server_rewind(place.server, place.last_client, 1);
    close_place(&place);
}

/* Readers that are all behind wait in the same log: what they have to get is not copied for each.
 */
static void clients_that_are_behind_catch_up_in_order(void **state)
{
    enum { CROWD = 20, LINES = 3000 };
    struct rig *rig = *state;
    struct place place;
    static struct peer peers[CROWD];
    size_t expected = strlen(GREETING);

    open_place(&place, rig);
    for (size_t i = 0; i < CROWD; i++) {
        peer_connect_pipe(rig, &peers[i], place.path);
        peer_await(rig, &peers[i], strlen(GREETING));
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
                strtoul(peers[i].received + strlen(GREETING) + (size_t)k * 101, NULL, 10), k);
        }
        peer_close(rig, &peers[i]);
    }
    close_place(&place);
}

static void one_client_too_many_is_turned_away(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader *readers = calloc(LOCAL_SERVER_CLIENTS_MAX, sizeof *readers);
    struct reader late;

    assert_non_null(readers);
    open_place(&place, rig);
    local_server_part(place.server, part);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        join(&place, &readers[i]);
    }
    assert_int_equal(open_reader(rig, place.path, &late), 0);
    rig_run_until(rig, &late.closed);
    assert_string_equal(late.text, "bye many 1|");
    assert_int_equal(local_server_clients(place.server), LOCAL_SERVER_CLIENTS_MAX);
    leave(rig, &readers[0]);
    run_until_clients(&place, LOCAL_SERVER_CLIENTS_MAX - 1);
    join(&place, &readers[0]);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        leave(rig, &readers[i]);
    }
    close_place(&place);
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
    open_place(&place, rig);
    local_server_part(place.server, part);
    for (size_t i = 0; i < LOCAL_SERVER_CLIENTS_MAX; i++) {
        join(&place, &readers[i]);
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
        leave(rig, &readers[i]);
    }
    close_place(&place);
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
    open_place(&place, rig);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(open_reader(rig, place.path, &readers[i]), 0);
    }
    for (size_t i = 0; i < CROWD; i++) {
        rig_run_until_count(rig, &readers[i].line_count, 1);
        leave(rig, &readers[i]);
    }
    close_place(&place);
    free(readers);
}

static void a_client_that_cannot_be_greeted_is_closed(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    open_place(&place, rig);
    place.greet_error = ERR_NOMEM;
    assert_int_equal(open_reader(rig, place.path, &reader), 0);
    rig_run_until(rig, &reader.closed);
    assert_int_equal(reader.line_count, 0);
    run_until_clients(&place, 0);
    place.greet_error = 0;
    join(&place, &reader);
    leave(rig, &reader);
    close_place(&place);
}

static void a_living_server_keeps_its_name(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct place second = {.rig = rig};
    struct reader reader;

    open_place(&place, rig);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            local_server_open(&rig->loop, place.path, NULL, greet, &second, &second.server),
            ERR_EXISTS);
    }
    join(&place, &reader);
    assert_int_equal(second.greetings, 0);
    leave(rig, &reader);
    close_place(&place);
}

static void a_name_is_free_once_its_server_has_closed(void **state)
{
    struct rig *rig = *state;
    struct place first;
    struct place second;
    struct reader reader;
    struct reader late;

    open_place(&first, rig);
    join(&first, &reader);
    close_place(&first);
    rig_run_until(rig, &reader.closed);
    open_at(&second, rig, first.path);
    join(&second, &late);
    leave(rig, &late);
    close_place(&second);
}

static void closing_delivers_what_was_broadcast_last(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    open_place(&place, rig);
    join(&place, &reader);
    local_server_broadcast(place.server, "last words\n", 11);
    close_place(&place);
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
    open_place(&place, rig);
    peer_connect_pipe(rig, &peer, place.path);
    peer_await(rig, &peer, strlen(GREETING));
    peer_stop_reading(&peer);
    for (int i = 0; i < 4; i++) {
        local_server_broadcast(place.server, line, sizeof line);
    }
    close_place(&place);
    peer_close(rig, &peer);
}

static void a_server_closed_at_once_serves_nobody(void **state)
{
    struct rig *rig = *state;
    struct place place;
    struct reader reader;

    open_place(&place, rig);
    close_place(&place);
    assert_int_equal(open_reader(rig, place.path, &reader), ERR_NOT_FOUND);
}

static void without_a_server_nothing_is_found(void **state)
{
    struct rig *rig = *state;
    struct reader reader;
    char path[RIG_PATH_SIZE];

    rig_make_path(path);
    assert_int_equal(open_reader(rig, path, &reader), ERR_NOT_FOUND);
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
    assert_int_equal(local_server_open(&rig->loop, longer, NULL, greet, &place, &place.server),
                     ERR_TOO_LONG);
    assert_int_equal(open_reader(rig, longer, &reader), ERR_TOO_LONG);
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
        RIG_TEST(a_slow_client_is_dropped_and_the_others_are_not),
        RIG_TEST(a_dropped_client_that_reads_on_is_told_why),
        RIG_TEST(a_client_that_is_too_many_lines_behind_is_dropped),
        RIG_TEST(a_client_that_asks_on_without_reading_is_dropped),
        RIG_TEST(a_client_may_go_back),
        RIG_TEST(clients_that_are_behind_catch_up_in_order),
        RIG_TEST(one_client_too_many_is_turned_away),
        RIG_TEST(a_crowd_that_is_turned_away_ends),
        RIG_TEST(a_crowd_of_clients_is_served),
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
