/* Imports by either way: usbipd is a server in the same loop, the host a test that answers what the
 * guest puts on the link. */
#include "guest-linux/board_import.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "shared/link/raw_stream.h"
#include "tests/guest/import_server.h"

struct ground {
    struct rig *rig;
    struct import_server server;
    struct config config;
    struct import_route route;
    char route_path[RIG_PATH_SIZE]; /* the machine's table; not there: there is no gateway */
    struct host_imports *host;
    struct machine machine;
    struct board_import *import;
    /* The link. */
    bool has_link;
    struct wire_import said; /* the last that the guest has put on it */
    size_t asked;
    size_t data;
    char request[2 * USBIP_PROTOCOL_REQUEST_SIZE]; /* what its data lines carried */
    size_t request_len;
    /* What was told. */
    bool done;
    struct usbip_import_result result;
};

static void take_data(struct ground *ground)
{
    size_t len = 0;

    assert_int_equal(sodium_base642bin((unsigned char *)ground->request + ground->request_len,
                                       sizeof ground->request - ground->request_len,
                                       ground->said.bytes, strlen(ground->said.bytes), NULL, &len,
                                       NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    ground->request_len += len;
}

static int on_send(void *context, const char *line, size_t len)
{
    struct ground *ground = context;

    if (!ground->has_link) {
        return ERR_CLOSED;
    }
    assert_int_equal(wire_import_from_line(line, len, &ground->said), 0);
    ground->asked += ground->said.type == WIRE_IMPORT_ASK;
    if (ground->said.type == WIRE_IMPORT_DATA) {
        take_data(ground);
    }
    return 0;
}

static size_t on_waiting(void *context)
{
    (void)context;
    return 0;
}

static const struct host_imports_link test_link = {on_send, on_waiting};

static void on_done(void *context, const struct usbip_import_result *result)
{
    struct ground *ground = context;

    assert_false(ground->done);
    ground->done = true;
    ground->result = *result;
}

static void make_ground(struct ground *ground, void **state, enum config_import policy)
{
    memset(ground, 0, sizeof *ground);
    ground->rig = *state;
    ground->has_link = true;
    rig_make_file_path(ground->route_path);
    import_server_open(ground->rig, &ground->server);
    config_init(&ground->config);
    strcpy(ground->config.usbipd_address, "127.0.0.1");
    ground->config.usbipd_port = ground->server.port;
    ground->config.usbipd_import = policy;
    import_route_init(&ground->route, policy);
    assert_int_equal(host_imports_open(&ground->rig->loop, &test_link, ground, &ground->host), 0);
    ground->machine = (struct machine){
        .loop = &ground->rig->loop,
        .config = &ground->config,
        .address = {.route = ground->route_path},
        .route = &ground->route,
        .host = ground->host,
    };
}

/* Nobody listens where the guest thinks usbipd to be. */
static void make_unreachable(struct ground *ground)
{
    strcpy(ground->config.usbipd_address, "127.0.0.9");
    ground->config.usbipd_port = 1;
}

static void finish(struct ground *ground)
{
    host_imports_close(ground->host);
    import_server_close(&ground->server);
}

static enum attach_fault start(struct ground *ground)
{
    ground->done = false;
    return board_import_open(&ground->machine, IMPORT_BUSID, on_done, ground, &ground->import);
}

static void reply(struct ground *ground)
{
    uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX];

    import_server_make_reply(bytes);
    import_server_await(&ground->server);
    import_server_send(&ground->server, bytes, sizeof bytes);
}

static void expect_imported(struct ground *ground)
{
    rig_run_until(ground->rig, &ground->done);
    assert_int_equal(ground->result.fault, FAULT_NONE);
    assert_int_equal(ground->result.device.devid, IMPORT_DEVID);
    close(ground->result.fd);
}

static void expect_fault(struct ground *ground, enum attach_fault fault)
{
    rig_run_until(ground->rig, &ground->done);
    assert_int_equal(ground->result.fault, fault);
    assert_int_equal(ground->result.fd, -1);
    assert_string_not_equal(ground->result.detail, "");
}

static void await_asked(struct ground *ground, size_t count)
{
    rig_run_until_count(ground->rig, &ground->asked, count);
    assert_int_equal(ground->said.type, WIRE_IMPORT_ASK);
    assert_string_equal(ground->said.busid, IMPORT_BUSID);
}

static void on_connected(uv_connect_t *request, int status)
{
    bool *connected = request->data;

    assert_int_equal(status, 0);
    *connected = true;
}

/* As the host does it over TCP: the guest gets a connection that leads to usbipd. */
static void bring_connection(struct ground *ground, const char *import)
{
    struct sockaddr_in address;
    bool connected = false;
    uv_connect_t request = {.data = &connected};
    uv_stream_t *stream;

    assert_int_equal(raw_stream_create(&ground->rig->loop, false, &stream), 0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", ground->server.port, &address), 0);
    assert_int_equal(uv_tcp_connect(&request, (uv_tcp_t *)stream, (const struct sockaddr *)&address,
                                    on_connected),
                     0);
    rig_run_until(ground->rig, &connected);
    host_imports_bring(ground->host, import, stream);
}

static void hear(struct ground *ground, enum wire_import_type type, const char *code)
{
    struct wire_import *message = calloc(1, sizeof *message);

    assert_non_null(message);
    message->type = type;
    strcpy(message->import, ground->said.import);
    strcpy(message->code, code);
    strcpy(message->message, code[0] != '\0' ? "so it is" : "");
    assert_int_equal(host_imports_take(ground->host, message), 0);
    free(message);
}

static void usbipd_is_asked_directly_first(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_AUTO);
    assert_int_equal(start(&ground), FAULT_NONE);
    reply(&ground);
    expect_imported(&ground);
    assert_false(ground.result.through_host);
    assert_int_equal(ground.asked, 0);
    finish(&ground);
}

/* From where it has been asked for until the connection is gone again. */
static void import_through_host(struct ground *ground)
{
    assert_true(host_imports_is_awaited(ground->host, ground->said.import));
    bring_connection(ground, ground->said.import);
    assert_false(host_imports_is_awaited(ground->host, ground->said.import));
    reply(ground);
    expect_imported(ground);
    assert_true(ground->result.through_host);
    rig_run_until(ground->rig, &ground->server.peer_gone);
    while (ground->server.is_open) {
        rig_turn(ground->rig);
    }
}

static void the_host_is_asked_where_usbipd_is_not_reached(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_AUTO);
    make_unreachable(&ground);
    for (size_t i = 1; i <= 2; i++) {
        assert_int_equal(start(&ground), FAULT_NONE);
        assert_int_equal(ground.asked, i - 1); /* a refusal costs nothing: direct comes first */
        await_asked(&ground, i);
        import_through_host(&ground);
    }
    finish(&ground);
}

