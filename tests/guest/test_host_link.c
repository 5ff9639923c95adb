/* The link to the host agent: a dial plays the host that behaves, a raw peer the one that does
 * not. */
#include "guest-linux/host_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "shared/link/dial.h"
#include "tests/core/cases.h"
#include "tests/link/recorder.h"
#include "tests/link/rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define RUN "dddddddddddddddd"
#define HELLO                                                                                      \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"host\",\"agent\":\"raw\","                      \
    "\"run\":\"cccccccccccccccc\",\"auth\":{\"method\":\"none\"}}\n"
#define OTHER_HELLO                                                                                \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"host\",\"agent\":\"raw\","                      \
    "\"run\":\"eeeeeeeeeeeeeeee\",\"auth\":{\"method\":\"none\"}}\n"
#define REMOVAL "{\"type\":\"removal\",\"id\":\"usb\\\\vid_1a86&pid_7523\\\\1\"}\n"
#define BOARD_ID "usb\\vid_1a86&pid_7523\\1"

#define MESSAGES_MAX 8

/* A link that a test watches. */
struct ground {
    struct rig *rig;
    struct config config;
    struct key_file key;
    struct host_link *link;
    uint16_t port;
    char path[RIG_PATH_SIZE];
    struct host_link_doors doors;
    char calls[32]; /* 'u'p, 'm'essage, 'd'own, 'c'losed, in their order */
    size_t call_count;
    size_t up_count;
    size_t message_count;
    size_t down_count;
    bool closed;
    enum wire_type types[MESSAGES_MAX];
    struct wire_message message; /* the last */
    char peer[EVENT_PEER_SIZE];  /* as on_up found it */
};

static void note(struct ground *ground, char call)
{
    assert_true(ground->call_count + 1 < sizeof ground->calls);
    ground->calls[ground->call_count++] = call;
}

static void on_up(void *context)
{
    struct ground *ground = context;

    note(ground, 'u');
    ground->up_count++;
    snprintf(ground->peer, sizeof ground->peer, "%s", host_link_peer(ground->link));
}

static void on_message(void *context, const struct wire_message *message)
{
    struct ground *ground = context;

    note(ground, 'm');
    assert_true(ground->message_count < MESSAGES_MAX);
    ground->types[ground->message_count++] = message->type;
    ground->message = *message;
}

static void on_down(void *context)
{
    struct ground *ground = context;

    note(ground, 'd');
    ground->down_count++;
}

static void on_closed(void *context)
{
    struct ground *ground = context;

    note(ground, 'c');
    ground->closed = true;
}

static const struct host_link_callbacks callbacks = {
    .on_up = on_up,
    .on_message = on_message,
    .on_down = on_down,
};

static void find_listener_port(uv_handle_t *handle, void *context)
{
    uint16_t *port = context;
    struct sockaddr_in address;
    int size = sizeof address;

    if (handle->type == UV_TCP) {
        assert_int_equal(*port, 0);
        assert_int_equal(
            uv_tcp_getsockname((const uv_tcp_t *)handle, (struct sockaddr *)&address, &size), 0);
        *port = ntohs(address.sin_port);
    }
}

static void open_ground_with(struct ground *ground, struct rig *rig, enum config_auth auth)
{
    memset(ground, 0, sizeof *ground);
    ground->rig = rig;
    config_init(&ground->config);
    ground->config.link_port = 0;
    ground->config.link_auth = auth;
    rig_make_path(ground->path);
    ground->doors = (struct host_link_doors){.path = ground->path, .key = &ground->key};
    assert_int_equal(host_link_open(&rig->loop, &ground->config, &ground->doors, RUN, &callbacks,
                                    ground, &ground->link),
                     0);
    uv_walk(&rig->loop, find_listener_port, &ground->port);
    assert_int_not_equal(ground->port, 0);
}

static void open_ground(struct ground *ground, struct rig *rig)
{
    open_ground_with(ground, rig, CONFIG_AUTH_NONE);
}

static void close_ground(struct ground *ground)
{
    host_link_close(ground->link, on_closed);
    rig_run_until(ground->rig, &ground->closed);
}

struct host {
    struct rig *rig;
    struct recorder recorder;
    struct dial *dial;
    bool dial_closed;
};

static void on_dial_closed(void *context)
{
    struct host *host = ((struct recorder *)context)->owner;

    host->dial_closed = true;
}

static void open_host(struct host *host, struct ground *ground)
{
    size_t wanted = ground->up_count + 1;

    memset(host, 0, sizeof *host);
    host->rig = ground->rig;
    host->recorder.owner = host;
    assert_int_equal(dial_open(&host->rig->loop, "127.0.0.1", ground->port, &recorder_host,
                               &recorder_callbacks, &host->recorder, &host->dial),
                     0);
    rig_run_until(host->rig, &host->recorder.up);
    rig_run_until_count(host->rig, &ground->up_count, wanted);
}

static void close_host(struct host *host)
{
    dial_close(host->dial, on_dial_closed);
    rig_run_until(host->rig, &host->dial_closed);
}

static void visit(struct ground *ground, struct peer *peer)
{
    peer_connect_tcp(ground->rig, peer, ground->port);
}

/* A raw peer that has said hello. */
static void link_peer(struct ground *ground, struct peer *peer)
{
    size_t wanted = ground->up_count + 1;

    visit(ground, peer);
    peer_send(peer, HELLO);
    rig_run_until_count(ground->rig, &ground->up_count, wanted);
}

