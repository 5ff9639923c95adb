/* `wait`, as people and scripts meet it. With arguments this program is `ttyferry` itself, without
 * them it tests its verb against agents that it plays. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_side.h"
#include "shared/core/event_json.h"
#include "tests/link/child.h"
#include "tests/link/played.h"

static const struct cli_verb verbs[] = {{NULL, NULL, NULL}};

#define LINK_UP "\"link\":{\"state\":\"up\",\"peer\":null,\"transport\":null}"
#define LINKED HEAD("2") "\"event\":\"link\",\"state\":\"up\",\"peer\":null,\"transport\":null}\n"
#define BOARDS(link, boards) HEAD("1") "\"event\":\"snapshot\"," link ",\"boards\":[" boards "]}\n"

static void wait_prints_the_path_and_a_line_feed(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    played_publish_ready(&played, PLAYED_ID("1"), "/dev/ttyUSB0", "/dev/bus/usb/001/002");
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("wait", "1a86:7523", "--stream", played.path)),
        CLI_DONE);
    assert_int_equal(child.out.len, strlen("/dev/ttyUSB0\n"));
    assert_string_equal(child.out.text, "/dev/ttyUSB0\n");
    assert_string_equal(child.err.text, "");
    played_stop(&played);
}

static void wait_waits_for_a_board_that_is_not_there_yet(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, SNAPSHOT);
    child_start(rig, &child, CHILD_ARGUMENTS("wait", "port=3-1", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 1);
    voice_say(&voice, ARRIVAL);
    voice_say(&voice, READY);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_string_equal(child.out.text, "/dev/ttyUSB0\n");
    voice_stop(&voice);
}

static void wait_prints_the_usb_node_of_a_board_without_tty(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    played_publish_ready(&played, PLAYED_ID("1"), NULL, "/dev/bus/usb/001/002");
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("wait", "1a86:*", "--stream", played.path)),
        CLI_DONE);
    assert_string_equal(child.out.text, "/dev/bus/usb/001/002\n");
    played_stop(&played);
}

static void wait_prints_no_empty_path(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    played_publish_ready(&played, PLAYED_ID("1"), NULL, "");
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("wait", "1a86:*", "--stream", played.path)),
        CLI_FAILED);
    assert_string_equal(child.out.text, "");
    assert_non_null(strstr(child.err.text, "neither a tty nor a USB node"));
    played_stop(&played);
}

static void wait_prints_json_on_one_line(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;
    struct board_table boards;
    struct event event;

    played_start(&played, rig);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    played_publish_ready(&played, PLAYED_ID("1"), "/dev/ttyUSB0", "");
    assert_int_equal(
        child_run(rig, &child,
                  CHILD_ARGUMENTS("wait", "1a86:7523", "--json", "--stream", played.path)),
        CLI_DONE);
    assert_int_equal(child.out.lines, 1);
    board_table_init(&boards);
    assert_int_equal(event_json_to_event(child.out.text, child.out.len, &event, &boards), 0);
    assert_int_equal(event.type, EVENT_SNAPSHOT);
    assert_int_equal(boards.count, 1);
    assert_string_equal(boards.items[0]->ttys.items[1].path, "/dev/ttyACM9");
    board_table_finish(&boards);
    played_stop(&played);
}

static void wait_for_gone_is_done_at_once_without_a_board(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, BOARDS(LINK_UP, ""));
    assert_int_equal(
        child_run(rig, &child,
                  CHILD_ARGUMENTS("wait", "1a86:7523", "--state", "gone", "--stream", voice.path)),
        CLI_DONE);
    assert_string_equal(child.out.text, "");
    assert_string_equal(child.err.text, "");
    voice_stop(&voice);
}

/* A guest that is not linked knows nothing of Windows' boards; Windows does without the link. */
static void wait_for_gone_waits_for_the_link(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, BOARDS(LINK_DOWN, ""));
    assert_int_equal(child_run(rig, &child,
                               CHILD_ARGUMENTS("wait", "1a86:7523", "--state", "gone", "--timeout",
                                               "0", "--stream", voice.path)),
                     cli_side_sees_boards ? CLI_DONE : CLI_TIMED_OUT);
    child_start(
        rig, &child,
        CHILD_ARGUMENTS("wait", "1a86:7523", "--state", "gone", "--json", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 2);
    voice_say(&voice, LINKED);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_non_null(strstr(child.out.text, cli_side_sees_boards ? LINK_DOWN : LINK_UP));
    voice_stop(&voice);
}

