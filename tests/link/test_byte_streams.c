/* Streams over lines: two ends, with a link between them that carries as much as a test lets it. */
#include "shared/link/byte_streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/raw_stream.h"
#include "tests/link/rig.h"

#define MANY (10u * 1024 * 1024)
#define ONE "0000000000000001"
#define TWO "0000000000000002"

struct line {
    struct line *next;
    size_t len;
    char text[];
};

/* One end, and the lines that it has sent and the other has not got. */
struct side {
    struct byte_streams *streams;
    struct line *first;
    struct line **last;
    size_t waiting;
    size_t most_waiting;
    size_t ended; /* how often on_ended ran */
    bool ended_in_order;
    char reason[640];
    struct wire_import read;
};

struct ground {
    struct rig *rig;
    struct side here;
    struct side there;
    struct peer peers[4]; /* here ONE, there ONE, here TWO, there TWO */
};

static void on_send(void *context, const char *text, size_t len)
{
    struct side *side = context;
    struct line *line = malloc(sizeof *line + len);

    assert_non_null(line);
    memcpy(line->text, text, len);
    line->len = len;
    line->next = NULL;
    *side->last = line;
    side->last = &line->next;
    side->waiting += len;
    if (side->waiting > side->most_waiting) {
        side->most_waiting = side->waiting;
    }
}

static size_t on_waiting(void *context)
{
    const struct side *side = context;

    return side->waiting;
}

static void on_ended(void *context, const char *import, const char *reason)
{
    struct side *side = context;

    (void)import;
    side->ended++;
    side->ended_in_order = reason == NULL;
    snprintf(side->reason, sizeof side->reason, "%s", reason != NULL ? reason : "");
}

static const struct byte_streams_callbacks callbacks = {on_send, on_waiting, on_ended};

static void open_side(struct ground *ground, struct side *side)
{
    side->last = &side->first;
    assert_int_equal(byte_streams_open(&ground->rig->loop, &callbacks, side, &side->streams), 0);
}

/* Takes the next line off the link; the caller's to free(), NULL if there is none. */
static struct line *next_line(struct side *from)
{
    struct line *line = from->first;

    if (line != NULL) {
        from->first = line->next;
        from->waiting -= line->len;
        if (from->first == NULL) {
            from->last = &from->first;
        }
    }
    return line;
}

static bool carry(struct side *from, struct side *to)
{
    struct line *line = next_line(from);

    if (line == NULL) {
        return false;
    }
    assert_int_equal(wire_import_from_line(line->text, line->len, &to->read), 0);
    assert_int_equal(byte_streams_take(to->streams, &to->read), 0);
    free(line);
    byte_streams_flush(from->streams);
    return true;
}

static void turn(struct ground *ground)
{
    while (carry(&ground->here, &ground->there) || carry(&ground->there, &ground->here)) {
    }
    uv_run(&ground->rig->loop, UV_RUN_NOWAIT);
}

static void add(struct ground *ground, struct side *side, const char *import, struct peer *peer)
{
    uv_stream_t *socket;

    assert_int_equal(raw_stream_create(&ground->rig->loop, ground->rig->kind != CONN_TCP, &socket),
                     0);
    peer_open(ground->rig, peer, socket, socket);
    assert_int_equal(byte_streams_add(side->streams, import, socket), 0);
}

static void make_ground(struct ground *ground, void **state)
{
    memset(ground, 0, sizeof *ground);
    ground->rig = *state;
    open_side(ground, &ground->here);
    open_side(ground, &ground->there);
    add(ground, &ground->here, ONE, &ground->peers[0]);
    add(ground, &ground->there, ONE, &ground->peers[1]);
    add(ground, &ground->here, TWO, &ground->peers[2]);
    add(ground, &ground->there, TWO, &ground->peers[3]);
}

static void close_side(struct side *side)
{
    struct line *line;

    byte_streams_close(side->streams);
    while ((line = next_line(side)) != NULL) {
        free(line);
    }
}

static void finish(struct ground *ground)
{
    close_side(&ground->here);
    close_side(&ground->there);
    for (size_t i = 0; i < 4; i++) {
        peer_close(ground->rig, &ground->peers[i]);
    }
}

static void await(struct ground *ground, const struct peer *peer, size_t len)
{
    while (peer->received_len < len) {
        turn(ground);
    }
    assert_int_equal(peer->received_len, len);
}

static void await_end(struct ground *ground, const struct peer *peer)
{
    while (!peer->ended) {
        turn(ground);
    }
}

