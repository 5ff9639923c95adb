#include "shared/link/dial.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/listen.h"
#include "tests/link/recorder.h"
#include "tests/link/rig.h"

/* A dial that a test watches, and on the other end a listen, a raw server, or nobody. */
struct call {
    struct rig *rig;
    struct dial *dial;
    struct recorder us;
    bool dial_closed;
    unsigned dial_closed_count;
    bool close_in_on_closed;
    bool kick_in_on_closed;
    uint64_t waits_ms[8]; /* until the next try, as each on_closed found it */
    struct listen *listen;
    struct recorder them;
    bool listen_closed;
    uv_tcp_t deaf; /* holds a port at which nobody listens */
    bool deaf_closed;
};

static void on_dial_closed(void *context)
{
    struct call *call = ((struct recorder *)context)->owner;

    call->dial_closed = true;
    call->dial_closed_count++;
}

static void on_listen_closed(void *context)
{
    struct call *call = ((struct recorder *)context)->owner;

    call->listen_closed = true;
}

static void after_closed(struct recorder *recorder)
{
    struct call *call = recorder->owner;
    size_t index = recorder->closed_count - 1;

    if (call->close_in_on_closed) {
        dial_close(call->dial, on_dial_closed);
    } else if (call->kick_in_on_closed) {
        call->kick_in_on_closed = false;
        dial_kick(call->dial);
    } else if (!call->listen && !call->dial_closed && index < 8) {
        call->waits_ms[index] = rig_timer_due_ms(call->rig);
    }
}

static void init(struct call *call, struct rig *rig)
{
    memset(call, 0, sizeof *call);
    call->rig = rig;
    call->us.owner = call;
    call->them.owner = call;
}

static uint16_t start_listening(struct call *call, uint16_t port)
{
    assert_int_equal(listen_open(&call->rig->loop, "127.0.0.1", port, &recorder_guest,
                                 &recorder_callbacks, &call->them, &call->listen),
                     0);
    return listen_port(call->listen);
}

static void stop_listening(struct call *call)
{
    call->listen_closed = false;
    listen_close(call->listen, on_listen_closed);
    rig_run_until(call->rig, &call->listen_closed);
    call->listen = NULL;
}

/* Takes a port (0: any) and does not listen at it. A port that was merely free could be the very
 * one that the system gives to the dial, which would then connect to itself. */