/* What a stream takes back was there, and has gone, whatever becomes of the link. */
static void wait_for_gone_believes_a_removal_without_a_link(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, BOARDS(LINK_DOWN, BOARD("detached")));
    child_start(rig, &child,
                CHILD_ARGUMENTS("wait", "1a86:7523", "--state", "gone", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 1);
    voice_say(&voice, REMOVAL);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    voice_stop(&voice);
}

/* That its boards are missing from the next one says nothing. */
static void wait_for_gone_does_not_believe_a_restarted_agent(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;
    struct voice next;

    voice_start(&voice, rig, BOARDS(LINK_UP, BOARD("waiting")));
    child_start(rig, &child,
                CHILD_ARGUMENTS("wait", "1a86:7523", "--state", "gone", "--timeout", "100",
                                "--json", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 1);
    voice_stop(&voice);
    voice_start_at(&next, rig, voice.path, BOARDS(LINK_DOWN, ""));
    rig_run_until_count(rig, &next.listeners, 1);
    voice_say(&next, LINKED);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_non_null(strstr(child.out.text, cli_side_sees_boards ? LINK_DOWN : LINK_UP));
    voice_stop(&next);
}

static void wait_for_gone_waits_for_the_removal(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, WAITING);
    child_start(rig, &child,
                CHILD_ARGUMENTS("wait", "1a86:7523", "--state=gone", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 1);
    voice_say(&voice, REMOVAL);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_string_equal(child.out.text, "");
    voice_stop(&voice);
}

/* As Windows and the guest tell of it: once the guest has the board, it has no COM port. */
#define COM_BOARD(com, state)                                                                      \
    "{\"id\":\"usb\\\\a\",\"name\":null,\"vid\":\"1a86\",\"pid\":\"7523\",\"serial\":null,"        \
    "\"description\":\"\",\"com_port\":" com ",\"busid\":\"3-1\",\"speed\":\"full\","              \
    "\"kind\":\"serial\",\"state\":\"" state "\"}"
#define COM5 "\"COM5\""
#define WITH_COM5 BOARDS(LINK_UP, COM_BOARD(COM5, "waiting"))
#define WITHOUT_COM5 HEAD("2") "\"event\":\"update\",\"board\":" COM_BOARD("null", "waiting") "}\n"

static void wait_goes_on_meaning_what_has_fitted(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, WITH_COM5);
    child_start(rig, &child,
                CHILD_ARGUMENTS("wait", "com=COM5", "--timeout", "20", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 1);
    voice_say(&voice, WITHOUT_COM5);
    voice_say(&voice, READY);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_string_equal(child.out.text, "/dev/ttyUSB0\n");
    voice_stop(&voice);
}

static void wait_for_gone_does_not_believe_a_lost_com_port(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, WITH_COM5 WITHOUT_COM5);
    child_start(
        rig, &child,
        CHILD_ARGUMENTS("wait", "com=COM5", "--state", "gone", "--json", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 1);
    voice_say(&voice, REMOVAL);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_non_null(strstr(child.out.text, "\"seq\":3,")); /* That of the removal. */
    voice_stop(&voice);
}

/* What comes after a removal is another life, and has to fit anew. */
static void wait_forgets_what_has_been_removed(void **state)
{
    static const char again[] =
        REMOVAL HEAD("4") "\"event\":\"arrival\",\"board\":" COM_BOARD(COM5, "waiting") "}\n";
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, WITH_COM5 REMOVAL ARRIVAL READY);
    child_start(
        rig, &child,
        CHILD_ARGUMENTS("wait", "com=COM5", "--json", "--timeout", "20", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 1);
    voice_say(&voice, again);
    voice_say(&voice, READY);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_non_null(strstr(child.out.text, COM5));
    voice_stop(&voice);
}

static void wait_gives_up_after_its_timeout(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, WAITING);
    assert_int_equal(child_run(rig, &child,
                               CHILD_ARGUMENTS("wait", "1a86:7523", "--timeout", "0.05", "--stream",
                                               voice.path)),
                     CLI_TIMED_OUT);
    assert_string_equal(child.out.text, "");
    assert_non_null(strstr(child.err.text, "is not ready"));
    /* Looks once, but does look. */
    assert_int_equal(
        child_run(rig, &child,
                  CHILD_ARGUMENTS("wait", "1a86:7523", "--timeout", "0", "--stream", voice.path)),
        CLI_TIMED_OUT);
    voice_stop(&voice);
    voice_start(&voice, rig, BOARDS(LINK_UP, ""));
    assert_int_equal(child_run(rig, &child,
                               CHILD_ARGUMENTS("wait", "1a86:7523", "--timeout", "0", "--state",
                                               "gone", "--stream", voice.path)),
                     CLI_DONE);
    voice_stop(&voice);
}