static char *make_bytes(unsigned seed, size_t len)
{
    char *bytes = malloc(len);

    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1103515245u + 12345u;
        bytes[i] = (char)(seed >> 16);
    }
    return bytes;
}

/* Another stream works as if nothing were. */
static void expect_two_to_work(struct ground *ground)
{
    size_t far_len = ground->peers[3].received_len;
    size_t near_len = ground->peers[2].received_len;

    peer_send(&ground->peers[2], "ping");
    await(ground, &ground->peers[3], far_len + 4);
    peer_send(&ground->peers[3], "pong!");
    await(ground, &ground->peers[2], near_len + 5);
}

static void ten_megabytes_go_both_ways(void **state)
{
    char *there = make_bytes(1, MANY);
    char *back = make_bytes(2, MANY);
    struct ground ground;

    make_ground(&ground, state);
    peer_send_bytes(&ground.peers[0], there, MANY);
    peer_send_bytes(&ground.peers[1], back, MANY);
    while (ground.peers[0].received_len < MANY || ground.peers[1].received_len < MANY) {
        turn(&ground);
    }
    assert_memory_equal(ground.peers[1].received, there, MANY);
    assert_memory_equal(ground.peers[0].received, back, MANY);
    assert_true(ground.here.most_waiting <= BYTE_STREAMS_WAITING_MAX + 64u * 1024);
    assert_int_equal(ground.here.ended, 0);
    finish(&ground);
    free(there);
    free(back);
}

static void single_bytes_are_passed_on_at_once(void **state)
{
    struct ground ground;

    make_ground(&ground, state);
    for (size_t i = 1; i <= 1000; i++) {
        peer_send(&ground.peers[0], "x");
        await(&ground, &ground.peers[1], i);
    }
    finish(&ground);
}

/* Of a reader that is stuck no more is kept than the window. */
static void a_stuck_reader_holds_up_no_other(void **state)
{
    char *there = make_bytes(1, MANY);
    struct ground ground;

    make_ground(&ground, state);
    peer_stop_reading(&ground.peers[1]);
    peer_send_bytes(&ground.peers[0], there, MANY);
    for (int i = 0; i < 500; i++) {
        turn(&ground);
    }
    assert_true(uv_stream_get_write_queue_size(&ground.peers[0].uv.stream) > 0);
    for (int i = 0; i < 50; i++) {
        expect_two_to_work(&ground);
    }
    peer_read_again(&ground.peers[1]);
    await(&ground, &ground.peers[1], MANY);
    assert_memory_equal(ground.peers[1].received, there, MANY);
    finish(&ground);
    free(there);
}

static void count_data(struct ground *ground, const char *import, size_t *count)
{
    struct line *line;

    while ((line = next_line(&ground->here)) != NULL) {
        assert_int_equal(wire_import_from_line(line->text, line->len, &ground->here.read), 0);
        *count += ground->here.read.type == WIRE_IMPORT_DATA &&
                  strcmp(ground->here.read.import, import) == 0;
        assert_int_equal(byte_streams_take(ground->there.streams, &ground->here.read), 0);
        free(line);
    }
}

/* The link is full: nothing more is put on it until it has written something, and then each stream
 * has its turn. */
static void a_full_link_is_waited_for(void **state)
{
    char *there = make_bytes(1, MANY);
    struct ground ground;
    size_t ones = 0;
    size_t twos = 0;

    make_ground(&ground, state);
    ground.here.waiting = BYTE_STREAMS_WAITING_MAX;
    peer_send_bytes(&ground.peers[0], there, MANY);
    peer_send_bytes(&ground.peers[2], there, MANY);
    for (int i = 0; i < 100; i++) {
        rig_turn(ground.rig);
    }
    assert_null(ground.here.first);
    /* Room for one line, twice. */
    for (int i = 0; i < 2; i++) {
        ground.here.waiting = BYTE_STREAMS_WAITING_MAX - 1;
        byte_streams_flush(ground.here.streams);
        assert_non_null(ground.here.first);
        assert_null(ground.here.first->next);
        if (i == 0) {
            count_data(&ground, ONE, &ones);
        } else {
            count_data(&ground, TWO, &twos);
        }
    }
    assert_int_equal(ones, 1);
    assert_int_equal(twos, 1);
    ground.here.waiting = 0;
    byte_streams_flush(ground.here.streams);
    await(&ground, &ground.peers[1], MANY);
    await(&ground, &ground.peers[3], MANY);
    finish(&ground);
    free(there);
}

