/* The host's two ways to the guest: TCP to a listener of the test's or to nobody, and the bridge to
 * this very program, which then speaks as a guest. */
#include "host-win/guest_ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/listen.h"
#include "tests/link/recorder.h"
#include "tests/link/rig.h"

#define EXE_PATH_SIZE 1024

static const struct handshake_config handshake = {
    .role = WIRE_ROLE_HOST,
    .run = "eeeeeeeeeeeeeeee",
    .method = WIRE_AUTH_NONE,
};

/* A guest over its own stdin and stdout. */
static int speak(void)
{
    static struct recorder recorder;
    struct session *session;
    uv_loop_t loop;

    uv_loop_init(&loop);
    if (session_create(&loop, CONN_PIPES, &recorder_guest, &recorder_callbacks, &recorder,
                       &session) != 0 ||
        uv_pipe_open((uv_pipe_t *)session_stream(session), 0) != 0 ||
        uv_pipe_open((uv_pipe_t *)session_writer(session), 1) != 0 || session_start(session) != 0) {
        return 9;
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    return 0;
}

struct ground {
    struct rig *rig;
    struct config config;
    struct guest_ways *ways;
    struct listen *listen;
    struct recorder guest; /* behind the listener */
    char program[EXE_PATH_SIZE];
    bool has_bridge;
    size_t bridges;
    size_t up_count;
    size_t down_count;
    bool closed;
    bool listen_closed;
    uv_tcp_t deaf;
};

static int get_command(void *context, struct bridge_child_command *command,
                       char peer[EVENT_PEER_SIZE], char reason[BRIDGE_REASON_SIZE])
{
    struct ground *ground = context;

    ground->bridges++;
    snprintf(peer, EVENT_PEER_SIZE, "Debian");
    if (!ground->has_bridge) {
        snprintf(reason, BRIDGE_REASON_SIZE, "not now");
        return ERR_NOT_FOUND;
    }
    command->arguments[0] = ground->program;
    command->arguments[1] = "--child";
    return 0;
}

static void on_up(void *context)
{
    struct ground *ground = context;

    ground->up_count++;
    session_write(guest_ways_session(ground->ways), "{\"type\":\"resumed\"}\n", 19);
}

static void on_line(void *context, char *line, size_t len)
{
    (void)context;
    (void)line;
    (void)len;
}

static void on_nothing(void *context)
{
    (void)context;
}

static void on_down(void *context)
{
    struct ground *ground = context;

    ground->down_count++;
}

static void on_closed(void *context)
{
    struct ground *ground = context;

    ground->closed = true;
}

static const struct guest_ways_callbacks callbacks = {
    .on_up = on_up,
    .on_line = on_line,
    .on_gap = on_nothing,
    .on_written = on_nothing,
    .on_down = on_down,
};

static void on_listen_closed(void *context)
{
    struct ground *ground = ((struct recorder *)context)->owner;

    ground->listen_closed = true;
}

static void start_listening(struct ground *ground)
{
    assert_int_equal(listen_open(&ground->rig->loop, "127.0.0.1", 0, &recorder_guest,
                                 &recorder_callbacks, &ground->guest, &ground->listen),
                     0);
    ground->config.link_port = listen_port(ground->listen);
}

static void stop_listening(struct ground *ground)
{
    ground->listen_closed = false;
    listen_close(ground->listen, on_listen_closed);
    rig_run_until(ground->rig, &ground->listen_closed);
}

/* A port at which nobody listens, and nobody else can. */
static void hold_deaf_port(struct ground *ground)
{
    struct sockaddr_in address;
    int size = sizeof address;

    assert_int_equal(uv_tcp_init(&ground->rig->loop, &ground->deaf), 0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&ground->deaf, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_tcp_getsockname(&ground->deaf, (struct sockaddr *)&address, &size), 0);
    ground->config.link_port = ntohs(address.sin_port);
}

static void init_ground(struct ground *ground, struct rig *rig, enum config_transport transport)
{
    size_t size = sizeof ground->program;

    memset(ground, 0, sizeof *ground);
    ground->rig = rig;
    ground->guest.owner = ground;
    ground->has_bridge = true;
    config_init(&ground->config);
    ground->config.link_auth = CONFIG_AUTH_NONE;
    ground->config.link_transport = transport;
    assert_int_equal(uv_exepath(ground->program, &size), 0);
}

static void open_ways(struct ground *ground)
{
    const struct guest_ways_options options = {
        .config = &ground->config,
        .handshake = &handshake,
        .bridge = {.get_command = get_command, .context = ground},
    };

    assert_int_equal(
        guest_ways_open(&ground->rig->loop, &options, &callbacks, ground, &ground->ways), 0);
}

static void close_ways(struct ground *ground)
{
    guest_ways_close(ground->ways, on_closed);
    rig_run_until(ground->rig, &ground->closed);
}

static void tcp_is_taken_where_it_answers(void **state)
{
    static struct ground ground;

    init_ground(&ground, *state, CONFIG_TRANSPORT_AUTO);
    start_listening(&ground);
    open_ways(&ground);
    rig_run_until_count(ground.rig, &ground.up_count, 1);
    assert_non_null(guest_ways_session(ground.ways));
    assert_int_equal(guest_ways_transport(ground.ways), TRANSPORT_TCP);
    assert_non_null(strstr(guest_ways_peer(ground.ways), "127.0.0.1:"));
    rig_run_until_count(ground.rig, &ground.guest.line_count, 1);
    assert_int_equal(ground.bridges, 0);
    close_ways(&ground);
    stop_listening(&ground);
}

static void ways_that_rest_are_down_until_they_are_awake(void **state)
{
    static struct ground ground;

    init_ground(&ground, *state, CONFIG_TRANSPORT_TCP);
    start_listening(&ground);
    open_ways(&ground);
    rig_run_until_count(ground.rig, &ground.up_count, 1);
    guest_ways_rest(ground.ways, true);
    assert_null(guest_ways_session(ground.ways));
    assert_int_equal(ground.down_count, 1);
    guest_ways_kick(ground.ways);
    rig_run_until_count(ground.rig, &ground.guest.closed_count, 1);
    guest_ways_rest(ground.ways, true);
    assert_int_equal(ground.up_count, 1);
    guest_ways_rest(ground.ways, false);
    rig_run_until_count(ground.rig, &ground.up_count, 2);
    assert_int_equal(ground.down_count, 1);
    close_ways(&ground);
    stop_listening(&ground);
}

static void ways_that_begin_at_rest_look_for_nobody(void **state)
{
    static struct ground ground;
    const struct guest_ways_options options = {
        .config = &ground.config,
        .handshake = &handshake,
        .bridge = {.get_command = get_command, .context = &ground},
        .rests = true,
    };

    init_ground(&ground, *state, CONFIG_TRANSPORT_BRIDGE);
    assert_int_equal(
        guest_ways_open(&ground.rig->loop, &options, &callbacks, &ground, &ground.ways), 0);
    assert_int_equal(ground.bridges, 0);
    guest_ways_rest(ground.ways, false);
    rig_run_until_count(ground.rig, &ground.up_count, 1);
    assert_int_equal(ground.bridges, 1);
    close_ways(&ground);
}

static void the_bridge_is_taken_where_tcp_is_refused(void **state)
{
    static struct ground ground;

    init_ground(&ground, *state, CONFIG_TRANSPORT_AUTO);
    hold_deaf_port(&ground);
    open_ways(&ground);
    rig_run_until_count(ground.rig, &ground.up_count, 1);
    assert_int_equal(guest_ways_transport(ground.ways), TRANSPORT_BRIDGE);
    assert_string_equal(guest_ways_peer(ground.ways), "Debian");
    assert_int_equal(ground.bridges, 1);
    close_ways(&ground);
    /* TCP had been let go when the bridge was up: what there is is the deaf port. */
    assert_int_equal(rig_count_handles(ground.rig, UV_TCP), 1);
    uv_close((uv_handle_t *)&ground.deaf, NULL);
    rig_turn(ground.rig);
}

static void a_bridge_that_has_nothing_to_start_leaves_tcp_alone(void **state)
{
    static struct ground ground;

    init_ground(&ground, *state, CONFIG_TRANSPORT_AUTO);
    ground.has_bridge = false;
    hold_deaf_port(&ground);
    open_ways(&ground);
    rig_run_until_count(ground.rig, &ground.bridges, 2);
    assert_int_equal(ground.up_count, 0);
    ground.has_bridge = true;
    guest_ways_kick(ground.ways);
    rig_run_until_count(ground.rig, &ground.up_count, 1);
    assert_int_equal(guest_ways_transport(ground.ways), TRANSPORT_BRIDGE);
    close_ways(&ground);
    assert_int_equal(ground.down_count, 1);
    uv_close((uv_handle_t *)&ground.deaf, NULL);
    rig_turn(ground.rig);
}

static void the_bridge_alone_never_dials(void **state)
{
    static struct ground ground;

    init_ground(&ground, *state, CONFIG_TRANSPORT_BRIDGE);
    start_listening(&ground);
    open_ways(&ground);
    rig_run_until_count(ground.rig, &ground.up_count, 1);
    assert_int_equal(guest_ways_transport(ground.ways), TRANSPORT_BRIDGE);
    assert_int_equal(ground.guest.up_count, 0);
    close_ways(&ground);
    stop_listening(&ground);
}

static void tcp_alone_never_bridges(void **state)
{
    static struct ground ground;

    init_ground(&ground, *state, CONFIG_TRANSPORT_TCP);
    start_listening(&ground);
    open_ways(&ground);
    rig_run_until_count(ground.rig, &ground.up_count, 1);
    rig_run_until(ground.rig, &ground.guest.up);
    session_close(ground.guest.session, ERR_CANCELLED);
    rig_run_until_count(ground.rig, &ground.up_count, 2);
    assert_int_equal(ground.down_count, 1);
    assert_int_equal(ground.bridges, 0);
    close_ways(&ground);
    stop_listening(&ground);
}

static void a_bad_address_is_told(void **state)
{
    static struct ground ground;
    const struct guest_ways_options options = {
        .config = &ground.config,
        .handshake = &handshake,
        .bridge = {.get_command = get_command, .context = &ground},
    };

    init_ground(&ground, *state, CONFIG_TRANSPORT_AUTO);
    strcpy(ground.config.link_address, "windows.example");
    assert_int_equal(
        guest_ways_open(&ground.rig->loop, &options, &callbacks, &ground, &ground.ways),
        ERR_INVALID);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(tcp_is_taken_where_it_answers),
        RIG_TEST(the_bridge_is_taken_where_tcp_is_refused),
        RIG_TEST(a_bridge_that_has_nothing_to_start_leaves_tcp_alone),
        RIG_TEST(the_bridge_alone_never_dials),
        RIG_TEST(tcp_alone_never_bridges),
        RIG_TEST(a_bad_address_is_told),
        RIG_TEST(ways_that_rest_are_down_until_they_are_awake),
        RIG_TEST(ways_that_begin_at_rest_look_for_nobody),
    };

    if (argc == 2 && strcmp(argv[1], "--child") == 0) {
        return speak();
    }
    return cmocka_run_group_tests_name("guest_ways", tests, NULL, NULL);
}