static void await_text(struct rig *rig, struct peer *peer, const char *text)
{
    while (!peer->received || !strstr(peer->received, text)) {
        assert_false(peer->ended);
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
}

static void tell(struct host *host, const struct wire_message *message)
{
    char *line;
    size_t len;

    assert_int_equal(wire_message_to_line(message, &line, &len), 0);
    assert_int_equal(session_write(host->recorder.session, line, len), 0);
    free(line);
}

static void a_host_is_heard_in_its_order(void **state)
{
    static const enum wire_type types[] = {
        WIRE_SNAPSHOT_BEGIN, WIRE_PRESENT, WIRE_SNAPSHOT_END,
        WIRE_ARRIVAL,        WIRE_UPDATE,  WIRE_REMOVAL,
    };
    static const struct wire_message model = {
        .wanted = true,
        .event.board = {.id = BOARD_ID,
                        .vid = 0x1a86,
                        .pid = 0x7523,
                        .busid = "1-3",
                        .speed = BOARD_SPEED_FULL},
    };
    static struct ground ground;
    static struct host host;
    static struct wire_message message;

    open_ground(&ground, *state);
    open_host(&host, &ground);
    assert_int_equal(host.recorder.peer.role, WIRE_ROLE_GUEST);
    assert_string_equal(host.recorder.peer.run, RUN);
    for (size_t i = 0; i < COUNT(types); i++) {
        message = model;
        message.type = types[i];
        tell(&host, &message);
        rig_run_until_count(ground.rig, &ground.message_count, i + 1);
        assert_int_equal(ground.types[i], types[i]);
        if (types[i] == WIRE_PRESENT) {
            assert_true(ground.message.wanted);
            assert_int_equal(ground.message.event.board.vid, 0x1a86);
            assert_string_equal(ground.message.event.board.busid, "1-3");
        }
    }
    assert_string_equal(ground.message.event.board.id, BOARD_ID);
    close_host(&host);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
    assert_string_equal(ground.calls, "ummmmmmdc");
}

static void the_hosts_address_is_known_when_it_is_up(void **state)
{
    static struct ground ground;
    static struct peer host;
    char expected[EVENT_PEER_SIZE];
    struct sockaddr_in address;
    int size = sizeof address;

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    assert_int_equal(uv_tcp_getsockname(&host.uv.tcp, (struct sockaddr *)&address, &size), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    assert_string_equal(ground.peer, expected);
    peer_close(ground.rig, &host);
    close_ground(&ground);
}

#define HEARTBEAT "{\"type\":\"heartbeat\"}"
#define PING "{\"type\":\"ping\"}"

static void the_same_host_linking_anew_takes_over_at_once(void **state)
{
    static struct ground ground;
    static struct peer older;
    static struct peer newer;

    open_ground(&ground, *state);
    link_peer(&ground, &older);
    link_peer(&ground, &newer);
    assert_string_equal(ground.calls, "udu");
    await_text(ground.rig, &older, "\"code\":\"busy\"");
    assert_null(strstr(older.received, PING));
    rig_run_until(ground.rig, &older.ended);
    peer_close(ground.rig, &older);
    /* The older one's end is not the newer one's. */
    peer_send(&newer, REMOVAL);
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.calls, "udum");
    peer_close(ground.rig, &newer);
    rig_run_until_count(ground.rig, &ground.down_count, 2);
    close_ground(&ground);
}

/* Whoever is root here proves nothing, even where a key is wanted of the network. */
static void a_host_at_the_socket_is_heard_without_a_key(void **state)
{
    static struct ground ground;
    static struct peer host;

    open_ground_with(&ground, *state, CONFIG_AUTH_KEY);
    peer_connect_pipe(ground.rig, &host, ground.path);
    peer_send(&host, HELLO REMOVAL);
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.peer, ground.path);
    assert_string_equal(host_link_transport(ground.link), "bridge");
    peer_close(ground.rig, &host);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
    assert_string_equal(ground.calls, "umdc");
}

static void both_doors_lead_to_one_link(void **state)
{
    static struct ground ground;
    static struct peer older;
    static struct peer newer;

    open_ground(&ground, *state);
    link_peer(&ground, &older);
    assert_string_equal(host_link_transport(ground.link), "tcp");
    peer_connect_pipe(ground.rig, &newer, ground.path);
    peer_send(&newer, HELLO);
    rig_run_until_count(ground.rig, &ground.up_count, 2);
    assert_string_equal(ground.calls, "udu");
    assert_string_equal(host_link_transport(ground.link), "bridge");
    await_text(ground.rig, &older, "\"code\":\"busy\"");
    peer_close(ground.rig, &older);
    peer_close(ground.rig, &newer);
    rig_run_until_count(ground.rig, &ground.down_count, 2);
    close_ground(&ground);
}

#define SHUTDOWN "{\"type\":\"bye\",\"code\":\"shutdown\",\"message\":\"the agent is ending\"}\n"

/* A host that tries both ways at once keeps one and lets go of the other; which of them is up first
 * here and there need not be the same. */