static void write_route(const struct ground *ground, const char *gateway)
{
    FILE *file = fopen(ground->route_path, "w");

    assert_non_null(file);
    fprintf(file,
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
            "eth0\t00000000\t%s\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
            gateway);
    fclose(file);
}

static void another_network_is_another_chance_for_the_direct_way(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_AUTO);
    write_route(&ground, "010014AC"); /* 172.20.0.1 */
    make_unreachable(&ground);
    assert_int_equal(start(&ground), FAULT_NONE);
    await_asked(&ground, 1);
    import_through_host(&ground);
    /* Windows has moved: usbipd is reached again. */
    strcpy(ground.config.usbipd_address, "127.0.0.1");
    ground.config.usbipd_port = ground.server.port;
    write_route(&ground, "010015AC");
    assert_int_equal(start(&ground), FAULT_NONE);
    reply(&ground);
    expect_imported(&ground);
    assert_int_equal(ground.asked, 1);
    assert_int_equal(unlink(ground.route_path), 0);
    finish(&ground);
}

static void what_the_host_says_of_usbipd_counts(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_AUTO);
    make_unreachable(&ground);
    assert_int_equal(start(&ground), FAULT_NONE);
    await_asked(&ground, 1);
    hear(&ground, WIRE_IMPORT_END, "usbipd_unreachable");
    expect_fault(&ground, FAULT_UNREACHABLE);
    finish(&ground);
}

static void a_code_that_is_not_known_is_a_fault_too(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_THROUGH_HOST);
    assert_int_equal(start(&ground), FAULT_NONE);
    await_asked(&ground, 1);
    hear(&ground, WIRE_IMPORT_END, "moonshine");
    expect_fault(&ground, FAULT_INTERNAL);
    finish(&ground);
}

static void without_a_host_the_direct_ways_fault_is_told(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_AUTO);
    make_unreachable(&ground);
    ground.has_link = false;
    assert_int_equal(start(&ground), FAULT_NONE);
    expect_fault(&ground, FAULT_REFUSED);
    finish(&ground);
}

static void without_a_host_nothing_goes_through_it(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_THROUGH_HOST);
    ground.has_link = false;
    assert_int_equal(start(&ground), FAULT_NO_HOST);
    assert_int_equal(ground.server.connections, 0);
    finish(&ground);
}