static uint16_t hold_deaf_port(struct call *call, uint16_t port)
{
    struct sockaddr_in address;
    int size = sizeof address;

    assert_int_equal(uv_tcp_init(&call->rig->loop, &call->deaf), 0);
    call->deaf.data = call;
    assert_int_equal(uv_ip4_addr("127.0.0.1", port, &address), 0);
    assert_int_equal(uv_tcp_bind(&call->deaf, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_tcp_getsockname(&call->deaf, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void on_deaf_closed(uv_handle_t *handle)
{
    struct call *call = handle->data;

    call->deaf_closed = true;
}

static void release_deaf_port(struct call *call)
{
    call->deaf_closed = false;
    uv_close((uv_handle_t *)&call->deaf, on_deaf_closed);
    rig_run_until(call->rig, &call->deaf_closed);
}

/* The tries under way: what there is of TCP besides the deaf port. */
static size_t count_tries(const struct call *call)
{
    return rig_count_handles(call->rig, UV_TCP) - 1;
}

static void start_dialling(struct call *call, uint16_t port)
{
    assert_int_equal(dial_open(&call->rig->loop, "127.0.0.1", port, &recorder_host,
                               &recorder_callbacks, &call->us, &call->dial),
                     0);
}

static void stop_dialling(struct call *call)
{
    dial_close(call->dial, on_dial_closed);
    dial_close(call->dial, NULL);
    rig_run_until(call->rig, &call->dial_closed);
    rig_turn(call->rig);
    assert_int_equal(call->dial_closed_count, 1);
}

static void a_dial_brings_a_session_up(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, start_listening(&call, 0));
    assert_null(call.us.session);
    rig_run_until(rig, &call.us.up);
    rig_run_until(rig, &call.them.up);
    assert_string_equal(call.us.peer.run, recorder_guest.run);
    assert_int_equal(session_write(call.us.session, "hello\n", 6), 0);
    rig_run_until_count(rig, &call.them.line_count, 1);
    assert_string_equal(call.them.last_line, "hello");
    stop_dialling(&call);
    rig_run_until(rig, &call.them.closed);
    assert_int_equal(call.us.closed_count, 1);
    assert_int_equal(call.us.error, ERR_CANCELLED);
    stop_listening(&call);
}

static void an_ipv6_address_is_reached_as_well(void **state)
{
    struct rig *rig = *state;
    static struct call call;
    int result;

    init(&call, rig);
    result = listen_open(&rig->loop, "::1", 0, &recorder_guest, &recorder_callbacks, &call.them,
                         &call.listen);
    if (result == ERR_UNREACHABLE || result == ERR_UNSUPPORTED) {
        print_message("SKIPPED: this machine has no ::1\n");
        skip();
    }
    assert_int_equal(result, 0);
    assert_int_equal(dial_open(&rig->loop, "::1", listen_port(call.listen), &recorder_host,
                               &recorder_callbacks, &call.us, &call.dial),
                     0);
    rig_run_until(rig, &call.us.up);
    rig_run_until(rig, &call.them.up);
    stop_dialling(&call);
    stop_listening(&call);
}

static void closing_says_bye_to_a_session_that_is_up(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, start_listening(&call, 0));
    rig_run_until(rig, &call.us.up);
    rig_run_until(rig, &call.them.up);
    stop_dialling(&call);
    rig_run_until(rig, &call.them.closed);
    assert_int_equal(call.them.line_count, 1);
    assert_non_null(strstr(call.them.last_line, "\"code\":\"shutdown\""));
    stop_listening(&call);
}

static void a_refused_try_is_told_and_followed_by_the_next(void **state)
{
    struct rig *rig = *state;
    static struct call call;
    uint16_t port;

    init(&call, rig);
    port = hold_deaf_port(&call, 0);
    start_dialling(&call, port);
    rig_run_until(rig, &call.us.closed);
    assert_int_equal(call.us.error, ERR_REFUSED);
    assert_false(call.us.was_up);
    assert_false(call.us.had_session);
    release_deaf_port(&call);
    start_listening(&call, port);
    rig_run_until(rig, &call.us.up);
    stop_dialling(&call);
    stop_listening(&call);
}

static void waits_double_while_nobody_listens(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, hold_deaf_port(&call, 0));
    call.us.after_closed = after_closed;
    rig_run_until_count(rig, &call.us.closed_count, 3);
    assert_int_equal(call.waits_ms[0], DIAL_FIRST_MS);
    assert_int_equal(call.waits_ms[1], 2 * DIAL_FIRST_MS);
    assert_int_equal(call.waits_ms[2], 4 * DIAL_FIRST_MS);
    stop_dialling(&call);
    release_deaf_port(&call);
}

static void a_kick_tries_at_once_and_starts_the_waits_over(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, hold_deaf_port(&call, 0));
    call.us.after_closed = after_closed;
    rig_run_until_count(rig, &call.us.closed_count, 2);
    assert_int_equal(count_tries(&call), 0);
    dial_kick(call.dial);
    assert_int_equal(count_tries(&call), 1);
    dial_kick(call.dial); /* One try at a time. */
    assert_int_equal(count_tries(&call), 1);
    rig_run_until_count(rig, &call.us.closed_count, 3);
    assert_int_equal(call.waits_ms[1], 2 * DIAL_FIRST_MS);
    assert_int_equal(call.waits_ms[2], DIAL_FIRST_MS);
    stop_dialling(&call);
    release_deaf_port(&call);
}

static void a_kick_inside_on_closed_tries_at_once(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, hold_deaf_port(&call, 0));
    call.us.after_closed = after_closed;
    call.kick_in_on_closed = true;
    rig_run_until(rig, &call.us.closed);
    assert_int_equal(count_tries(&call), 1);
    rig_run_until_count(rig, &call.us.closed_count, 2);
    stop_dialling(&call);
    release_deaf_port(&call);
}

/* What WSL's relay does where nobody listens behind it. */
struct relay {
    uv_tcp_t server;
    uv_tcp_t client;
    bool closed;
};

static void on_relay_connection(uv_stream_t *server, int status)
{
    struct relay *relay = server->data;

    assert_int_equal(status, 0);
    assert_int_equal(uv_tcp_init(server->loop, &relay->client), 0);
    assert_int_equal(uv_accept(server, (uv_stream_t *)&relay->client), 0);
    uv_close((uv_handle_t *)&relay->client, NULL);
}

static void on_relay_closed(uv_handle_t *handle)
{
    struct relay *relay = handle->data;

    relay->closed = true;
}

