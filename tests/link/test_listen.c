#include "shared/link/listen.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/link/recorder.h"
#include "tests/link/rig.h"

#define HOST_HELLO                                                                                 \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"host\",\"agent\":\"raw\","                      \
    "\"run\":\"cccccccccccccccc\",\"auth\":{\"method\":\"none\"}}\n"

struct house {
    struct rig *rig;
    struct listen *listen;
    struct recorder us; /* all sessions write into this one */
    bool listen_closed;
    unsigned listen_closed_count;
};

static void on_listen_closed(void *context)
{
    struct house *house = ((struct recorder *)context)->owner;

    house->listen_closed = true;
    house->listen_closed_count++;
}

static void open_house(struct house *house, struct rig *rig)
{
    memset(house, 0, sizeof *house);
    house->rig = rig;
    house->us.owner = house;
    assert_int_equal(listen_open(&rig->loop, "127.0.0.1", 0, &recorder_guest, &recorder_callbacks,
                                 &house->us, &house->listen),
                     0);
    assert_int_not_equal(listen_port(house->listen), 0);
}

static void close_house(struct house *house)
{
    listen_close(house->listen, on_listen_closed);
    listen_close(house->listen, NULL);
    rig_run_until(house->rig, &house->listen_closed);
    rig_turn(house->rig);
    assert_int_equal(house->listen_closed_count, 1);
}

static void visit(struct house *house, struct peer *peer)
{
    peer_connect_tcp(house->rig, peer, listen_port(house->listen));
}

static void await_text(struct rig *rig, struct peer *peer, const char *text)
{
    while (!peer->received || !strstr(peer->received, text)) {
        assert_false(peer->ended);
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
}

static void each_visitor_gets_a_session(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer visitors[3];

    open_house(&house, rig);
    for (size_t i = 0; i < 3; i++) {
        visit(&house, &visitors[i]);
        await_text(rig, &visitors[i], "\"role\":\"guest\"");
        peer_send(&visitors[i], HOST_HELLO "line\n");
    }
    rig_run_until_count(rig, &house.us.up_count, 3);
    rig_run_until_count(rig, &house.us.line_count, 3);
    for (size_t i = 0; i < 3; i++) {
        peer_close(rig, &visitors[i]);
    }
    rig_run_until_count(rig, &house.us.closed_count, 3);
    assert_true(house.us.was_up);
    assert_int_equal(house.us.error, ERR_CLOSED);
    close_house(&house);
}

static void a_local_visitor_gets_a_session_too(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer visitors[2];
    char path[RIG_PATH_SIZE];
    struct listen *second;

    memset(&house, 0, sizeof house);
    house.rig = rig;
    house.us.owner = &house;
    rig_make_path(path);
    assert_int_equal(listen_open_local(&rig->loop, path, &recorder_guest, &recorder_callbacks,
                                       &house.us, &house.listen),
                     0);
    assert_int_equal(listen_port(house.listen), 0);
    assert_int_equal(listen_open_local(&rig->loop, path, &recorder_guest, &recorder_callbacks,
                                       &house.us, &second),
                     ERR_EXISTS);
    for (size_t i = 0; i < 2; i++) {
        peer_connect_pipe(rig, &visitors[i], path);
        peer_send(&visitors[i], HOST_HELLO "line\n");
        rig_run_until_count(rig, &house.us.line_count, i + 1);
        assert_non_null(strstr(visitors[i].received, "\"role\":\"guest\""));
    }
    peer_close(rig, &visitors[0]);
    rig_run_until_count(rig, &house.us.closed_count, 1);
    listen_close(house.listen, on_listen_closed);
    await_text(rig, &visitors[1], "\"code\":\"shutdown\"");
    peer_close(rig, &visitors[1]);
    rig_run_until(rig, &house.listen_closed);
}

static void one_silent_visitor_too_many_closes_the_oldest(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer proven;
    static struct peer visitors[LISTEN_UNPROVEN_MAX + 1];

    open_house(&house, rig);
    visit(&house, &proven);
    peer_send(&proven, HOST_HELLO);
    rig_run_until(rig, &house.us.up);
    for (size_t i = 0; i < LISTEN_UNPROVEN_MAX; i++) {
        visit(&house, &visitors[i]);
        await_text(rig, &visitors[i], "hello");
    }
    assert_false(house.us.closed);
    visit(&house, &visitors[LISTEN_UNPROVEN_MAX]);
    rig_run_until(rig, &house.us.closed);
    assert_int_equal(house.us.error, ERR_BUSY);
    assert_false(house.us.was_up);
    rig_run_until(rig, &visitors[0].ended);
    await_text(rig, &visitors[LISTEN_UNPROVEN_MAX], "hello");
    /* Neither the one that is up nor a younger one was touched. */
    peer_send(&proven, "still here\n");
    rig_run_until_count(rig, &house.us.line_count, 1);
    peer_send(&visitors[1], HOST_HELLO);
    rig_run_until_count(rig, &house.us.up_count, 2);
    assert_int_equal(house.us.closed_count, 1);
    for (size_t i = 0; i <= LISTEN_UNPROVEN_MAX; i++) {
        peer_close(rig, &visitors[i]);
    }
    peer_close(rig, &proven);
    close_house(&house);
}

static void a_flood_of_visitors_leaves_a_proven_session_alone(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer proven;
    static struct peer visitor;

    open_house(&house, rig);
    visit(&house, &proven);
    peer_send(&proven, HOST_HELLO);
    rig_run_until(rig, &house.us.up);
    for (size_t i = 1; i <= 100; i++) {
        visit(&house, &visitor);
        peer_send(&visitor, i % 2 ? "GET / HTTP/1.1\r\n\r\n" : "{\"type\":");
        peer_close(rig, &visitor);
        rig_run_until_count(rig, &house.us.closed_count, i);
    }
    assert_int_equal(house.us.up_count, 1);
    peer_send(&proven, "still here\n");
    rig_run_until_count(rig, &house.us.line_count, 1);
    peer_close(rig, &proven);
    close_house(&house);
}

/* What a stranger pours in is not kept: the connection ends with the byte that is too much. */
static void a_client_that_sends_for_ever_is_cut_off(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer flood;
    static char bytes[16 * 1024];

    open_house(&house, rig);
    visit(&house, &flood);
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < 64 && !flood.ended; i++) {
        peer_send_bytes(&flood, bytes, sizeof bytes);
        rig_turn(rig);
    }
    rig_run_until(rig, &house.us.closed);
    assert_int_equal(house.us.error, ERR_TOO_LONG);
    assert_false(house.us.was_up);
    peer_close(rig, &flood);
    close_house(&house);
}