static int take(struct ground *ground, enum wire_import_type type, const char *bytes,
                int64_t credit)
{
    static struct wire_import message;

    memset(&message, 0, sizeof message);
    message.type = type;
    strcpy(message.import, ONE);
    strcpy(message.bytes, bytes);
    message.credit = credit;
    return byte_streams_take(ground->here.streams, &message);
}

static void expect_one_to_have_been_ended(struct ground *ground, const char *reason)
{
    assert_int_equal(ground->here.ended, 1);
    assert_false(ground->here.ended_in_order);
    assert_non_null(strstr(ground->here.reason, reason));
    await_end(ground, &ground->peers[0]);
    await_end(ground, &ground->peers[1]);
    assert_int_equal(ground->there.ended, 1);
    assert_non_null(strstr(ground->there.reason, "window"));
    expect_two_to_work(ground);
}

static void more_than_the_window_ends_the_stream(void **state)
{
    static char bytes[WIRE_IMPORT_BASE64_SIZE];
    struct ground ground;

    make_ground(&ground, state);
    peer_stop_reading(&ground.peers[0]);
    memset(bytes, 'A', sizeof bytes - 1);
    memcpy(bytes + sizeof bytes - 3, "A=", 3); /* 32 KiB to the byte */
    for (unsigned i = 0; i < WIRE_IMPORT_WINDOW / WIRE_IMPORT_BYTES_MAX; i++) {
        assert_int_equal(take(&ground, WIRE_IMPORT_DATA, bytes, 0), 0);
    }
    assert_int_equal(ground.here.ended, 0);
    assert_int_equal(take(&ground, WIRE_IMPORT_DATA, "AA==", 0), 0);
    peer_read_again(&ground.peers[0]);
    expect_one_to_have_been_ended(&ground, "more than it may");
    finish(&ground);
}

static void credit_for_nothing_ends_the_stream(void **state)
{
    struct ground ground;

    make_ground(&ground, state);
    assert_int_equal(take(&ground, WIRE_IMPORT_CREDIT, "", 1), 0);
    expect_one_to_have_been_ended(&ground, "more than it was sent");
    finish(&ground);
}

static void bytes_after_the_end_end_the_stream(void **state)
{
    struct ground ground;

    make_ground(&ground, state);
    assert_int_equal(take(&ground, WIRE_IMPORT_END, "", 0), 0);
    assert_int_equal(take(&ground, WIRE_IMPORT_DATA, "AAEC", 0), 0);
    expect_one_to_have_been_ended(&ground, "more than it may");
    finish(&ground);
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const texts[] = {"A",    "AAE",  "AA E", "AAEC=",    "AA\nC",
                                        "AAE_", "....", "====", "AAEC AAEC"};
    struct ground ground;

    make_ground(&ground, state);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(take(&ground, WIRE_IMPORT_DATA, texts[i], 0), ERR_INVALID);
    }
    assert_int_equal(ground.here.ended, 0);
    expect_two_to_work(&ground);
    finish(&ground);
}

static void what_is_about_no_stream_is_ignored(void **state)
{
    struct wire_import *message = calloc(1, sizeof *message);
    struct ground ground;

    make_ground(&ground, state);
    assert_non_null(message);
    strcpy(message->import, "00000000000000ff");
    strcpy(message->bytes, "AAEC");
    message->credit = 1;
    for (int type = WIRE_IMPORT_DATA; type <= WIRE_IMPORT_END; type++) {
        message->type = (enum wire_import_type)type;
        assert_int_equal(byte_streams_take(ground.here.streams, message), 0);
    }
    assert_null(ground.here.first);
    expect_two_to_work(&ground);
    finish(&ground);
    free(message);
}

/* What came before the end arrives before the end. */
static void an_end_comes_after_the_last_byte(void **state)
{
    char *there = make_bytes(1, MANY);
    struct ground ground;

    make_ground(&ground, state);
    peer_send_bytes(&ground.peers[0], there, 300000);
    while (uv_stream_get_write_queue_size(&ground.peers[0].uv.stream) > 0) {
        turn(&ground);
    }
    peer_close(ground.rig, &ground.peers[0]);
    await_end(&ground, &ground.peers[1]);
    assert_int_equal(ground.peers[1].received_len, 300000);
    assert_memory_equal(ground.peers[1].received, there, 300000);
    peer_close(ground.rig, &ground.peers[1]);
    while (ground.here.ended == 0 || ground.there.ended == 0) {
        turn(&ground);
    }
    assert_true(ground.there.ended_in_order);
    assert_int_equal(byte_streams_count(ground.here.streams), 1);
    assert_int_equal(byte_streams_count(ground.there.streams), 1);
    expect_two_to_work(&ground);
    close_side(&ground.here);
    close_side(&ground.there);
    peer_close(ground.rig, &ground.peers[2]);
    peer_close(ground.rig, &ground.peers[3]);
    free(there);
}