static const struct overlap_row {
    const char *name;
    bool bridge_first;
    bool keeps_second;
    bool answers; /* to the probe, before it lets go */
    const char *last_words;
} overlap_rows[] = {
    {"overlap: TCP first and kept", false, false, true, ""},
    {"overlap: TCP first and kept, with a bye for the bridge", false, false, true, SHUTDOWN},
    {"overlap: TCP first, the bridge kept", false, true, false, ""},
    {"overlap: TCP first, the bridge kept, with a bye", false, true, false, SHUTDOWN},
    {"overlap: TCP first, the bridge kept, after an answer", false, true, true, ""},
    {"overlap: TCP first, the bridge kept, after an answer and with a bye", false, true, true,
     SHUTDOWN},
    {"overlap: bridge first and kept", true, false, true, ""},
    {"overlap: bridge first and kept, with a bye for TCP", true, false, true, SHUTDOWN},
    {"overlap: bridge first, TCP kept", true, true, false, ""},
    {"overlap: bridge first, TCP kept, with a bye", true, true, false, SHUTDOWN},
    {"overlap: bridge first, TCP kept, after an answer", true, true, true, ""},
    {"overlap: bridge first, TCP kept, after an answer and with a bye", true, true, true, SHUTDOWN},
};

static void come_by(struct ground *ground, struct peer *peer, bool by_bridge)
{
    if (by_bridge) {
        peer_connect_pipe(ground->rig, peer, ground->path);
    } else {
        visit(ground, peer);
    }
    peer_send(peer, HELLO);
}

static void one_link_comes_out(struct ground *ground, const struct overlap_row *row,
                               struct peer *first, struct peer *second)
{
    struct peer *kept = row->keeps_second ? second : first;
    struct peer *other = row->keeps_second ? first : second;

    come_by(ground, first, row->bridge_first);
    rig_run_until_count(ground->rig, &ground->up_count, 1);
    come_by(ground, second, !row->bridge_first);
    await_text(ground->rig, first, PING);
    if (row->answers) {
        peer_send(first, HEARTBEAT "\n");
        peer_send(first, REMOVAL); /* After it the answer has been heard. */
        rig_run_until_count(ground->rig, &ground->message_count, 1);
    }
    /* What the host says by the way that it keeps is heard, whenever it says it. */
    peer_send(kept, REMOVAL);
    if (row->last_words[0] != '\0') {
        peer_send(other, row->last_words);
    }
    peer_end_writing(other);
    rig_run_until(ground->rig, &other->ended);
    peer_send(kept, REMOVAL);
    rig_run_until_count(ground->rig, &ground->message_count, row->answers ? 3 : 2);
    assert_null(strstr(kept->received, "busy"));
    assert_false(kept->ended);
    assert_string_equal(host_link_transport(ground->link),
                        row->bridge_first != row->keeps_second ? "bridge" : "tcp");
    assert_int_equal(ground->up_count, row->keeps_second ? 2 : 1);
    assert_int_equal(ground->down_count, ground->up_count - 1);
}

static void of_two_tries_at_once_one_link_comes_out(void **state)
{
    static struct ground ground;
    static struct peer first;
    static struct peer second;
    const struct overlap_row *row = *state;
    void *rig = (void *)(uintptr_t)&rig_tcp;

    assert_int_equal(rig_setup(&rig), 0);
    open_ground(&ground, rig);
    one_link_comes_out(&ground, row, &first, &second);
    peer_close(ground.rig, &first);
    peer_close(ground.rig, &second);
    rig_run_until_count(ground.rig, &ground.down_count, ground.up_count);
    close_ground(&ground);
    assert_int_equal(rig_teardown(&rig), 0);
}

/* The host that has the link comes by the other way again, before its earlier try there has ended
 * here. */
static void a_later_try_takes_the_place_of_one_that_waits(void **state)
{
    static struct ground ground;
    static struct peer first;
    static struct peer tries[2];

    open_ground(&ground, *state);
    link_peer(&ground, &first);
    come_by(&ground, &tries[0], true);
    await_text(ground.rig, &first, PING);
    come_by(&ground, &tries[1], true);
    await_text(ground.rig, &tries[0], "\"code\":\"busy\"");
    peer_close(ground.rig, &first);
    peer_send(&tries[1], REMOVAL);
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.calls, "udum");
    peer_close(ground.rig, &tries[0]);
    peer_close(ground.rig, &tries[1]);
    rig_run_until_count(ground.rig, &ground.down_count, 2);
    close_ground(&ground);
}

static void a_second_host_is_refused_while_the_first_answers(void **state)
{
    static struct ground ground;
    static struct peer first;
    static struct peer second;

    open_ground(&ground, *state);
    link_peer(&ground, &first);
    visit(&ground, &second);
    peer_send(&second, OTHER_HELLO REMOVAL);
    await_text(ground.rig, &first, PING);
    peer_send(&first, HEARTBEAT "\n");
    await_text(ground.rig, &second, "\"code\":\"busy\"");
    /* It learns who has the link. */
    assert_non_null(strstr(second.received, ground.peer));
    rig_run_until(ground.rig, &second.ended);
    peer_close(ground.rig, &second);
    peer_send(&first, REMOVAL);
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.calls, "um");
    peer_close(ground.rig, &first);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
}