static void wait_wants_one_board(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("2"));
    played_publish_ready(&played, PLAYED_ID("1"), "/dev/ttyUSB0", "");
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("wait", "1a86:7523", "--stream", played.path)),
        CLI_USAGE);
    assert_string_equal(child.out.text, "");
    assert_non_null(strstr(child.err.text, "fits 2 boards"));
    assert_int_equal(child.err.lines, 3);
    played_stop(&played);
}

static void wait_without_timeout_ends_with_the_agent(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, WAITING);
    child_start(rig, &child, CHILD_ARGUMENTS("wait", "1a86:7523", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 1);
    voice_stop(&voice);
    assert_int_equal(child_finish(rig, &child), CLI_NO_AGENT);
    assert_non_null(strstr(child.err.text, "has gone"));
}

static void wait_with_a_timeout_outlives_a_restart_of_the_agent(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;
    struct played played;

    voice_start(&voice, rig, WAITING);
    child_start(rig, &child,
                CHILD_ARGUMENTS("wait", "1a86:7523", "--timeout", "100", "--stream", voice.path));
    rig_run_until_count(rig, &voice.listeners, 1);
    voice_stop(&voice);
    played_start_at(&played, rig, voice.path);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    played_publish_ready(&played, PLAYED_ID("1"), "/dev/ttyUSB3", "");
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_string_equal(child.out.text, "/dev/ttyUSB3\n");
    played_stop(&played);
}

static void wait_refuses_a_stream_that_makes_no_sense(void **state)
{
    static const char *const texts[] = {"no JSON\n", "{\"v\":2}\n", ARRIVAL, "[]\n"};
    struct rig *rig = *state;
    static struct child child;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct voice voice;

        voice_start(&voice, rig, texts[i]);
        assert_int_equal(
            child_run(rig, &child,
                      CHILD_ARGUMENTS("wait", "x", "--timeout", "100", "--stream", voice.path)),
            CLI_FAILED);
        assert_string_equal(child.out.text, "");
        voice_stop(&voice);
    }
}

/* --- Why it has timed out --------------------------------------------------------------------- */

/* What a board has besides its state. */
#define NOTE(state, members) state "\"," members ",\"port\":\""
#define NO_VHCI                                                                                    \
    NOTE("failed",                                                                                 \
         "\"code\":\"no_vhci\",\"message\":\"no controller\",\"remedy\":\"Run modprobe.\"")
#define UNSHARED NOTE("needs_sharing", "\"remedy\":\"usbipd bind\"")
#define READY_BOARD "\"ttys\":[],\"usb_node\":\"/dev/bus/usb/001/002\""
#define NUMBERED(n)                                                                                \
    "{\"id\":\"usb\\\\" n "\",\"name\":null,\"vid\":\"1a86\",\"pid\":\"7523\",\"serial\":null,"    \
    "\"description\":\"Nano " n "\",\"com_port\":null,\"busid\":\"3-" n "\",\"speed\":\"full\","   \
    "\"kind\":\"serial\",\"state\":\"waiting\"}"
/* In what is expected, @ is the other side and & what can be done about the link. */
#define DOWN "  the link to @ is down\n  remedy: &\n"