static void an_end_in_the_middle_loses_no_other(void **state)
{
    char *there = make_bytes(1, MANY);
    struct ground ground;

    make_ground(&ground, state);
    peer_send_bytes(&ground.peers[0], there, MANY);
    peer_send_bytes(&ground.peers[1], there, MANY);
    for (int i = 0; i < 20; i++) {
        turn(&ground);
    }
    peer_close(ground.rig, &ground.peers[1]);
    await_end(&ground, &ground.peers[0]);
    expect_two_to_work(&ground);
    close_side(&ground.here);
    close_side(&ground.there);
    peer_close(ground.rig, &ground.peers[0]);
    peer_close(ground.rig, &ground.peers[2]);
    peer_close(ground.rig, &ground.peers[3]);
    free(there);
}

static void the_links_end_ends_them_all(void **state)
{
    struct ground ground;

    make_ground(&ground, state);
    byte_streams_drop(ground.here.streams);
    assert_int_equal(byte_streams_count(ground.here.streams), 0);
    rig_run_until(ground.rig, &ground.peers[0].ended);
    rig_run_until(ground.rig, &ground.peers[2].ended);
    assert_int_equal(ground.here.ended, 0);
    finish(&ground);
}

static void there_are_as_many_as_there_are_ports(void **state)
{
    struct rig *rig = *state;
    struct side side = {.last = &side.first};
    uv_stream_t *socket;
    char import[WIRE_IMPORT_SIZE];
    struct peer *peers = calloc(BYTE_STREAMS_MAX + 1, sizeof *peers);

    assert_non_null(peers);
    assert_int_equal(byte_streams_open(&rig->loop, &callbacks, &side, &side.streams), 0);
    for (unsigned i = 0; i <= BYTE_STREAMS_MAX; i++) {
        int expected = i < BYTE_STREAMS_MAX ? 0 : ERR_FULL;

        snprintf(import, sizeof import, "%016x", i);
        assert_int_equal(raw_stream_create(&rig->loop, rig->kind != CONN_TCP, &socket), 0);
        peer_open(rig, &peers[i], socket, socket);
        assert_int_equal(byte_streams_add(side.streams, import, socket), expected);
    }
    byte_streams_drop(side.streams);
    for (unsigned i = 0; i <= BYTE_STREAMS_MAX; i++) {
        rig_run_until(rig, &peers[i].ended);
        peer_close(rig, &peers[i]);
    }
    close_side(&side);
    free(peers);
}

static void a_name_is_taken_once(void **state)
{
    struct ground ground;
    uv_stream_t *socket;
    struct peer peer;

    make_ground(&ground, state);
    assert_int_equal(raw_stream_create(&ground.rig->loop, false, &socket), 0);
    peer_open(ground.rig, &peer, socket, socket);
    assert_int_equal(byte_streams_add(ground.here.streams, ONE, socket), ERR_EXISTS);
    rig_run_until(ground.rig, &peer.ended);
    peer_close(ground.rig, &peer);
    expect_two_to_work(&ground);
    finish(&ground);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST_BOTH(ten_megabytes_go_both_ways),
        RIG_TEST_BOTH(single_bytes_are_passed_on_at_once),
        RIG_TEST_BOTH(a_stuck_reader_holds_up_no_other),
        RIG_TEST(a_full_link_is_waited_for),
        RIG_TEST(more_than_the_window_ends_the_stream),
        RIG_TEST(credit_for_nothing_ends_the_stream),
        RIG_TEST(bytes_after_the_end_end_the_stream),
        RIG_TEST(what_is_no_base64_is_refused),
        RIG_TEST(what_is_about_no_stream_is_ignored),
        RIG_TEST(an_end_comes_after_the_last_byte),
        RIG_TEST(an_end_in_the_middle_loses_no_other),
        RIG_TEST(the_links_end_ends_them_all),
        RIG_TEST(there_are_as_many_as_there_are_ports),
        RIG_TEST(a_name_is_taken_once),
    };

    return cmocka_run_group_tests_name("byte_streams", tests, NULL, NULL);
}