static uint16_t open_relay(struct rig *rig, struct relay *relay)
{
    struct sockaddr_in address;
    int size = sizeof address;

    relay->closed = false;
    assert_int_equal(uv_tcp_init(&rig->loop, &relay->server), 0);
    relay->server.data = relay;
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&relay->server, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&relay->server, 4, on_relay_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&relay->server, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void a_relay_that_accepts_and_closes_counts_as_a_failure(void **state)
{
    struct rig *rig = *state;
    static struct call call;
    struct relay relay;

    init(&call, rig);
    start_dialling(&call, open_relay(rig, &relay));
    call.us.after_closed = after_closed;
    rig_run_until_count(rig, &call.us.closed_count, 3);
    assert_false(call.us.up);
    assert_false(call.us.was_up);
    assert_true(call.us.had_session);
    assert_int_equal(call.us.error, ERR_CLOSED);
    assert_int_equal(call.waits_ms[0], DIAL_FIRST_MS);
    assert_int_equal(call.waits_ms[1], 2 * DIAL_FIRST_MS);
    assert_int_equal(call.waits_ms[2], 4 * DIAL_FIRST_MS);
    stop_dialling(&call);
    uv_close((uv_handle_t *)&relay.server, on_relay_closed);
    rig_run_until(rig, &relay.closed);
}

static void the_peers_hello_starts_the_waits_over(void **state)
{
    struct rig *rig = *state;
    static struct call call;
    uint16_t port;

    init(&call, rig);
    port = hold_deaf_port(&call, 0);
    start_dialling(&call, port);
    call.us.after_closed = after_closed;
    rig_run_until_count(rig, &call.us.closed_count, 2);
    release_deaf_port(&call);
    start_listening(&call, port);
    rig_run_until(rig, &call.us.up);
    stop_listening(&call);
    hold_deaf_port(&call, port);
    /* The first wait after the session's end was found with nobody listening any more. */
    rig_run_until_count(rig, &call.us.closed_count, 4);
    assert_int_equal(call.waits_ms[1], 2 * DIAL_FIRST_MS);
    assert_int_equal(call.waits_ms[3], 2 * DIAL_FIRST_MS);
    stop_dialling(&call);
    release_deaf_port(&call);
}

static void a_session_that_ends_is_followed_by_a_new_one(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, start_listening(&call, 0));
    rig_run_until(rig, &call.us.up);
    rig_run_until(rig, &call.them.up);
    session_close(call.them.session, ERR_CANCELLED);
    rig_run_until_count(rig, &call.us.up_count, 2);
    assert_int_equal(call.us.closed_count, 1);
    assert_true(call.us.was_up);
    stop_dialling(&call);
    stop_listening(&call);
}

static void a_peer_that_wants_no_host_now_is_left_alone_for_a_while(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, start_listening(&call, 0));
    rig_run_until(rig, &call.us.up);
    dial_defer(call.dial);
    stop_listening(&call);
    rig_run_until(rig, &call.us.closed);
    assert_in_range(rig_timer_due_ms(rig), DIAL_MAX_MS - 1000, DIAL_MAX_MS);
    /* A reason to look for it counts more. */
    dial_kick(call.dial);
    rig_run_until_count(rig, &call.us.closed_count, 2);
    assert_in_range(rig_timer_due_ms(rig), 1, DIAL_EAGER_MAX_MS);
    stop_dialling(&call);
}

/* Both ends stand still, for they share a loop; each tells of it. */
static void a_gap_is_handed_on_by_both_ends(void **state)
{
    struct handshake_config host = recorder_host;
    struct handshake_config guest = recorder_guest;
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    host.heartbeat_ms = guest.heartbeat_ms = 5;
    assert_int_equal(listen_open(&rig->loop, "127.0.0.1", 0, &guest, &recorder_callbacks,
                                 &call.them, &call.listen),
                     0);
    assert_int_equal(dial_open(&rig->loop, "127.0.0.1", listen_port(call.listen), &host,
                               &recorder_callbacks, &call.us, &call.dial),
                     0);
    rig_run_until(rig, &call.us.up);
    rig_run_until(rig, &call.them.up);
    uv_sleep(100);
    rig_run_until_count(rig, &call.us.gap_count, 1);
    rig_run_until_count(rig, &call.them.gap_count, 1);
    stop_dialling(&call);
    stop_listening(&call);
}

static void a_peer_of_the_same_role_is_told_and_tried_again(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    assert_int_equal(listen_open(&rig->loop, "127.0.0.1", 0, &recorder_host, &recorder_callbacks,
                                 &call.them, &call.listen),
                     0);
    start_dialling(&call, listen_port(call.listen));
    rig_run_until_count(rig, &call.us.closed_count, 2);
    assert_false(call.us.up);
    assert_false(call.them.up);
    assert_non_null(strstr(call.us.reason, "host agents"));
    stop_dialling(&call);
    stop_listening(&call);
}

