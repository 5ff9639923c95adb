/* What is said over the link to the guest, both ways; the guest is a listener of the test's. */
#include "host-win/guest_link.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/listen.h"
#include "tests/link/recorder.h"
#include "tests/link/rig.h"

#define RUN "eeeeeeeeeeeeeeee"
#define BOARD "usb\\vid_1a86&pid_7523\\5"

struct ground {
    struct rig *rig;
    struct config config;
    struct listen *listen;
    struct recorder guest;
    struct guest_link *link;
    size_t up_count;
    size_t report_count;
    struct event report;
    size_t request_count;
    size_t down_count;
    bool closed;
    bool listen_closed;
};

static void on_up(void *context)
{
    struct ground *ground = context;

    ground->up_count++;
}

static void on_report(void *context, const struct event *event)
{
    struct ground *ground = context;

    ground->report_count++;
    ground->report = *event;
}

static void on_request(void *context, const struct wire_message *request)
{
    struct ground *ground = context;
    const struct request_outcome outcome = {.code = "busy", .message = "not now"};

    assert_int_equal(request->type, WIRE_YIELD);
    assert_string_equal(request->event.board.id, BOARD);
    ground->request_count++;
    guest_link_answer(ground->link, request->request, &outcome);
}

static void on_gap(void *context)
{
    (void)context;
}

static void on_down(void *context)
{
    struct ground *ground = context;

    ground->down_count++;
}

static const struct guest_link_callbacks callbacks = {
    .on_up = on_up,
    .on_report = on_report,
    .on_request = on_request,
    .on_gap = on_gap,
    .on_down = on_down,
};

static int get_no_command(void *context, struct bridge_child_command *command,
                          char peer[EVENT_PEER_SIZE], char reason[BRIDGE_REASON_SIZE])
{
    (void)context;
    (void)command;
    (void)peer;
    (void)reason;
    return ERR_NOT_FOUND;
}

/* The link is opened, and not up yet. */
static void open_link(struct ground *ground, struct rig *rig)
{
    const struct guest_link_options options = {
        .config = &ground->config,
        .run = RUN,
        .bridge = {.get_command = get_no_command},
    };

    memset(ground, 0, sizeof *ground);
    ground->rig = rig;
    ground->guest.owner = ground;
    config_init(&ground->config);
    ground->config.link_auth = CONFIG_AUTH_NONE;
    ground->config.link_transport = CONFIG_TRANSPORT_TCP;
    assert_int_equal(listen_open(&rig->loop, "127.0.0.1", 0, &recorder_guest, &recorder_callbacks,
                                 &ground->guest, &ground->listen),
                     0);
    ground->config.link_port = listen_port(ground->listen);
    assert_int_equal(guest_link_open(&rig->loop, &options, &callbacks, ground, &ground->link), 0);
}

static void wait_until_linked(struct ground *ground)
{
    rig_run_until_count(ground->rig, &ground->up_count, ground->down_count + 1);
    rig_run_until_count(ground->rig, &ground->guest.up_count, ground->down_count + 1);
}

static void on_link_closed(void *context)
{
    struct ground *ground = context;

    ground->closed = true;
}

static void on_listen_closed(void *context)
{
    struct ground *ground = ((struct recorder *)context)->owner;

    ground->listen_closed = true;
}

static void close_all(struct ground *ground)
{
    guest_link_close(ground->link, on_link_closed);
    rig_run_until(ground->rig, &ground->closed);
    listen_close(ground->listen, on_listen_closed);
    rig_run_until(ground->rig, &ground->listen_closed);
}

static void say(struct ground *ground, const char *line)
{
    assert_int_equal(session_write(ground->guest.session, line, strlen(line)), 0);
}

static void say_message(struct ground *ground, const struct wire_message *message)
{
    char *line;
    size_t len;

    assert_int_equal(wire_message_to_line(message, &line, &len), 0);
    say(ground, line);
    free(line);
}

/* The last thing that the guest has heard. */
static void expect_heard(struct ground *ground, enum wire_type type, struct wire_message *message)
{
    const char *line = ground->guest.last_line;

    assert_int_equal(wire_message_from_line(line, strlen(line), message), 0);
    assert_int_equal(message->type, type);
}

static void what_the_guest_reports_is_handed_on(void **state)
{
    static struct ground ground;
    struct wire_message message = {.type = WIRE_ATTACHING, .event = {.attempt = 3}};

    open_link(&ground, *state);
    wait_until_linked(&ground);
    text_copy(message.event.board.id, sizeof message.event.board.id, BOARD);
    say_message(&ground, &message);
    rig_run_until_count(ground.rig, &ground.report_count, 1);
    assert_string_equal(ground.report.board.id, BOARD);
    assert_int_equal(ground.report.attempt, 3);
    close_all(&ground);
}

