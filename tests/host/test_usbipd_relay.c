/* The guest's imports on their way to usbipd: a listener plays usbipd, the guest is a listener of
 * the link's own kind, and the link is what the test says. */
#include "host-win/usbipd_relay.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/link_address.h"
#include "shared/link/listen.h"
#include "shared/link/raw_stream.h"
#include "tests/link/recorder.h"
#include "tests/link/rig.h"

#define ONE "0000000000000001"
#define TWO "0000000000000002"

/* A stream that records what comes. */
struct end {
    uv_stream_t *stream;
    char received[64];
    size_t received_len;
    bool ended;
};

struct ground {
    struct rig *rig;
    uv_tcp_t server; /* usbipd */
    struct end usbipd;
    struct listen *guest;
    struct end import; /* the guest's end of a connection of its own */
    bool refuses;
    struct usbipd_relay *relay;
    bool is_bridge;
    size_t opened; /* what was said over the link */
    size_t ended;
    size_t data;
    struct wire_import said;
    bool guest_closed;
};

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    struct end *end = handle->data;

    (void)suggested_size;
    *buffer = uv_buf_init(end->received + end->received_len,
                          (unsigned)(sizeof end->received - end->received_len));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct end *end = stream->data;

    (void)buffer;
    if (count < 0) {
        end->ended = true;
        uv_read_stop(stream);
    } else {
        end->received_len += (size_t)count;
    }
}

static void start_end(struct end *end, uv_stream_t *stream)
{
    end->stream = stream;
    stream->data = end;
    assert_int_equal(uv_read_start(stream, on_alloc, on_read), 0);
}

static void close_end(struct end *end)
{
    if (end->stream != NULL) {
        raw_stream_close(end->stream, NULL, NULL);
        end->stream = NULL;
    }
}

static void send_text(struct end *end, const char *text)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));

    assert_int_equal(uv_try_write(end->stream, &buffer, 1), strlen(text));
}

static void on_connection(uv_stream_t *server, int status)
{
    struct ground *ground = server->data;
    uv_stream_t *stream;

    assert_int_equal(status, 0);
    assert_int_equal(raw_stream_create(&ground->rig->loop, false, &stream), 0);
    assert_int_equal(uv_accept(server, stream), 0);
    start_end(&ground->usbipd, stream);
}

static void on_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct ground *ground = context;

    assert_string_equal(peer->import, ONE);
    if (ground->refuses) {
        session_bye(session, "import", "not this one");
    }
}

static void on_line(void *context, struct session *session, char *line, size_t len)
{
    struct ground *ground = context;

    assert_int_equal(wire_import_from_line(line, len, &ground->said), 0);
    assert_int_equal(ground->said.type, WIRE_IMPORT_OPEN);
    assert_string_equal(ground->said.import, ONE);
    assert_int_equal(session_take(session), 0);
}

static void on_taken(void *context, struct session *session, uv_stream_t *stream)
{
    struct ground *ground = context;

    (void)session;
    start_end(&ground->import, stream);
    send_text(&ground->import, "request"); /* at once, as the guest does */
}

static void on_closed(void *context, struct session *session, bool was_up, int error,
                      const char *reason)
{
    (void)context;
    (void)session;
    (void)was_up;
    (void)error;
    (void)reason;
}

static const struct session_callbacks guest_callbacks = {
    .on_up = on_up,
    .on_line = on_line,
    .on_taken = on_taken,
    .on_closed = on_closed,
};

static void on_send(void *context, const char *line, size_t len)
{
    struct ground *ground = context;

    assert_int_equal(wire_import_from_line(line, len, &ground->said), 0);
    ground->opened += ground->said.type == WIRE_IMPORT_OPEN;
    ground->ended += ground->said.type == WIRE_IMPORT_END;
    ground->data += ground->said.type == WIRE_IMPORT_DATA;
}

static size_t on_waiting(void *context)
{
    (void)context;
    return 0;
}

static bool on_is_bridge(void *context)
{
    const struct ground *ground = context;

    return ground->is_bridge;
}

static const struct usbipd_relay_link test_link = {on_send, on_waiting, on_is_bridge};