static void a_link_that_ends_ends_the_request(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_THROUGH_HOST);
    assert_int_equal(start(&ground), FAULT_NONE);
    ground.has_link = false;
    host_imports_link_down(ground.host);
    expect_fault(&ground, FAULT_NO_HOST);
    finish(&ground);
}

static void say_reply(struct ground *ground)
{
    struct wire_import *message = calloc(1, sizeof *message);
    uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX];

    assert_non_null(message);
    import_server_make_reply(bytes);
    message->type = WIRE_IMPORT_DATA;
    strcpy(message->import, ground->said.import);
    sodium_bin2base64(message->bytes, sizeof message->bytes, bytes, sizeof bytes,
                      sodium_base64_VARIANT_ORIGINAL);
    assert_int_equal(host_imports_take(ground->host, message), 0);
    free(message);
}

static void the_links_own_stream_is_one_end_of_a_pair(void **state)
{
    static struct ground ground;
    int domain = 0;
    socklen_t len = sizeof domain;

    make_ground(&ground, state, CONFIG_IMPORT_THROUGH_HOST);
    assert_int_equal(start(&ground), FAULT_NONE);
    await_asked(&ground, 1);
    hear(&ground, WIRE_IMPORT_OPEN, "");
    rig_run_until_count(ground.rig, &ground.request_len, USBIP_PROTOCOL_REQUEST_SIZE);
    say_reply(&ground);
    rig_run_until(ground.rig, &ground.done);
    assert_int_equal(ground.result.fault, FAULT_NONE);
    assert_int_equal(getsockopt(ground.result.fd, SOL_SOCKET, SO_DOMAIN, &domain, &len), 0);
    assert_int_equal(domain, AF_UNIX);
    assert_true(ground.result.through_host);
    /* The link's end is the stream's. */
    host_imports_link_down(ground.host);
    assert_int_equal(read(ground.result.fd, &domain, 1), 0);
    close(ground.result.fd);
    finish(&ground);
}

static void what_is_not_awaited_is_not_taken(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_THROUGH_HOST);
    assert_false(host_imports_is_awaited(ground.host, "00112233445566ff"));
    bring_connection(&ground, "00112233445566ff");
    while (!ground.server.peer_gone) {
        rig_turn(ground.rig);
    }
    /* An opening that comes too late is answered with an end. */
    strcpy(ground.said.import, "00112233445566ff");
    hear(&ground, WIRE_IMPORT_OPEN, "");
    assert_int_equal(ground.said.type, WIRE_IMPORT_END);
    assert_string_equal(ground.said.code, "unknown");
    finish(&ground);
}

static void what_only_guests_say_makes_no_sense(void **state)
{
    static struct ground ground;
    static struct wire_import message = {.type = WIRE_IMPORT_ASK, .import = "00112233445566ff"};

    make_ground(&ground, state, CONFIG_IMPORT_AUTO);
    assert_int_equal(host_imports_take(ground.host, &message), ERR_INVALID);
    finish(&ground);
}

static void an_import_can_be_cancelled_on_either_way(void **state)
{
    static struct ground ground;

    make_ground(&ground, state, CONFIG_IMPORT_AUTO);
    assert_int_equal(start(&ground), FAULT_NONE);
    board_import_cancel(ground.import);
    make_unreachable(&ground);
    assert_int_equal(start(&ground), FAULT_NONE);
    await_asked(&ground, 1);
    board_import_cancel(ground.import);
    assert_false(host_imports_is_awaited(ground.host, ground.said.import));
    for (int i = 0; i < 10; i++) {
        rig_turn(ground.rig);
    }
    assert_false(ground.done);
    finish(&ground);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(usbipd_is_asked_directly_first),
        RIG_TEST(the_host_is_asked_where_usbipd_is_not_reached),
        RIG_TEST(another_network_is_another_chance_for_the_direct_way),
        RIG_TEST(what_the_host_says_of_usbipd_counts),
        RIG_TEST(a_code_that_is_not_known_is_a_fault_too),
        RIG_TEST(without_a_host_the_direct_ways_fault_is_told),
        RIG_TEST(without_a_host_nothing_goes_through_it),
        RIG_TEST(a_link_that_ends_ends_the_request),
        RIG_TEST(the_links_own_stream_is_one_end_of_a_pair),
        RIG_TEST(what_is_not_awaited_is_not_taken),
        RIG_TEST(what_only_guests_say_makes_no_sense),
        RIG_TEST(an_import_can_be_cancelled_on_either_way),
    };

    return cmocka_run_group_tests_name("board_import", tests, NULL, NULL);
}
