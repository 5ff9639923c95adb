/* Raw bytes between two streams: exact, with backpressure, to the end of both. */
#include "shared/link/pump.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/raw_stream.h"
#include "tests/link/rig.h"

#define MANY (10u * 1024 * 1024)
/* More than the kernel ever keeps of two TCP connections: 4 MiB to send and 6 MiB received, each.
 */
#define TIMES 4u

struct ground {
    struct rig *rig;
    struct peer left;
    struct peer right;
    struct pump *pump;
    bool closed;
    int error;
};

static void on_closed(void *context, int error)
{
    struct ground *ground = context;

    assert_false(ground->closed);
    ground->closed = true;
    ground->error = error;
}

static uv_stream_t *connect_peer(struct rig *rig, struct peer *peer)
{
    uv_stream_t *stream;

    assert_int_equal(raw_stream_create(&rig->loop, rig->kind != CONN_TCP, &stream), 0);
    peer_open(rig, peer, stream, stream);
    return stream;
}

static void start(struct ground *ground, void **state)
{
    uv_stream_t *left, *right;

    *ground = (struct ground){.rig = *state};
    left = connect_peer(ground->rig, &ground->left);
    right = connect_peer(ground->rig, &ground->right);
    assert_int_equal(pump_open(&ground->rig->loop, left, right, on_closed, ground, &ground->pump),
                     0);
    assert_false(ground->closed);
}

static void finish(struct ground *ground)
{
    rig_run_until(ground->rig, &ground->closed);
    peer_close(ground->rig, &ground->left);
    peer_close(ground->rig, &ground->right);
}

/* Two patterns that differ in every way. */
static char *make_bytes(unsigned seed)
{
    char *bytes = malloc(MANY);

    assert_non_null(bytes);
    for (size_t i = 0; i < MANY; i++) {
        seed = seed * 1103515245u + 12345u;
        bytes[i] = (char)(seed >> 16);
    }
    return bytes;
}

static void ten_megabytes_go_both_ways(void **state)
{
    char *there = make_bytes(1);
    char *back = make_bytes(2);
    struct ground ground;

    start(&ground, state);
    peer_send_bytes(&ground.left, there, MANY);
    peer_send_bytes(&ground.right, back, MANY);
    peer_await(ground.rig, &ground.right, MANY);
    peer_await(ground.rig, &ground.left, MANY);
    assert_memory_equal(ground.right.received, there, MANY);
    assert_memory_equal(ground.left.received, back, MANY);
    pump_close(ground.pump, ERR_CANCELLED);
    pump_close(ground.pump, ERR_IO);
    finish(&ground);
    assert_int_equal(ground.error, ERR_CANCELLED);
    free(there);
    free(back);
}

/* What nobody takes is not read: it stays with its sender. */
static void a_stuck_reader_is_not_read_for(void **state)
{
    char *there = make_bytes(1);
    struct ground ground;

    start(&ground, state);
    peer_stop_reading(&ground.right);
    for (size_t i = 0; i < TIMES; i++) {
        peer_send_bytes(&ground.left, there, MANY);
    }
    peer_send(&ground.right, "the other way is free");
    peer_await(ground.rig, &ground.left, strlen("the other way is free"));
    for (int i = 0; i < 200; i++) {
        rig_turn(ground.rig);
    }
    assert_true(uv_stream_get_write_queue_size(&ground.left.uv.stream) > 0);
    peer_read_again(&ground.right);
    peer_await(ground.rig, &ground.right, TIMES * MANY);
    for (size_t i = 0; i < TIMES; i++) {
        assert_memory_equal(ground.right.received + i * MANY, there, MANY);
    }
    pump_close(ground.pump, ERR_CANCELLED);
    finish(&ground);
    free(there);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    bool *done = request->data;

    assert_int_equal(status, 0);
    *done = true;
}

/* The one side that has ended still hears the other. */
static void an_end_is_passed_on_and_the_other_way_goes_on(void **state)
{
    struct ground ground;
    bool done = false;
    uv_shutdown_t request = {.data = &done};

    start(&ground, state);
    peer_send(&ground.left, "last words");
    assert_int_equal(uv_shutdown(&request, &ground.left.uv.stream, on_shutdown), 0);
    rig_run_until(ground.rig, &ground.right.ended);
    assert_true(done);
    assert_string_equal(ground.right.received, "last words");
    assert_false(ground.closed);
    peer_send(&ground.right, "an answer");
    peer_await(ground.rig, &ground.left, strlen("an answer"));
    peer_close(ground.rig, &ground.right);
    rig_run_until(ground.rig, &ground.closed);
    assert_int_equal(ground.error, ERR_CLOSED);
    peer_close(ground.rig, &ground.left);
}

static void a_side_that_breaks_ends_the_other(void **state)
{
    struct ground ground;

    start(&ground, state);
    peer_send(&ground.left, "x");
    peer_await(ground.rig, &ground.right, 1);
    assert_int_equal(uv_tcp_close_reset(&ground.left.uv.tcp, NULL), 0);
    rig_run_until(ground.rig, &ground.closed);
    rig_run_until(ground.rig, &ground.right.ended);
    assert_int_equal(ground.error, ERR_CLOSED);
    free(ground.left.received);
    peer_close(ground.rig, &ground.right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST_BOTH(ten_megabytes_go_both_ways),
        RIG_TEST_BOTH(a_stuck_reader_is_not_read_for),
        RIG_TEST(an_end_is_passed_on_and_the_other_way_goes_on),
        RIG_TEST(a_side_that_breaks_ends_the_other),
    };

    return cmocka_run_group_tests_name("pump", tests, NULL, NULL);
}