static void a_request_gets_its_answer(void **state)
{
    static struct ground ground;
    struct wire_message message = {.type = WIRE_YIELD, .request = 41};

    open_link(&ground, *state);
    wait_until_linked(&ground);
    text_copy(message.event.board.id, sizeof message.event.board.id, BOARD);
    say_message(&ground, &message);
    rig_run_until_count(ground.rig, &ground.guest.line_count, 1);
    assert_int_equal(ground.request_count, 1);
    expect_heard(&ground, WIRE_ANSWER, &message);
    assert_int_equal(message.request, 41);
    assert_string_equal(message.event.code, "busy");
    close_all(&ground);
}

static void what_is_said_without_a_link_is_dropped(void **state)
{
    static struct ground ground;
    struct wire_message message;
    struct event yielded = {.type = EVENT_YIELDED};

    open_link(&ground, *state);
    assert_false(guest_link_is_up(ground.link));
    guest_link_send_resumed(ground.link);
    wait_until_linked(&ground);
    text_copy(yielded.board.id, sizeof yielded.board.id, BOARD);
    text_copy(yielded.until, sizeof yielded.until, "take");
    guest_link_send_event(ground.link, WIRE_YIELDED, &yielded);
    rig_run_until_count(ground.rig, &ground.guest.line_count, 1);
    expect_heard(&ground, WIRE_YIELDED, &message);
    close_all(&ground);
}

/* Each is followed by one that makes sense, over the same link. */
static void what_a_later_version_says_is_ignored(void **state)
{
    static struct ground ground;
    struct wire_message message = {.type = WIRE_ATTACHING, .event = {.attempt = 1}};

    open_link(&ground, *state);
    wait_until_linked(&ground);
    text_copy(message.event.board.id, sizeof message.event.board.id, BOARD);
    say(&ground, "{\"type\":\"from_the_future\",\"id\":7}\n");
    say_message(&ground, &message);
    rig_run_until_count(ground.rig, &ground.report_count, 1);
    assert_int_equal(ground.down_count, 0);
    close_all(&ground);
}

static void what_makes_no_sense_ends_the_link_for_the_next(void **state)
{
    static const char *const lines[] = {
        "{\"type\":\"ready\"}\n",
        "{\"type\":\"snapshot_begin\"}\n", /* a host's */
        "{\"type\":\"data\"}\n",
    };
    static struct ground ground;
    struct wire_message message;

    open_link(&ground, *state);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        wait_until_linked(&ground);
        ground.guest.line_count = 0;
        say(&ground, lines[i]);
        rig_run_until_count(ground.rig, &ground.guest.line_count, 1);
        expect_heard(&ground, WIRE_BYE, &message);
        assert_string_equal(message.event.code, "invalid");
        rig_run_until_count(ground.rig, &ground.down_count, i + 1);
    }
    wait_until_linked(&ground);
    assert_int_equal(ground.report_count, 0);
    close_all(&ground);
}

static void a_link_that_rests_says_and_hears_nothing(void **state)
{
    static struct ground ground;
    struct wire_message message;

    open_link(&ground, *state);
    wait_until_linked(&ground);
    guest_link_rest(ground.link, true);
    assert_int_equal(ground.down_count, 1);
    assert_false(guest_link_is_up(ground.link));
    guest_link_send_resumed(ground.link);
    rig_run_until_count(ground.rig, &ground.guest.closed_count, 1);
    expect_heard(&ground, WIRE_BYE, &message);
    assert_string_equal(message.event.code, "shutdown");
    guest_link_rest(ground.link, false);
    wait_until_linked(&ground);
    close_all(&ground);
}

static void a_bad_address_is_told(void **state)
{
    static const struct {
        const char *link;
        const char *usbipd;
    } rows[] = {{"windows.example", ""}, {"127.0.0.1", "windows.example"}};
    struct rig *rig = *state;
    struct config config;
    struct guest_link *link;
    const struct guest_link_options options = {
        .config = &config,
        .run = RUN,
        .bridge = {.get_command = get_no_command},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        config_init(&config);
        text_copy(config.link_address, sizeof config.link_address, rows[i].link);
        text_copy(config.usbipd_address, sizeof config.usbipd_address, rows[i].usbipd);
        assert_int_equal(guest_link_open(&rig->loop, &options, &callbacks, NULL, &link),
                         ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(what_the_guest_reports_is_handed_on),
        RIG_TEST(a_request_gets_its_answer),
        RIG_TEST(what_is_said_without_a_link_is_dropped),
        RIG_TEST(what_a_later_version_says_is_ignored),
        RIG_TEST(what_makes_no_sense_ends_the_link_for_the_next),
        RIG_TEST(a_link_that_rests_says_and_hears_nothing),
        RIG_TEST(a_bad_address_is_told),
    };

    return cmocka_run_group_tests_name("guest_link", tests, NULL, NULL);
}