static uint16_t serve_usbipd(struct ground *ground)
{
    struct sockaddr_storage address;
    int size = sizeof address;

    ground->server.data = ground;
    assert_int_equal(uv_tcp_init(&ground->rig->loop, &ground->server), 0);
    assert_int_equal(link_address_from_text("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&ground->server, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&ground->server, 4, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&ground->server, (struct sockaddr *)&address, &size), 0);
    return link_address_port(&address);
}

static void make_ground(struct ground *ground, void **state, bool is_bridge)
{
    struct usbipd_relay_options options = {.handshake = &recorder_host};

    memset(ground, 0, sizeof *ground);
    ground->rig = *state;
    ground->is_bridge = is_bridge;
    assert_int_equal(listen_open(&ground->rig->loop, "127.0.0.1", 0, &recorder_guest,
                                 &guest_callbacks, ground, &ground->guest),
                     0);
    options.usbipd = (struct usbipd_relay_address){"127.0.0.1", serve_usbipd(ground)};
    options.guest = (struct usbipd_relay_address){"127.0.0.1", listen_port(ground->guest)};
    assert_int_equal(
        usbipd_relay_open(&ground->rig->loop, &options, &test_link, ground, &ground->relay), 0);
}

static void on_guest_closed(void *context)
{
    struct ground *ground = context;

    ground->guest_closed = true;
}

static void finish(struct ground *ground)
{
    usbipd_relay_close(ground->relay);
    close_end(&ground->usbipd);
    close_end(&ground->import);
    if (!uv_is_closing((uv_handle_t *)&ground->server)) {
        uv_close((uv_handle_t *)&ground->server, NULL);
    }
    listen_close(ground->guest, on_guest_closed);
    rig_run_until(ground->rig, &ground->guest_closed);
}

static int hear(struct ground *ground, enum wire_import_type type, const char *import,
                const char *text)
{
    static struct wire_import message;

    memset(&message, 0, sizeof message);
    message.type = type;
    strcpy(message.import, import);
    strcpy(message.busid, "1-3");
    sodium_bin2base64(message.bytes, sizeof message.bytes, (const unsigned char *)text,
                      strlen(text), sodium_base64_VARIANT_ORIGINAL);
    return usbipd_relay_take(ground->relay, &message);
}

static void expect_text(struct ground *ground, struct end *end, const char *text)
{
    rig_run_until_count(ground->rig, &end->received_len, strlen(text));
    assert_int_equal(end->received_len, strlen(text));
    assert_memory_equal(end->received, text, strlen(text));
}

static void connect_over_tcp(struct ground *ground)
{
    assert_int_equal(hear(ground, WIRE_IMPORT_ASK, ONE, ""), 0);
    while (ground->import.stream == NULL || ground->usbipd.stream == NULL) {
        uv_run(&ground->rig->loop, UV_RUN_ONCE);
    }
    expect_text(ground, &ground->usbipd, "request");
    send_text(&ground->usbipd, "reply\n");
    expect_text(ground, &ground->import, "reply\n");
}

static void an_import_has_a_connection_of_its_own(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, false);
    connect_over_tcp(&ground);
    assert_int_equal(usbipd_relay_count(ground.relay), 1);
    assert_int_equal(ground.ended, 0);
    finish(&ground);
}

static void usbipd_that_closes_ends_the_guests_connection(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, false);
    connect_over_tcp(&ground);
    close_end(&ground.usbipd);
    rig_run_until(ground.rig, &ground.import.ended);
    close_end(&ground.import);
    while (usbipd_relay_count(ground.relay) > 0) {
        uv_run(&ground.rig->loop, UV_RUN_ONCE);
    }
    finish(&ground);
}

static void a_link_that_ends_leaves_connections_alone(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, false);
    connect_over_tcp(&ground);
    usbipd_relay_link_down(ground.relay);
    send_text(&ground.import, "!");
    rig_run_until_count(ground.rig, &ground.usbipd.received_len, strlen("request!"));
    assert_false(ground.import.ended);
    finish(&ground);
    assert_int_equal(ground.ended, 0);
}

static void a_bridge_carries_an_import_as_a_stream(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, true);
    assert_int_equal(hear(&ground, WIRE_IMPORT_ASK, ONE, ""), 0);
    rig_run_until_count(ground.rig, &ground.opened, 1);
    assert_string_equal(ground.said.import, ONE);
    assert_int_equal(hear(&ground, WIRE_IMPORT_DATA, ONE, "request"), 0);
    expect_text(&ground, &ground.usbipd, "request");
    send_text(&ground.usbipd, "reply");
    rig_run_until_count(ground.rig, &ground.data, 1);
    assert_string_equal(ground.said.bytes, "cmVwbHk=");
    assert_int_equal(hear(&ground, WIRE_IMPORT_END, ONE, ""), 0);
    rig_run_until(ground.rig, &ground.usbipd.ended);
    assert_null(ground.import.stream);
    finish(&ground);
}