static void a_second_host_takes_over_from_one_that_stopped(void **state)
{
    static struct ground ground;
    static struct peer first;
    static struct peer second;

    open_ground(&ground, *state);
    link_peer(&ground, &first);
    visit(&ground, &second);
    peer_send(&second, OTHER_HELLO REMOVAL);
    await_text(ground.rig, &first, PING); /* and no answer */
    peer_send(&second, REMOVAL);
    /* What it said while it waited is heard, in its order. */
    rig_run_until_count(ground.rig, &ground.message_count, 2);
    assert_string_equal(ground.calls, "udumm");
    await_text(ground.rig, &first, "\"code\":\"busy\"");
    assert_null(strstr(second.received, "busy"));
    peer_send(&second, REMOVAL);
    rig_run_until_count(ground.rig, &ground.message_count, 3);
    peer_close(ground.rig, &first);
    peer_close(ground.rig, &second);
    rig_run_until_count(ground.rig, &ground.down_count, 2);
    close_ground(&ground);
}

static void a_second_host_takes_over_when_the_first_closes(void **state)
{
    static struct ground ground;
    static struct peer first;
    static struct peer second;

    open_ground(&ground, *state);
    link_peer(&ground, &first);
    visit(&ground, &second);
    peer_send(&second, OTHER_HELLO REMOVAL);
    await_text(ground.rig, &first, PING);
    peer_close(ground.rig, &first);
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.calls, "udum");
    peer_close(ground.rig, &second);
    rig_run_until_count(ground.rig, &ground.down_count, 2);
    close_ground(&ground);
}

static void a_third_host_is_refused_while_a_second_waits(void **state)
{
    static struct ground ground;
    static struct peer peers[3];

    open_ground(&ground, *state);
    link_peer(&ground, &peers[0]);
    visit(&ground, &peers[1]);
    peer_send(&peers[1], OTHER_HELLO);
    await_text(ground.rig, &peers[0], PING);
    visit(&ground, &peers[2]);
    peer_send(&peers[2], OTHER_HELLO);
    await_text(ground.rig, &peers[2], "\"code\":\"busy\"");
    assert_null(strstr(peers[1].received, "busy"));
    /* One that waited and left leaves room for the next. */
    peer_close(ground.rig, &peers[1]);
    peer_send(&peers[0], REMOVAL);
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.calls, "um");
    peer_close(ground.rig, &peers[2]);
    peer_close(ground.rig, &peers[0]);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
}

static void who_waits_can_say_only_so_much(void **state)
{
    static char line[SESSION_LINE_MAX];
    static struct ground ground;
    static struct peer first;
    static struct peer second;

    open_ground(&ground, *state);
    link_peer(&ground, &first);
    visit(&ground, &second);
    peer_send(&second, OTHER_HELLO);
    await_text(ground.rig, &first, PING);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 2] = '\n';
    for (size_t i = 0; i < 5; i++) {
        peer_send(&second, line);
    }
    await_text(ground.rig, &second, "\"code\":\"busy\"");
    peer_send(&first, REMOVAL);
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.calls, "um");
    peer_close(ground.rig, &second);
    peer_close(ground.rig, &first);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
}

static void closing_while_a_second_waits_ends_both(void **state)
{
    static struct ground ground;
    static struct peer first;
    static struct peer second;

    open_ground(&ground, *state);
    link_peer(&ground, &first);
    visit(&ground, &second);
    peer_send(&second, OTHER_HELLO REMOVAL);
    await_text(ground.rig, &first, PING);
    host_link_close(ground.link, on_closed);
    await_text(ground.rig, &first, "\"code\":\"shutdown\"");
    await_text(ground.rig, &second, "\"code\":\"shutdown\"");
    peer_close(ground.rig, &first);
    peer_close(ground.rig, &second);
    rig_run_until(ground.rig, &ground.closed);
    assert_string_equal(ground.calls, "uc");
}

static void an_import_that_nobody_asked_for_is_refused(void **state)
{
    static struct ground ground;
    static struct peer host;
    static struct peer import;

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    visit(&ground, &import);
    peer_send(
        &import,
        "{\"type\":\"hello\",\"protocol\":1,\"role\":\"host\",\"agent\":\"raw\",\"run\":"
        "\"cccccccccccccccc\",\"import\":\"00112233445566ff\",\"auth\":{\"method\":\"none\"}}\n");
    await_text(ground.rig, &import, "\"code\":\"import\"");
    assert_string_equal(ground.calls, "u");
    peer_close(ground.rig, &import);
    peer_close(ground.rig, &host);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
}

/* --- Imports --------------------------------------------------------------------------------- */

struct asked {
    bool done;
    enum attach_fault fault;
    int fd;
};

static void on_asked(void *context, enum attach_fault fault, int fd, const char *detail)
{
    struct asked *asked = context;

    (void)detail;
    asked->done = true;
    asked->fault = fault;
    asked->fd = fd;
}

/* Asks for an import over the link; its name is what the host hears. */
static void ask(struct ground *ground, struct peer *host, struct asked *asked,
                char import[WIRE_IMPORT_SIZE])
{
    struct host_imports_request *request;
    const char *said;

    *asked = (struct asked){.fd = -1};
    assert_int_equal(
        host_imports_ask(host_link_imports(ground->link), "1-3", on_asked, asked, &request), 0);
    await_text(ground->rig, host, "\"busid\":\"1-3\"}\n");
    said = strstr(host->received, "\"import\":\"");
    assert_non_null(said);
    memcpy(import, said + strlen("\"import\":\""), WIRE_IMPORT_SIZE - 1);
    import[WIRE_IMPORT_SIZE - 1] = '\0';
}