/* Nor is what it sends after it has been refused. */
static void a_refused_client_that_sends_on_is_cut_off(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer flood;
    static char bytes[16 * 1024];

    open_house(&house, rig);
    visit(&house, &flood);
    peer_send(&flood, "GET / HTTP/1.1\r\n");
    memset(bytes, '\n', sizeof bytes);
    for (size_t i = 0; !house.us.closed; i++) {
        assert_true(i < 4096); /* 64 MiB */
        peer_send_bytes(&flood, bytes, sizeof bytes);
        rig_turn(rig);
    }
    assert_int_equal(house.us.error, ERR_INVALID);
    peer_close(rig, &flood);
    close_house(&house);
}

struct caller {
    struct house *house;
    struct session *session;
    struct recorder us;
    bool connected;
};

static void on_called(uv_connect_t *request, int status)
{
    struct caller *caller = request->data;

    assert_int_equal(status, 0);
    caller->connected = true;
    assert_int_equal(session_start(caller->session), 0);
}

/* Many say nothing, some come again and again: the host that has the key is let in among them. */
static void the_real_host_gets_in_among_many_silent_clients(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer silent[4 * LISTEN_UNPROVEN_MAX];
    static struct caller caller;
    struct sockaddr_in address;
    uv_connect_t request = {.data = &caller};

    recorder_renew_keys();
    memset(&house, 0, sizeof house);
    house.rig = rig;
    house.us.owner = &house;
    assert_int_equal(listen_open(&rig->loop, "127.0.0.1", 0, &recorder_key_guest,
                                 &recorder_callbacks, &house.us, &house.listen),
                     0);
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        visit(&house, &silent[i]);
    }
    assert_int_equal(session_create(&rig->loop, CONN_TCP, &recorder_key_host, &recorder_callbacks,
                                    &caller.us, &caller.session),
                     0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", listen_port(house.listen), &address), 0);
    assert_int_equal(uv_tcp_connect(&request, (uv_tcp_t *)session_stream(caller.session),
                                    (const struct sockaddr *)&address, on_called),
                     0);
    rig_run_until(rig, &house.us.up);
    rig_run_until(rig, &caller.us.up);
    assert_string_equal(house.us.peer.run, recorder_key_host.run);
    assert_int_equal(house.us.closed_count, 3 * LISTEN_UNPROVEN_MAX + 1);
    session_close(caller.session, ERR_CANCELLED);
    rig_run_until(rig, &caller.us.closed);
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        peer_close(rig, &silent[i]);
    }
    close_house(&house);
}