static void a_bridge_that_ends_takes_its_streams_along(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, true);
    assert_int_equal(hear(&ground, WIRE_IMPORT_ASK, ONE, ""), 0);
    rig_run_until_count(ground.rig, &ground.opened, 1);
    usbipd_relay_link_down(ground.relay);
    assert_int_equal(usbipd_relay_count(ground.relay), 0);
    while (ground.usbipd.stream == NULL) {
        uv_run(&ground.rig->loop, UV_RUN_ONCE);
    }
    rig_run_until(ground.rig, &ground.usbipd.ended);
    finish(&ground);
}

static void usbipd_that_is_not_there_is_told(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, false);
    uv_close((uv_handle_t *)&ground.server, NULL);
    rig_turn(ground.rig);
    assert_int_equal(hear(&ground, WIRE_IMPORT_ASK, ONE, ""), 0);
    rig_run_until_count(ground.rig, &ground.ended, 1);
    assert_string_equal(ground.said.import, ONE);
    assert_string_equal(ground.said.code, "usbipd_refused");
    assert_int_equal(usbipd_relay_count(ground.relay), 0);
    finish(&ground);
}

/* Which the guest does of its own will; there is nobody to be told. */
static void a_guest_that_refuses_the_connection_ends_the_import(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, false);
    ground.refuses = true;
    assert_int_equal(hear(&ground, WIRE_IMPORT_ASK, ONE, ""), 0);
    while (!ground.usbipd.ended) {
        uv_run(&ground.rig->loop, UV_RUN_ONCE);
    }
    close_end(&ground.usbipd);
    while (usbipd_relay_count(ground.relay) > 0) {
        uv_run(&ground.rig->loop, UV_RUN_ONCE);
    }
    finish(&ground);
}

static void many_imports_are_all_answered(void **state)
{
    for (int i = 0; i < 40; i++) {
        an_import_has_a_connection_of_its_own(state);
    }
}

static void a_name_counts_once(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, false);
    assert_int_equal(hear(&ground, WIRE_IMPORT_ASK, ONE, ""), 0);
    assert_int_equal(hear(&ground, WIRE_IMPORT_ASK, ONE, ""), ERR_INVALID);
    assert_int_equal(usbipd_relay_count(ground.relay), 1);
    finish(&ground);
}

static void what_makes_no_sense_is_refused(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, false);
    assert_int_equal(hear(&ground, WIRE_IMPORT_OPEN, ONE, ""), ERR_INVALID);
    assert_int_equal(hear(&ground, WIRE_IMPORT_DATA, TWO, "x"), 0); /* of one that is over */
    assert_int_equal(usbipd_relay_count(ground.relay), 0);
    finish(&ground);
}

static void no_more_than_a_guest_has_ports_are_passed_on(void **state)
{
    static struct ground ground;
    char import[WIRE_IMPORT_SIZE];

    make_ground(&ground, state, false);
    for (unsigned i = 0; i < USBIPD_RELAY_MAX; i++) {
        snprintf(import, sizeof import, "%016x", i + 16);
        assert_int_equal(hear(&ground, WIRE_IMPORT_ASK, import, ""), 0);
    }
    assert_int_equal(ground.ended, 0);
    assert_int_equal(hear(&ground, WIRE_IMPORT_ASK, ONE, ""), 0);
    assert_int_equal(ground.ended, 1);
    assert_string_equal(ground.said.code, "internal");
    usbipd_relay_link_down(ground.relay);
    assert_int_equal(usbipd_relay_count(ground.relay), 0);
    finish(&ground);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(an_import_has_a_connection_of_its_own),
        RIG_TEST(usbipd_that_closes_ends_the_guests_connection),
        RIG_TEST(a_link_that_ends_leaves_connections_alone),
        RIG_TEST(a_bridge_carries_an_import_as_a_stream),
        RIG_TEST(a_bridge_that_ends_takes_its_streams_along),
        RIG_TEST(usbipd_that_is_not_there_is_told),
        RIG_TEST(a_guest_that_refuses_the_connection_ends_the_import),
        RIG_TEST(many_imports_are_all_answered),
        RIG_TEST(a_name_counts_once),
        RIG_TEST(what_makes_no_sense_is_refused),
        RIG_TEST(no_more_than_a_guest_has_ports_are_passed_on),
    };

    return cmocka_run_group_tests_name("usbipd_relay", tests, NULL, NULL);
}
