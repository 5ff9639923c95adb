/* Imports from a server in the same loop: fragments, cuts at every byte, refusals, silence. */
#include "guest-linux/usbip_import.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-linux/sysfs.h"
#include "shared/core/error.h"
#include "tests/guest/import_server.h"

#define LONG_MS 30000u
#define SHORT_MS 50u

struct outcome {
    bool done;
    struct usbip_import_result result;
};

struct ground {
    struct rig *rig;
    struct import_server server;
    struct usbip_import *import;
    struct outcome outcome;
    uint8_t reply[USBIP_PROTOCOL_REPLY_MAX];
};

static void on_done(void *context, const struct usbip_import_result *result)
{
    struct outcome *outcome = context;

    assert_false(outcome->done);
    outcome->done = true;
    outcome->result = *result;
}

static void make_ground(struct ground *ground, void **state)
{
    *ground = (struct ground){.rig = *state};
    import_server_open(ground->rig, &ground->server);
    import_server_make_reply(ground->reply);
}

static void start(struct ground *ground, unsigned deadline_ms)
{
    const struct usbip_import_target target = {"127.0.0.1", ground->server.port, IMPORT_BUSID,
                                               deadline_ms, 0};

    ground->outcome.done = false;
    assert_int_equal(
        usbip_import_open(&ground->rig->loop, &target, on_done, &ground->outcome, &ground->import),
        0);
    assert_false(ground->outcome.done);
}

static const struct usbip_import_result *finish(struct ground *ground)
{
    rig_run_until(ground->rig, &ground->outcome.done);
    return &ground->outcome.result;
}

/* Lets the loop take in what has been sent so far. */
static void settle(struct ground *ground)
{
    rig_turn(ground->rig);
    rig_turn(ground->rig);
}

static int count_name(void *context, const char *name)
{
    (void)name;
    ++*(size_t *)context;
    return 0;
}

static size_t count_descriptors(void)
{
    size_t count = 0;

    assert_int_equal(sysfs_list("/proc/self/fd", "", count_name, &count), 0);
    return count;
}

static void expect_imported(struct ground *ground)
{
    const struct usbip_import_result *result = finish(ground);

    assert_int_equal(result->fault, FAULT_NONE);
    assert_true(result->fd >= 0);
    assert_int_equal(result->device.devid, IMPORT_DEVID);
    assert_int_equal(result->device.speed, BOARD_SPEED_FULL);
    assert_int_equal(result->device.vid, 0x1a86);
    assert_int_equal(result->device.pid, 0x7523);
}

static void expect_fault(struct ground *ground, enum attach_fault fault)
{
    const struct usbip_import_result *result = finish(ground);

    assert_int_equal(result->fault, fault);
    assert_int_equal(result->fd, -1);
    assert_string_not_equal(result->detail, "");
}

static void the_request_is_what_usbip_wants(void **state)
{
    uint8_t request[USBIP_PROTOCOL_REQUEST_SIZE];
    struct ground ground;

    make_ground(&ground, state);
    start(&ground, LONG_MS);
    import_server_await(&ground.server);
    assert_int_equal(usbip_protocol_import_request(IMPORT_BUSID, request), 0);
    assert_int_equal(ground.server.request_len, sizeof request);
    assert_memory_equal(ground.server.request, request, sizeof request);
    import_server_send(&ground.server, ground.reply, sizeof ground.reply);
    expect_imported(&ground);
    close(ground.outcome.result.fd);
    import_server_close(&ground.server);
}