static void closing_while_connecting_ends_in_one_on_closed(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, start_listening(&call, 0));
    stop_dialling(&call);
    assert_int_equal(call.us.closed_count, 1);
    assert_int_equal(call.us.error, ERR_CANCELLED);
    assert_false(call.us.was_up);
    assert_false(call.us.had_session);
    stop_listening(&call);
}

static void closing_while_waiting_ends_without_another_try(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, hold_deaf_port(&call, 0));
    rig_run_until(rig, &call.us.closed);
    stop_dialling(&call);
    assert_int_equal(call.us.closed_count, 1);
    release_deaf_port(&call);
}

static void closing_inside_on_closed_is_safe(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, hold_deaf_port(&call, 0));
    call.us.after_closed = after_closed;
    call.close_in_on_closed = true;
    rig_run_until(rig, &call.dial_closed);
    assert_int_equal(call.us.closed_count, 1);
    assert_int_equal(call.dial_closed_count, 1);
    release_deaf_port(&call);
}

static void a_kick_after_closing_does_nothing(void **state)
{
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    start_dialling(&call, hold_deaf_port(&call, 0));
    rig_run_until(rig, &call.us.closed);
    dial_close(call.dial, on_dial_closed);
    dial_kick(call.dial);
    assert_int_equal(count_tries(&call), 0);
    rig_run_until(rig, &call.dial_closed);
    assert_int_equal(call.us.closed_count, 1);
    release_deaf_port(&call);
}

/* Both ends stand still, as in sleep. */
static void a_gap_is_told_at_both_ends(void **state)
{
    struct handshake_config host = recorder_host;
    struct handshake_config guest = recorder_guest;
    struct rig *rig = *state;
    static struct call call;

    init(&call, rig);
    host.heartbeat_ms = 20;
    guest.heartbeat_ms = 20;
    assert_int_equal(listen_open(&rig->loop, "127.0.0.1", 0, &guest, &recorder_callbacks,
                                 &call.them, &call.listen),
                     0);
    assert_int_equal(dial_open(&rig->loop, "127.0.0.1", listen_port(call.listen), &host,
                               &recorder_callbacks, &call.us, &call.dial),
                     0);
    rig_run_until(rig, &call.us.up);
    rig_run_until(rig, &call.them.up);
    uv_sleep(100);
    rig_run_until_count(rig, &call.us.gap_count, 1);
    rig_run_until_count(rig, &call.them.gap_count, 1);
    assert_false(call.us.closed);
    stop_dialling(&call);
    stop_listening(&call);
}

static void an_address_must_be_numeric(void **state)
{
    static const char *const addresses[] = {"", "localhost", "127.0.0.1:1", "256.0.0.1", "::g"};
    struct rig *rig = *state;
    struct recorder us = {0};
    struct dial *dial;

    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        assert_int_equal(
            dial_open(&rig->loop, addresses[i], 1, &recorder_host, &recorder_callbacks, &us, &dial),
            ERR_INVALID);
    }
    assert_false(us.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_dial_brings_a_session_up),
        RIG_TEST(an_ipv6_address_is_reached_as_well),
        RIG_TEST(closing_says_bye_to_a_session_that_is_up),
        RIG_TEST(a_refused_try_is_told_and_followed_by_the_next),
        RIG_TEST(waits_double_while_nobody_listens),
        RIG_TEST(a_kick_tries_at_once_and_starts_the_waits_over),
        RIG_TEST(a_kick_inside_on_closed_tries_at_once),
        RIG_TEST(a_relay_that_accepts_and_closes_counts_as_a_failure),
        RIG_TEST(the_peers_hello_starts_the_waits_over),
        RIG_TEST(a_session_that_ends_is_followed_by_a_new_one),
        RIG_TEST(a_peer_that_wants_no_host_now_is_left_alone_for_a_while),
        RIG_TEST(a_gap_is_handed_on_by_both_ends),
        RIG_TEST(a_peer_of_the_same_role_is_told_and_tried_again),
        RIG_TEST(closing_while_connecting_ends_in_one_on_closed),
        RIG_TEST(closing_while_waiting_ends_without_another_try),
        RIG_TEST(closing_inside_on_closed_is_safe),
        RIG_TEST(a_kick_after_closing_does_nothing),
        RIG_TEST(a_gap_is_told_at_both_ends),
        RIG_TEST(an_address_must_be_numeric),
    };

    return cmocka_run_group_tests_name("dial", tests, NULL, NULL);
}