static const struct reason_case {
    const char *name;
    const char *snapshot;
    const char *state; /* that is waited for */
    const char *guest; /* what stderr has, each line without the verb */
    const char *host;  /* NULL: the same; empty: it is done there */
} reason_cases[] = {
    {"why: no board", BOARDS(LINK_UP, ""), "ready",
     "\"1a86:*\" is not ready: no board fits; \"ttyferry list\" shows what is there\n", NULL},
    {"why: no board, and no link", BOARDS(LINK_DOWN, ""), "ready",
     "\"1a86:*\" is not ready: the link to @ is down\n  remedy: &\n",
     "\"1a86:*\" is not ready: no board fits; \"ttyferry list\" shows what is there\n"},
    {"why: no board and no link, for gone", BOARDS(LINK_DOWN, ""), "gone",
     "\"1a86:*\" is not known to be gone: the link to @ is down\n  remedy: &\n", ""},
    {"why: failed", BOARDS(LINK_UP, BOARD(NO_VHCI)), "ready",
     "\"1a86:*\" is not ready, its state is failed\n  failed: no controller\n"
     "  remedy: Run modprobe.\n",
     NULL},
    {"why: failed, and no link", BOARDS(LINK_DOWN, BOARD(NO_VHCI)), "ready",
     "\"1a86:*\" is not ready, its state is failed\n  failed: no controller\n"
     "  remedy: Run modprobe.\n" DOWN,
     NULL},
    {"why: not shared", BOARDS(LINK_UP, BOARD(UNSHARED)), "ready",
     "\"1a86:*\" is not ready, its state is needs_sharing\n  remedy: usbipd bind\n", NULL},
    {"why: not shared is told first at Windows", BOARDS(LINK_DOWN, BOARD(UNSHARED)), "ready",
     "\"1a86:*\" is not ready, its state is needs_sharing\n  remedy: usbipd bind\n" DOWN,
     "\"1a86:*\" is not ready, its state is needs_sharing\n  remedy: usbipd bind\n"},
    {"why: yielded", BOARDS(LINK_UP, BOARD(NOTE("yielded", "\"until\":\"replug\""))), "ready",
     "\"1a86:*\" is not ready, its state is yielded\n"
     "  with Windows until it is plugged in anew, or \"ttyferry take\"\n",
     NULL},
    {"why: not wanted", BOARDS(LINK_UP, BOARD("available")), "ready",
     "\"1a86:*\" is not ready, its state is available\n  remedy: to have it in WSL, name it in the "
     "section \"boards\" of the configuration on Windows\n",
     NULL},
    {"why: waiting", BOARDS(LINK_UP, BOARD("waiting")), "ready",
     "\"1a86:*\" is not ready, its state is waiting\n", NULL},
    {"why: waiting for the link", BOARDS(LINK_DOWN, BOARD("waiting")), "ready",
     "\"1a86:*\" is not ready, its state is waiting\n" DOWN, NULL},
    {"why: not gone", BOARDS(LINK_UP, BOARD(NOTE("ready", READY_BOARD))), "gone",
     "\"1a86:*\" is not gone, its state is ready\n", NULL},
    {"why: not gone needs no remedy", BOARDS(LINK_UP, BOARD(NO_VHCI)), "gone",
     "\"1a86:*\" is not gone, its state is failed\n", NULL},
    {"why: not gone as far as the guest knows", BOARDS(LINK_DOWN, BOARD("detached")), "gone",
     "\"1a86:*\" is not gone, its state is detached\n" DOWN,
     "\"1a86:*\" is not gone, its state is detached\n"},
    {"why: several are not gone",
     BOARDS(LINK_UP, NUMBERED("1") "," NUMBERED("2") "," NUMBERED("3") "," NUMBERED(
                         "4") "," NUMBERED("5") "," NUMBERED("6")),
     "gone",
     "\"1a86:*\" is not gone, 6 boards fit:\n"
     "  1a86:7523 port=3-1 Nano 1: waiting\n  1a86:7523 port=3-2 Nano 2: waiting\n"
     "  1a86:7523 port=3-3 Nano 3: waiting\n  1a86:7523 port=3-4 Nano 4: waiting\n"
     "  and 2 more (see \"ttyferry list\")\n",
     NULL},
};

/* Writes what stderr is to have. */
static void expand(const char *text, char *expected, size_t size)
{
    size_t len = 0;
    bool is_at_start = true;

    expected[0] = '\0';
    for (; *text != '\0' && len < size; text++) {
        const char one[] = {*text, '\0'};
        const char *part = *text == '@'   ? cli_side_other
                           : *text == '&' ? cli_side_link_remedy
                                          : one;

        len += (size_t)snprintf(expected + len, size - len, "%s%s",
                                is_at_start ? "ttyferry wait: " : "", part);
        is_at_start = *text == '\n';
    }
    assert_true(len < size);
}

static void a_timeout_says_why(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    char expected[4096];

    for (size_t i = 0; i < sizeof reason_cases / sizeof reason_cases[0]; i++) {
        const struct reason_case *row = &reason_cases[i];
        struct voice voice;
        int exit_code;

        voice_start(&voice, rig, row->snapshot);
        exit_code = child_run(rig, &child,
                              CHILD_ARGUMENTS("wait", "1a86:*", "--state", row->state, "--timeout",
                                              "0", "--stream", voice.path));
        expand(cli_side_sees_boards && row->host ? row->host : row->guest, expected,
               sizeof expected);
        if (exit_code != (expected[0] != '\0' ? CLI_TIMED_OUT : CLI_DONE) ||
            strcmp(child.err.text, expected) != 0 || child.out.len > 0) {
            fail_msg("%s: exit code %d, \"%s\", not \"%s\"", row->name, exit_code, child.err.text,
                     expected);
        }
        voice_stop(&voice);
    }
}