static int get_option(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof value;

    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

static void the_socket_is_as_the_kernel_wants_it(void **state)
{
    struct ground ground;
    int fd;

    make_ground(&ground, state);
    start(&ground, LONG_MS);
    import_server_await(&ground.server);
    import_server_send(&ground.server, ground.reply, sizeof ground.reply);
    expect_imported(&ground);
    fd = ground.outcome.result.fd;
    assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_not_equal(get_option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    /* On loopback it would do harm (mirrored networking). */
    assert_int_equal(get_option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    close(fd);
    import_server_close(&ground.server);
}

static void what_follows_the_reply_is_the_kernels(void **state)
{
    static const size_t first_parts[] = {0, 7, 8, 300};

    for (size_t i = 0; i < sizeof first_parts / sizeof first_parts[0]; i++) {
        uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX + 6];
        size_t first = first_parts[i];
        char left[16] = "";
        struct ground ground;

        make_ground(&ground, state);
        memcpy(bytes, ground.reply, sizeof ground.reply);
        memcpy(bytes + sizeof ground.reply, "kernel", 6);
        start(&ground, LONG_MS);
        import_server_await(&ground.server);
        if (first > 0) {
            import_server_send(&ground.server, bytes, first);
            settle(&ground);
        }
        import_server_send(&ground.server, bytes + first, sizeof bytes - first);
        expect_imported(&ground);
        assert_int_equal(recv(ground.outcome.result.fd, left, sizeof left, 0), 6);
        assert_string_equal(left, "kernel");
        close(ground.outcome.result.fd);
        import_server_close(&ground.server);
    }
}

static void fragments_make_a_reply(void **state)
{
    static const size_t sizes[] = {1, 7, 8, 9, 319};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct ground ground;

        make_ground(&ground, state);
        start(&ground, LONG_MS);
        import_server_await(&ground.server);
        for (size_t at = 0; at < sizeof ground.reply; at += sizes[i]) {
            size_t left = sizeof ground.reply - at;

            assert_false(ground.outcome.done);
            import_server_send(&ground.server, ground.reply + at,
                               left < sizes[i] ? left : sizes[i]);
            settle(&ground);
        }
        expect_imported(&ground);
        close(ground.outcome.result.fd);
        import_server_close(&ground.server);
    }
}

static void a_reply_cut_at_any_byte_is_told(void **state)
{
    char expected[USBIP_IMPORT_DETAIL_SIZE];
    size_t descriptors;
    struct ground ground;

    make_ground(&ground, state);
    descriptors = count_descriptors();
    for (size_t len = 0; len < sizeof ground.reply; len++) {
        start(&ground, LONG_MS);
        import_server_await(&ground.server);
        if (len > 0) {
            import_server_send(&ground.server, ground.reply, len);
        }
        import_server_hang_up(&ground.server);
        expect_fault(&ground, FAULT_CLOSED);
        snprintf(expected, sizeof expected, "closed after %zu bytes of the reply", len);
        assert_string_equal(ground.outcome.result.detail, expected);
    }
    assert_int_equal(count_descriptors(), descriptors);
    import_server_close(&ground.server);
}

static void a_reset_is_told(void **state)
{
    struct ground ground;

    make_ground(&ground, state);
    for (size_t len = 0; len < sizeof ground.reply; len += 100) {
        start(&ground, LONG_MS);
        import_server_await(&ground.server);
        if (len > 0) {
            import_server_send(&ground.server, ground.reply, len);
            settle(&ground);
        }
        import_server_reset(&ground.server);
        expect_fault(&ground, FAULT_CLOSED);
    }
    import_server_close(&ground.server);
}

static void refusals_are_told_by_their_status(void **state)
{
    static const enum attach_fault faults[] = {
        FAULT_USBIPD_STATUS, FAULT_USBIPD_MONITOR,   FAULT_IN_USE,        FAULT_CLAIM,
        FAULT_NOT_AVAILABLE, FAULT_USBIPD_EXCEPTION, FAULT_USBIPD_STATUS,
    };
    uint8_t refusal[USBIP_PROTOCOL_HEADER_SIZE];
    struct ground ground;

    make_ground(&ground, state);
    for (uint8_t status = 1; status < sizeof faults / sizeof faults[0]; status++) {
        start(&ground, LONG_MS);
        import_server_await(&ground.server);
        import_server_make_refusal(status, refusal);
        import_server_send(&ground.server, refusal, sizeof refusal);
        import_server_hang_up(&ground.server);
        expect_fault(&ground, faults[status]);
    }
    import_server_close(&ground.server);
}

struct bad_byte {
    size_t at;
    uint8_t byte;
};

static void nonsense_is_told(void **state)
{
    static const struct bad_byte bad_bytes[] = {
        {1, 0x06}, /* another version */
        {3, 0x05}, /* a reply to something else */
        {USBIP_PROTOCOL_HEADER_SIZE + USBIP_PROTOCOL_PATH_SIZE, '2'}, /* another busid */
        {USBIP_PROTOCOL_HEADER_SIZE + USBIP_PROTOCOL_PATH_SIZE + USBIP_PROTOCOL_BUSID_SIZE + 11,
         77}, /* a speed that none has */
    };
    struct ground ground;

    make_ground(&ground, state);
    for (size_t i = 0; i < sizeof bad_bytes / sizeof bad_bytes[0]; i++) {
        uint8_t reply[USBIP_PROTOCOL_REPLY_MAX];

        memcpy(reply, ground.reply, sizeof reply);
        reply[bad_bytes[i].at] = bad_bytes[i].byte;
        start(&ground, LONG_MS);
        import_server_await(&ground.server);
        import_server_send(&ground.server, reply, sizeof reply);
        expect_fault(&ground, FAULT_PROTOCOL);
        rig_run_until(ground.rig, &ground.server.peer_gone);
        rig_turn(ground.rig);
    }
    import_server_close(&ground.server);
}

static void silence_is_told_after_the_deadline(void **state)
{
    struct ground ground;

    make_ground(&ground, state);
    start(&ground, SHORT_MS);
    import_server_await(&ground.server);
    import_server_send(&ground.server, ground.reply, 10);
    expect_fault(&ground, FAULT_IMPORT_TIMEOUT);
    assert_string_equal(ground.outcome.result.detail, "no whole reply, 10 bytes of it came");
    rig_run_until(ground.rig, &ground.server.peer_gone);
    import_server_close(&ground.server);
}

/* A socket bound to a port of its own on 127.0.0.1. */
static int make_bound_socket(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void import_from(struct ground *ground, uint16_t port, unsigned deadline_ms)
{
    const struct usbip_import_target target = {"127.0.0.1", port, IMPORT_BUSID, deadline_ms, 0};

    assert_int_equal(
        usbip_import_open(&ground->rig->loop, &target, on_done, &ground->outcome, &ground->import),
        0);
}

static void nobody_listening_is_told(void **state)
{
    struct ground ground = {.rig = *state};
    uint16_t port;
    int fd = make_bound_socket(&port); /* and nobody listens on it */

    import_from(&ground, port, LONG_MS);
    expect_fault(&ground, FAULT_REFUSED);
    close(fd);
}

#define FILLERS 4

/* A listener whose queue is full drops what comes, as a firewall does. */
static void a_firewall_is_told_after_the_deadline(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct ground ground = {.rig = *state};
    int fillers[FILLERS];
    uint16_t port;
    int fd = make_bound_socket(&port);

    assert_int_equal(listen(fd, 0), 0);
    address.sin_port = htons(port);
    for (size_t i = 0; i < FILLERS; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(fillers[i] >= 0);
        (void)connect(fillers[i], (const struct sockaddr *)&address, sizeof address);
    }
    import_from(&ground, port, SHORT_MS);
    expect_fault(&ground, FAULT_UNREACHABLE);
    assert_string_equal(ground.outcome.result.detail, "no answer to the connection");
    for (size_t i = 0; i < FILLERS; i++) {
        close(fillers[i]);
    }
    close(fd);
}

static void what_is_no_target_is_refused_at_once(void **state)
{
    static const struct usbip_import_target targets[] = {
        {"windows.example", 3240, IMPORT_BUSID, LONG_MS, 0},
        {"", 3240, IMPORT_BUSID, LONG_MS, 0},
        {"127.0.0.1", 3240, "../../x", LONG_MS, 0},
        {"127.0.0.1", 3240, "", LONG_MS, 0},
    };
    struct ground ground = {.rig = *state};
    size_t descriptors = count_descriptors();

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_int_equal(usbip_import_open(&ground.rig->loop, &targets[i], on_done, &ground.outcome,
                                           &ground.import),
                         ERR_INVALID);
    }
    rig_turn(ground.rig);
    assert_false(ground.outcome.done);
    assert_int_equal(count_descriptors(), descriptors);
}

static void a_cancelled_import_is_closed_and_not_told(void **state)
{
    struct ground ground;

    make_ground(&ground, state);
    start(&ground, LONG_MS);
    import_server_await(&ground.server);
    usbip_import_cancel(ground.import);
    /* The reply that is on its way finds nobody. */
    import_server_send(&ground.server, ground.reply, sizeof ground.reply);
    rig_run_until(ground.rig, &ground.server.peer_gone);
    rig_turn(ground.rig);
    assert_false(ground.outcome.done);
    import_server_close(&ground.server);
}

static void an_import_can_be_cancelled_before_it_connects(void **state)
{
    size_t descriptors = count_descriptors();
    struct ground ground = {.rig = *state};
    uint16_t port;
    int fd = make_bound_socket(&port);

    import_from(&ground, port, LONG_MS);
    usbip_import_cancel(ground.import);
    rig_turn(ground.rig);
    assert_false(ground.outcome.done);
    close(fd);
    assert_int_equal(count_descriptors(), descriptors);
}

/* Cancels an import after so many turns of the loop, when it has done its part of the last one. */
struct canceller {
    uv_check_t check;
    struct ground *ground;
    size_t turns;
    size_t wanted;
    bool cancelled;
};

static void on_check(uv_check_t *check)
{
    struct canceller *canceller = check->data;

    if (!canceller->ground->outcome.done && ++canceller->turns == canceller->wanted) {
        usbip_import_cancel(canceller->ground->import);
        canceller->cancelled = true;
    }
}

/* The server answers a byte a turn. Returns false if the import was over before the turn came. */
static bool cancel_at_turn(struct ground *ground, size_t turn)
{
    struct canceller canceller = {.ground = ground, .wanted = turn};
    size_t sent = 0;

    assert_int_equal(uv_check_init(&ground->rig->loop, &canceller.check), 0);
    canceller.check.data = &canceller;
    assert_int_equal(uv_check_start(&canceller.check, on_check), 0);
    start(ground, LONG_MS);
    while (!canceller.cancelled && !ground->outcome.done) {
        rig_turn(ground->rig);
        if (ground->server.is_open && ground->server.request_len == USBIP_PROTOCOL_REQUEST_SIZE &&
            sent < sizeof ground->reply) {
            import_server_send(&ground->server, ground->reply + sent++, 1);
        }
    }
    if (!canceller.cancelled) {
        expect_imported(ground);
        close(ground->outcome.result.fd);
    }
    /* The server sees each connection's end before the next one comes. */
    uv_close((uv_handle_t *)&canceller.check, NULL);
    while (ground->server.connections == 0 || ground->server.is_open) {
        uv_run(&ground->rig->loop, UV_RUN_ONCE);
    }
    rig_turn(ground->rig);
    assert_true(ground->outcome.done == !canceller.cancelled);
    ground->server.connections = 0;
    return canceller.cancelled;
}

static void an_import_can_be_cancelled_at_any_turn(void **state)
{
    size_t descriptors;
    size_t turn = 1;
    struct ground ground;

    make_ground(&ground, state);
    descriptors = count_descriptors();
    while (cancel_at_turn(&ground, turn)) {
        assert_int_equal(count_descriptors(), descriptors);
        turn++;
    }
    /* Every byte of the reply had a turn of its own. */
    assert_true(turn > sizeof ground.reply);
    import_server_close(&ground.server);
}

/* What comes after the connecting has a time of its own. */
static void a_short_time_to_connect_does_not_bound_the_reply(void **state)
{
    struct ground ground;

    make_ground(&ground, state);
    {
        const struct usbip_import_target target = {"127.0.0.1", ground.server.port, IMPORT_BUSID,
                                                   LONG_MS, LONG_MS / 2};

        assert_int_equal(
            usbip_import_open(&ground.rig->loop, &target, on_done, &ground.outcome, &ground.import),
            0);
    }
    assert_true(rig_timer_due_ms(ground.rig) <= LONG_MS / 2);
    import_server_await(&ground.server);
    assert_true(rig_timer_due_ms(ground.rig) > LONG_MS / 2);
    import_server_send(&ground.server, ground.reply, sizeof ground.reply);
    expect_imported(&ground);
    close(ground.outcome.result.fd);
    import_server_close(&ground.server);
}

/* Over one end of a pair; the other is the host's. */
static int start_over_pair(struct ground *ground)
{
    int pair[2];

    ground->outcome.done = false;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(usbip_import_open_fd(&ground->rig->loop, pair[0], IMPORT_BUSID, LONG_MS,
                                          on_done, &ground->outcome, &ground->import),
                     0);
    assert_false(ground->outcome.done);
    return pair[1];
}

static void expect_request(struct ground *ground, int fd)
{
    uint8_t expected[USBIP_PROTOCOL_REQUEST_SIZE];
    uint8_t request[USBIP_PROTOCOL_REQUEST_SIZE + 1];

    while (recv(fd, request, sizeof request, MSG_PEEK | MSG_DONTWAIT) < 0) {
        rig_turn(ground->rig);
    }
    assert_int_equal(usbip_protocol_import_request(IMPORT_BUSID, expected), 0);
    assert_int_equal(read(fd, request, sizeof request), sizeof expected);
    assert_memory_equal(request, expected, sizeof expected);
}

static void a_socket_that_is_connected_will_do(void **state)
{
    struct ground ground;
    int fd;

    make_ground(&ground, state);
    fd = start_over_pair(&ground);
    expect_request(&ground, fd);
    for (size_t i = 0; i < sizeof ground.reply; i++) {
        assert_int_equal(write(fd, ground.reply + i, 1), 1);
        rig_turn(ground.rig);
    }
    assert_int_equal(write(fd, "next", 4), 4);
    expect_imported(&ground);
    assert_int_equal(fcntl(ground.outcome.result.fd, F_GETFL) & O_NONBLOCK, 0);
    {
        char next[4];

        assert_int_equal(read(ground.outcome.result.fd, next, sizeof next), sizeof next);
        assert_memory_equal(next, "next", sizeof next);
    }
    close(ground.outcome.result.fd);
    close(fd);
    import_server_close(&ground.server);
}

static void a_connected_socket_that_closes_is_told(void **state)
{
    struct ground ground;
    int fd;

    make_ground(&ground, state);
    fd = start_over_pair(&ground);
    expect_request(&ground, fd);
    close(fd);
    expect_fault(&ground, FAULT_CLOSED);
    import_server_close(&ground.server);
}

static void a_connected_socket_is_closed_with_its_import(void **state)
{
    struct ground ground;
    size_t before;
    int pair[2];

    make_ground(&ground, state);
    before = count_descriptors();
    close(start_over_pair(&ground));
    usbip_import_cancel(ground.import);
    settle(&ground);
    assert_false(ground.outcome.done);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(usbip_import_open_fd(&ground.rig->loop, pair[0], "../../x", LONG_MS, on_done,
                                          &ground.outcome, &ground.import),
                     ERR_INVALID);
    close(pair[1]);
    assert_int_equal(count_descriptors(), before);
    import_server_close(&ground.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_request_is_what_usbip_wants),
        RIG_TEST(the_socket_is_as_the_kernel_wants_it),
        RIG_TEST(what_follows_the_reply_is_the_kernels),
        RIG_TEST(fragments_make_a_reply),
        RIG_TEST(a_reply_cut_at_any_byte_is_told),
        RIG_TEST(a_reset_is_told),
        RIG_TEST(refusals_are_told_by_their_status),
        RIG_TEST(nonsense_is_told),
        RIG_TEST(silence_is_told_after_the_deadline),
        RIG_TEST(nobody_listening_is_told),
        RIG_TEST(a_firewall_is_told_after_the_deadline),
        RIG_TEST(what_is_no_target_is_refused_at_once),
        RIG_TEST(a_cancelled_import_is_closed_and_not_told),
        RIG_TEST(an_import_can_be_cancelled_before_it_connects),
        RIG_TEST(an_import_can_be_cancelled_at_any_turn),
        RIG_TEST(a_short_time_to_connect_does_not_bound_the_reply),
        RIG_TEST(a_socket_that_is_connected_will_do),
        RIG_TEST(a_connected_socket_that_closes_is_told),
        RIG_TEST(a_connected_socket_is_closed_with_its_import),
    };

    return cmocka_run_group_tests_name("usbip_import", tests, NULL, NULL);
}