static void come_for_import(struct ground *ground, struct peer *peer, const char *import)
{
    char hello[256];

    visit(ground, peer);
    snprintf(hello, sizeof hello,
             "{\"type\":\"hello\",\"protocol\":1,\"role\":\"host\",\"agent\":\"raw\",\"run\":"
             "\"cccccccccccccccc\",\"import\":\"%s\",\"auth\":{\"method\":\"none\"}}\n",
             import);
    peer_send(peer, hello);
    await_text(ground->rig, peer, "\"hello\"");
}

static void send_open(struct peer *peer, const char *import)
{
    char line[96];

    snprintf(line, sizeof line, "{\"type\":\"open\",\"import\":\"%s\"}\n", import);
    peer_send(peer, line);
}

/* From the opening on the connection carries the import's bytes and nothing else. */
static void an_import_is_given_the_connection_that_came_for_it(void **state)
{
    static struct ground ground;
    static struct peer host;
    static struct peer import;
    struct asked asked;
    char name[WIRE_IMPORT_SIZE];
    size_t before;
    char byte;

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    ask(&ground, &host, &asked, name);
    come_for_import(&ground, &import, name);
    send_open(&import, name);
    rig_run_until(ground.rig, &asked.done);
    assert_int_equal(asked.fault, FAULT_NONE);
    before = import.received_len;
    assert_null(strstr(import.received, "heartbeat"));
    assert_int_equal(write(asked.fd, "raw", 3), 3);
    peer_await(ground.rig, &import, before + 3);
    assert_memory_equal(import.received + before, "raw", 3);
    peer_send(&import, "\n");
    while (recv(asked.fd, &byte, 1, MSG_DONTWAIT) != 1) {
        rig_turn(ground.rig);
    }
    assert_int_equal(byte, '\n');
    /* Its link's end does not touch it. */
    peer_close(ground.rig, &host);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    assert_false(import.ended);
    close(asked.fd);
    rig_run_until(ground.rig, &import.ended);
    peer_close(ground.rig, &import);
    close_ground(&ground);
}

/* A name is good for one connection. */
static void an_import_that_was_brought_cannot_be_brought_again(void **state)
{
    static struct ground ground;
    static struct peer host;
    static struct peer import;
    static struct peer others[2];
    struct asked asked;
    char name[WIRE_IMPORT_SIZE];

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    ask(&ground, &host, &asked, name);
    come_for_import(&ground, &import, name);
    come_for_import(&ground, &others[0], name);
    await_text(ground.rig, &others[0], "\"code\":\"import\"");
    send_open(&import, name);
    rig_run_until(ground.rig, &asked.done);
    come_for_import(&ground, &others[1], name);
    await_text(ground.rig, &others[1], "\"code\":\"import\"");
    assert_false(import.ended);
    close(asked.fd);
    peer_close(ground.rig, &others[0]);
    peer_close(ground.rig, &others[1]);
    peer_close(ground.rig, &import);
    peer_close(ground.rig, &host);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
}

static void bytes_before_the_opening_end_the_connection(void **state)
{
    static const char *const texts[] = {"raw\n", REMOVAL,
                                        "{\"type\":\"open\",\"import\":"
                                        "\"00112233445566ff\"}\n"};
    static struct ground ground;
    static struct peer host;
    static struct peer import;
    struct asked asked;
    char name[WIRE_IMPORT_SIZE];

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    ask(&ground, &host, &asked, name);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        come_for_import(&ground, &import, name);
        peer_send(&import, texts[i]);
        await_text(ground.rig, &import, "\"code\":\"invalid\"");
        rig_run_until(ground.rig, &import.ended);
        peer_close(ground.rig, &import);
        rig_turn(ground.rig);
        rig_turn(ground.rig);
    }
    assert_false(asked.done);
    assert_int_equal(ground.message_count, 0);
    peer_close(ground.rig, &host);
    rig_run_until(ground.rig, &asked.done);
    assert_int_equal(asked.fault, FAULT_NO_HOST);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
}

static void bytes_that_are_no_base64_end_the_link(void **state)
{
    static struct ground ground;
    static struct peer host;
    struct asked asked;
    char name[WIRE_IMPORT_SIZE];
    char line[128];

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    ask(&ground, &host, &asked, name);
    send_open(&host, name);
    rig_run_until(ground.rig, &asked.done);
    assert_int_equal(asked.fault, FAULT_NONE);
    snprintf(line, sizeof line, "{\"type\":\"data\",\"import\":\"%s\",\"bytes\":\"....\"}\n", name);
    peer_send(&host, line);
    await_text(ground.rig, &host, "\"code\":\"invalid\"");
    close(asked.fd);
    peer_close(ground.rig, &host);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
}

static void an_older_host_is_not_heard_any_more(void **state)
{
    static struct ground ground;
    static struct peer older;
    static struct host newer;

    open_ground(&ground, *state);
    link_peer(&ground, &older);
    open_host(&newer, &ground);
    peer_send(&older, REMOVAL "no sense\n" REMOVAL);
    peer_close(ground.rig, &older);
    /* Its session is the listener's only other connection; when that is gone, all was read. */
    while (rig_count_handles(ground.rig, UV_TCP) > 3) {
        uv_run(&ground.rig->loop, UV_RUN_ONCE);
    }
    assert_string_equal(ground.calls, "udu");
    assert_non_null(newer.recorder.session);
    close_host(&newer);
    rig_run_until_count(ground.rig, &ground.down_count, 2);
    close_ground(&ground);
}