/* An agent that says nothing at all, not even what boards it has. */
static void a_timeout_without_a_snapshot_says_so(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, "");
    assert_int_equal(
        child_run(rig, &child,
                  CHILD_ARGUMENTS("wait", "x", "--timeout", "0.05", "--stream", voice.path)),
        CLI_TIMED_OUT);
    assert_non_null(strstr(child.err.text, "\"x\" is not ready as far as is known:\n"));
    assert_non_null(strstr(child.err.text, "does not answer"));
    assert_string_equal(child.out.text, "");
    voice_stop(&voice);
}

/* Tried in turn until the machine was quick enough for what the test is about. */
static const char *const limits[] = {"1", "10", "60"};

enum { LIMIT_COUNT = sizeof limits / sizeof limits[0] };

/* Once it has come a second time it has heard why the first one was of no use. */
static void a_timeout_because_of_other_readers_says_so(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, HEAD("1") "\"event\":\"dropped\",\"reason\":\"too_many\"}\n");
    for (size_t i = 0; i < LIMIT_COUNT && voice.listeners < 2; i++) {
        voice.listeners = 0;
        assert_int_equal(
            child_run(rig, &child,
                      CHILD_ARGUMENTS("wait", "x", "--timeout", limits[i], "--stream", voice.path)),
            CLI_TIMED_OUT);
    }
    assert_true(voice.listeners >= 2);
    assert_non_null(strstr(child.err.text, "\"x\" is not ready as far as is known:\n"));
    assert_non_null(strstr(child.err.text, "as many readers as it takes: end some"));
    assert_string_equal(child.out.text, "");
    voice_stop(&voice);
}

/* One that goes, and does not come back. */
static void a_timeout_without_an_agent_says_so(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    const char *known = NULL;

    for (size_t i = 0; i < LIMIT_COUNT && !known; i++) {
        struct voice voice;

        voice_start(&voice, rig, BOARDS(LINK_UP, BOARD("waiting")));
        child_start(
            rig, &child,
            CHILD_ARGUMENTS("wait", "1a86:*", "--timeout", limits[i], "--stream", voice.path));
        rig_run_until_count(rig, &voice.listeners, 1);
        voice_stop(&voice);
        assert_int_equal(child_finish(rig, &child), CLI_TIMED_OUT);
        known = strstr(child.err.text, "as far as is known:\n");
    }
    assert_non_null(known);
    assert_true(strstr(known, "has gone") || strstr(known, "no agent is running here"));
    assert_int_equal(child.err.lines, 2);
    assert_string_equal(child.out.text, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(wait_prints_the_path_and_a_line_feed),
        RIG_TEST(wait_waits_for_a_board_that_is_not_there_yet),
        RIG_TEST(wait_prints_the_usb_node_of_a_board_without_tty),
        RIG_TEST(wait_prints_no_empty_path),
        RIG_TEST(wait_prints_json_on_one_line),
        RIG_TEST(wait_for_gone_is_done_at_once_without_a_board),
        RIG_TEST(wait_for_gone_waits_for_the_removal),
        RIG_TEST(wait_for_gone_waits_for_the_link),
        RIG_TEST(wait_for_gone_believes_a_removal_without_a_link),
        RIG_TEST(wait_for_gone_does_not_believe_a_restarted_agent),
        RIG_TEST(wait_goes_on_meaning_what_has_fitted),
        RIG_TEST(wait_for_gone_does_not_believe_a_lost_com_port),
        RIG_TEST(wait_forgets_what_has_been_removed),
        RIG_TEST(wait_gives_up_after_its_timeout),
        RIG_TEST(wait_wants_one_board),
        RIG_TEST(wait_without_timeout_ends_with_the_agent),
        RIG_TEST(wait_with_a_timeout_outlives_a_restart_of_the_agent),
        RIG_TEST(wait_refuses_a_stream_that_makes_no_sense),
        RIG_TEST(a_timeout_says_why),
        RIG_TEST(a_timeout_without_a_snapshot_says_so),
        RIG_TEST(a_timeout_because_of_other_readers_says_so),
        RIG_TEST(a_timeout_without_an_agent_says_so),
    };

    if (argc > 1) {
        return cli_main(argc, argv, verbs);
    }
    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
