/* `wait`, as people and scripts meet it. With arguments this program is `ttyferry` itself, without
 * them it tests its verb against agents that it plays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cli/cli.h"
#include "shared/core/event_json.h"
#include "tests/link/child.h"
#include "tests/link/played.h"

static const struct cli_verb verbs[] = {{NULL, NULL, NULL}};

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
    struct played played;

    played_start(&played, rig);
    assert_int_equal(
        child_run(rig, &child,
                  CHILD_ARGUMENTS("wait", "1a86:7523", "--state", "gone", "--stream", played.path)),
        CLI_DONE);
    assert_string_equal(child.out.text, "");
    played_stop(&played);
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
    voice_start(&voice, rig, SNAPSHOT);
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
        RIG_TEST(wait_gives_up_after_its_timeout),
        RIG_TEST(wait_wants_one_board),
        RIG_TEST(wait_without_timeout_ends_with_the_agent),
        RIG_TEST(wait_with_a_timeout_outlives_a_restart_of_the_agent),
        RIG_TEST(wait_refuses_a_stream_that_makes_no_sense),
    };

    if (argc > 1) {
        return cli_main(argc, argv, verbs);
    }
    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