/* `line` is refused, and neither it nor what follows it is handed on; another host is served. */
static void expect_refused(struct rig *rig, const char *line)
{
    static struct ground ground;
    static struct peer host;
    static struct peer next;

    open_ground(&ground, rig);
    link_peer(&ground, &host);
    peer_send(&host, line);
    peer_send(&host, "\n" REMOVAL);
    await_text(rig, &host, "\"code\":\"invalid\"");
    rig_run_until(rig, &host.ended);
    peer_close(rig, &host);
    rig_run_until_count(rig, &ground.down_count, 1);
    assert_string_equal(ground.calls, "ud");
    link_peer(&ground, &next);
    peer_send(&next, REMOVAL);
    rig_run_until_count(rig, &ground.message_count, 1);
    peer_close(rig, &next);
    close_ground(&ground);
}

static void a_line_that_makes_no_sense_ends_the_link(void **state)
{
    static const char *const lines[] = {
        "",
        "no json",
        "[]",
        "{}",
        "{\"type\":7}",
        "{\"type\":\"removal\"}",
        "{\"type\":\"removal\",\"id\":\"\xff\"}",
        "{\"type\":\"removal\",\"id\":\"a\\nb\"}",
        "{\"type\":\"removal\",\"id\":\"a\"",
        "{\"type\":\"arrival\",\"wanted\":true}",
        "{\"type\":\"bye\"}",
    };

    for (size_t i = 0; i < COUNT(lines); i++) {
        expect_refused(*state, lines[i]);
    }
}

static void what_a_guest_says_is_refused(void **state)
{
    static const struct wire_message models[] = {
        {.type = WIRE_ATTACHING, .event = {.board.id = BOARD_ID, .attempt = 1}},
        {.type = WIRE_READY, .event = {.board = {.id = BOARD_ID, .usb_node = "/dev/bus/usb/1/2"}}},
        {.type = WIRE_FAILED, .event = {.board.id = BOARD_ID, .code = "in_use", .message = "x"}},
        {.type = WIRE_DETACHED, .event = {.board.id = BOARD_ID, .reason = REASON_LOST}},
    };
    static struct wire_message read;

    for (size_t i = 0; i < COUNT(models); i++) {
        char *line;
        size_t len;

        assert_int_equal(wire_message_to_line(&models[i], &line, &len), 0);
        line[len - 1] = '\0';
        /* Well-formed: it is the direction that is wrong. */
        assert_int_equal(wire_message_from_line(line, len - 1, &read), 0);
        expect_refused(*state, line);
        free(line);
    }
}

static void a_line_beyond_the_limit_ends_the_link(void **state)
{
    static char line[SESSION_LINE_MAX + 2];
    static struct ground ground;
    static struct peer host;

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    memset(line, ' ', sizeof line - 1);
    peer_send(&host, line);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    peer_close(ground.rig, &host);
    close_ground(&ground);
    assert_string_equal(ground.calls, "udc");
}

static void half_a_line_is_not_handed_on(void **state)
{
    static struct ground ground;
    static struct peer host;

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    peer_send_bytes(&host, REMOVAL, strlen(REMOVAL) - 1);
    peer_close(ground.rig, &host);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
    assert_string_equal(ground.calls, "udc");
}

static void a_type_of_a_later_version_is_ignored(void **state)
{
    static struct ground ground;
    static struct peer host;

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    peer_send(&host, "{\"type\":\"teleport\",\"id\":7}\n" REMOVAL);
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.calls, "um");
    assert_int_equal(ground.types[0], WIRE_REMOVAL);
    peer_close(ground.rig, &host);
    close_ground(&ground);
}

static void a_hosts_bye_is_no_message_and_ends_with_its_close(void **state)
{
    static struct ground ground;
    static struct peer host;

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    peer_send(&host,
              "{\"type\":\"bye\",\"code\":\"shutdown\",\"message\":\"good night\"}\n" REMOVAL);
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.calls, "um");
    peer_close(ground.rig, &host);
    rig_run_until_count(ground.rig, &ground.down_count, 1);
    close_ground(&ground);
}

static void strangers_are_not_told_of(void **state)
{
    static const char *const first_lines[] = {
        "GET / HTTP/1.1\r\n",
        REMOVAL,
        "{\"type\":\"hello\",\"protocol\":2,\"role\":\"host\",\"agent\":\"raw\","
        "\"run\":\"cccccccccccccccc\",\"auth\":{\"method\":\"none\"}}\n",
        "{\"type\":\"hello\",\"protocol\":1,\"role\":\"guest\",\"agent\":\"raw\","
        "\"run\":\"cccccccccccccccc\",\"auth\":{\"method\":\"none\"}}\n",
    };
    static struct ground ground;
    static struct host host;
    static struct peer stranger;

    open_ground(&ground, *state);
    open_host(&host, &ground);
    for (size_t i = 0; i < COUNT(first_lines); i++) {
        visit(&ground, &stranger);
        peer_send(&stranger, first_lines[i]);
        rig_run_until(ground.rig, &stranger.ended);
        peer_close(ground.rig, &stranger);
    }
    tell(&host, &(struct wire_message){.type = WIRE_SNAPSHOT_BEGIN});
    rig_run_until_count(ground.rig, &ground.message_count, 1);
    assert_string_equal(ground.calls, "um");
    close_host(&host);
    close_ground(&ground);
}