static void closing_says_bye_to_who_is_up_and_drops_the_others(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer proven;
    static struct peer stranger;

    open_house(&house, rig);
    visit(&house, &proven);
    peer_send(&proven, HOST_HELLO);
    rig_run_until(rig, &house.us.up);
    visit(&house, &stranger);
    await_text(rig, &stranger, "hello");
    listen_close(house.listen, on_listen_closed);
    rig_run_until(rig, &proven.ended);
    rig_run_until(rig, &stranger.ended);
    assert_non_null(strstr(proven.received, "\"code\":\"shutdown\""));
    assert_null(strstr(stranger.received, "shutdown"));
    assert_false(house.listen_closed);
    peer_close(rig, &proven);
    peer_close(rig, &stranger);
    rig_run_until(rig, &house.listen_closed);
    assert_int_equal(house.us.closed_count, 2);
}

static void a_visitor_that_does_not_close_is_not_waited_for_for_ever(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer proven;

    open_house(&house, rig);
    visit(&house, &proven);
    peer_send(&proven, HOST_HELLO);
    rig_run_until(rig, &house.us.up);
    listen_close(house.listen, on_listen_closed);
    rig_run_until(rig, &house.listen_closed);
    assert_int_equal(house.us.error, ERR_CANCELLED);
    peer_close(rig, &proven);
}

static void a_port_that_is_taken_is_told(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct recorder other;
    struct listen *second;

    open_house(&house, rig);
    assert_int_equal(listen_open(&rig->loop, "127.0.0.1", listen_port(house.listen),
                                 &recorder_guest, &recorder_callbacks, &other, &second),
                     ERR_EXISTS);
    close_house(&house);
}

static void a_port_can_be_taken_again_after_closing(void **state)
{
    struct rig *rig = *state;
    static struct house house;
    static struct peer visitor;
    uint16_t port;

    open_house(&house, rig);
    port = listen_port(house.listen);
    visit(&house, &visitor);
    peer_send(&visitor, HOST_HELLO);
    rig_run_until(rig, &house.us.up);
    close_house(&house); /* Our side closes first, which leaves the connection in TIME_WAIT. */
    peer_close(rig, &visitor);
    assert_int_equal(listen_open(&rig->loop, "127.0.0.1", port, &recorder_guest,
                                 &recorder_callbacks, &house.us, &house.listen),
                     0);
    house.listen_closed_count = 0;
    house.listen_closed = false;
    close_house(&house);
}

static void an_address_must_be_numeric(void **state)
{
    static const char *const addresses[] = {"", "localhost", "127.0.0.1:1", "256.0.0.1", "::g"};
    struct rig *rig = *state;
    static struct recorder us;
    struct listen *listen;

    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        assert_int_equal(listen_open(&rig->loop, addresses[i], 0, &recorder_guest,
                                     &recorder_callbacks, &us, &listen),
                         ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(each_visitor_gets_a_session),
        RIG_TEST(a_local_visitor_gets_a_session_too),
        RIG_TEST(one_silent_visitor_too_many_closes_the_oldest),
        RIG_TEST(a_flood_of_visitors_leaves_a_proven_session_alone),
        RIG_TEST(a_client_that_sends_for_ever_is_cut_off),
        RIG_TEST(a_refused_client_that_sends_on_is_cut_off),
        RIG_TEST(the_real_host_gets_in_among_many_silent_clients),
        RIG_TEST(closing_says_bye_to_who_is_up_and_drops_the_others),
        RIG_TEST(a_visitor_that_does_not_close_is_not_waited_for_for_ever),
        RIG_TEST(a_port_that_is_taken_is_told),
        RIG_TEST(a_port_can_be_taken_again_after_closing),
        RIG_TEST(an_address_must_be_numeric),
    };

    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