static void without_auth_none_nobody_is_let_in(void **state)
{
    static struct ground ground;
    static struct peer host;

    open_ground_with(&ground, *state, CONFIG_AUTH_KEY);
    visit(&ground, &host);
    peer_send(&host, HELLO REMOVAL);
    await_text(ground.rig, &host, "\"code\":\"auth\"");
    rig_run_until(ground.rig, &host.ended);
    peer_close(ground.rig, &host);
    close_ground(&ground);
    assert_string_equal(ground.calls, "c");
}

/* What the host last heard from us. */
static const struct wire_message *read_last(const struct host *host)
{
    static struct wire_message message;

    assert_int_equal(wire_message_from_line(host->recorder.last_line,
                                            strlen(host->recorder.last_line), &message),
                     0);
    return &message;
}

static void reports_reach_the_host(void **state)
{
    static const struct event attaching = {
        .type = EVENT_ATTACHING, .board.id = BOARD_ID, .attempt = 3};
    static const struct event ready = {
        .type = EVENT_READY,
        .board = {.id = BOARD_ID,
                  .ttys = {.items = {{.path = "/dev/ttyUSB0"}}, .count = 1},
                  .usb_node = "/dev/bus/usb/001/002"},
        .took = {.import_ms = 1, .enumerate_ms = 2, .node_ms = 3, .total_ms = 6},
    };
    static const struct event failed = {.type = EVENT_FAILED,
                                        .board.id = BOARD_ID,
                                        .code = "in_use",
                                        .message = "somebody has it",
                                        .retry_in_ms = -1};
    static const struct event detached = {
        .type = EVENT_DETACHED, .board.id = BOARD_ID, .reason = REASON_RELEASED};
    static struct ground ground;
    static struct host host;

    open_ground(&ground, *state);
    open_host(&host, &ground);

    host_link_report(ground.link, &attaching);
    rig_run_until_count(ground.rig, &host.recorder.line_count, 1);
    assert_int_equal(read_last(&host)->type, WIRE_ATTACHING);
    assert_string_equal(read_last(&host)->event.board.id, BOARD_ID);
    assert_int_equal(read_last(&host)->event.attempt, 3);

    host_link_report(ground.link, &ready);
    rig_run_until_count(ground.rig, &host.recorder.line_count, 2);
    assert_int_equal(read_last(&host)->type, WIRE_READY);
    assert_int_equal(read_last(&host)->event.board.ttys.count, 1);
    assert_string_equal(read_last(&host)->event.board.ttys.items[0].path, "/dev/ttyUSB0");
    assert_string_equal(read_last(&host)->event.board.usb_node, "/dev/bus/usb/001/002");
    assert_int_equal(read_last(&host)->event.took.total_ms, 6);

    host_link_report(ground.link, &failed);
    rig_run_until_count(ground.rig, &host.recorder.line_count, 3);
    assert_int_equal(read_last(&host)->type, WIRE_FAILED);
    assert_string_equal(read_last(&host)->event.code, "in_use");

    host_link_report(ground.link, &detached);
    rig_run_until_count(ground.rig, &host.recorder.line_count, 4);
    assert_int_equal(read_last(&host)->type, WIRE_DETACHED);
    assert_int_equal(read_last(&host)->event.reason, REASON_RELEASED);

    close_host(&host);
    close_ground(&ground);
}

static void what_is_not_the_hosts_to_hear_is_not_sent(void **state)
{
    static const enum event_type types[] = {
        EVENT_SNAPSHOT, EVENT_ARRIVAL, EVENT_UPDATE,  EVENT_NEEDS_SHARING,
        EVENT_YIELDED,  EVENT_TAKEN,   EVENT_REMOVAL, EVENT_LINK,
    };
    static struct event event = {.board.id = BOARD_ID, .attempt = 1};
    static struct ground ground;
    static struct host host;

    open_ground(&ground, *state);
    open_host(&host, &ground);
    for (size_t i = 0; i < COUNT(types); i++) {
        event.type = types[i];
        host_link_report(ground.link, &event);
    }
    event.type = EVENT_ATTACHING;
    host_link_report(ground.link, &event);
    rig_run_until_count(ground.rig, &host.recorder.line_count, 1);
    /* What had been sent before it would have come before it. */
    assert_int_equal(host.recorder.line_count, 1);
    assert_int_equal(read_last(&host)->type, WIRE_ATTACHING);
    close_host(&host);
    close_ground(&ground);
}

static void reports_go_to_the_host_that_is_there(void **state)
{
    static const struct event lost = {
        .type = EVENT_DETACHED, .board.id = BOARD_ID, .reason = REASON_LOST};
    static const struct event attaching = {
        .type = EVENT_ATTACHING, .board.id = BOARD_ID, .attempt = 1};
    static struct ground ground;
    static struct peer older;
    static struct host newer;

    open_ground(&ground, *state);
    host_link_report(ground.link, &lost); /* to nobody */
    link_peer(&ground, &older);
    open_host(&newer, &ground);
    host_link_report(ground.link, &attaching);
    rig_run_until_count(ground.rig, &newer.recorder.line_count, 1);
    assert_int_equal(read_last(&newer)->type, WIRE_ATTACHING);
    rig_run_until(ground.rig, &older.ended);
    assert_null(strstr(older.received, "attaching"));
    assert_null(strstr(older.received, "detached"));
    peer_close(ground.rig, &older);
    close_host(&newer);
    rig_run_until_count(ground.rig, &ground.down_count, 2);
    host_link_report(ground.link, &attaching); /* to nobody any more */
    close_ground(&ground);
}

static void closing_says_bye_and_tells_no_more(void **state)
{
    static const struct event attaching = {
        .type = EVENT_ATTACHING, .board.id = BOARD_ID, .attempt = 1};
    static struct ground ground;
    static struct peer host;
    static struct peer stranger;

    open_ground(&ground, *state);
    link_peer(&ground, &host);
    visit(&ground, &stranger);
    await_text(ground.rig, &stranger, "hello");
    host_link_close(ground.link, on_closed);
    host_link_report(ground.link, &attaching);
    peer_send(&host, REMOVAL);
    peer_send(&stranger, HELLO);
    await_text(ground.rig, &host, "\"code\":\"shutdown\"");
    rig_run_until(ground.rig, &host.ended);
    assert_false(ground.closed);
    assert_null(strstr(host.received, "attaching"));
    peer_close(ground.rig, &host);
    peer_close(ground.rig, &stranger);
    rig_run_until(ground.rig, &ground.closed);
    assert_string_equal(ground.calls, "uc");
}

static void closing_need_not_be_told(void **state)
{
    static struct ground ground;

    open_ground(&ground, *state);
    host_link_close(ground.link, NULL);
    while (rig_count_handles(ground.rig, UV_TCP) > 0) {
        rig_turn(ground.rig);
    }
    assert_string_equal(ground.calls, "");
}

static void what_cannot_be_listened_on_is_told(void **state)
{
    static struct ground ground;
    struct config config;
    struct host_link *second;
    char other_path[RIG_PATH_SIZE];
    struct host_link_doors doors;

    open_ground(&ground, *state);
    config = ground.config;
    config.link_port = ground.port;
    doors = ground.doors;
    assert_int_equal(
        host_link_open(&ground.rig->loop, &config, &doors, RUN, &callbacks, &ground, &second),
        ERR_BUSY);
    rig_make_path(other_path);
    doors.path = other_path;
    assert_int_equal(
        host_link_open(&ground.rig->loop, &config, &doors, RUN, &callbacks, &ground, &second),
        ERR_EXISTS);
    strcpy(config.link_address, "windows.example");
    assert_int_equal(
        host_link_open(&ground.rig->loop, &config, &doors, RUN, &callbacks, &ground, &second),
        ERR_INVALID);
    close_ground(&ground);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_host_is_heard_in_its_order),
        RIG_TEST(the_hosts_address_is_known_when_it_is_up),
        RIG_TEST(a_host_at_the_socket_is_heard_without_a_key),
        RIG_TEST(both_doors_lead_to_one_link),
        RIG_TEST(a_later_try_takes_the_place_of_one_that_waits),
        RIG_TEST(the_same_host_linking_anew_takes_over_at_once),
        RIG_TEST(a_second_host_is_refused_while_the_first_answers),
        RIG_TEST(a_second_host_takes_over_from_one_that_stopped),
        RIG_TEST(a_second_host_takes_over_when_the_first_closes),
        RIG_TEST(a_third_host_is_refused_while_a_second_waits),
        RIG_TEST(who_waits_can_say_only_so_much),
        RIG_TEST(closing_while_a_second_waits_ends_both),
        RIG_TEST(an_import_that_nobody_asked_for_is_refused),
        RIG_TEST(an_import_is_given_the_connection_that_came_for_it),
        RIG_TEST(an_import_that_was_brought_cannot_be_brought_again),
        RIG_TEST(bytes_before_the_opening_end_the_connection),
        RIG_TEST(bytes_that_are_no_base64_end_the_link),
        RIG_TEST(an_older_host_is_not_heard_any_more),
        RIG_TEST(a_line_that_makes_no_sense_ends_the_link),
        RIG_TEST(what_a_guest_says_is_refused),
        RIG_TEST(a_line_beyond_the_limit_ends_the_link),
        RIG_TEST(half_a_line_is_not_handed_on),
        RIG_TEST(a_type_of_a_later_version_is_ignored),
        RIG_TEST(a_hosts_bye_is_no_message_and_ends_with_its_close),
        RIG_TEST(strangers_are_not_told_of),
        RIG_TEST(without_auth_none_nobody_is_let_in),
        RIG_TEST(reports_reach_the_host),
        RIG_TEST(what_is_not_the_hosts_to_hear_is_not_sent),
        RIG_TEST(reports_go_to_the_host_that_is_there),
        RIG_TEST(closing_says_bye_and_tells_no_more),
        RIG_TEST(closing_need_not_be_told),
        RIG_TEST(what_cannot_be_listened_on_is_told),
    };

    struct cases cases = {.count = 0};
    int failed = cmocka_run_group_tests_name("host_link", tests, NULL, NULL);

    CASES_ADD(&cases, overlap_rows, of_two_tries_at_once_one_link_comes_out);
    return failed + cases_run("host_link", &cases);
}
