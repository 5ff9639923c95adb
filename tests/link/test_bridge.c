/* The bridge to a child: this very program, which is told by its arguments how to behave. */
#include "shared/link/bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/link_process.h"
#include "tests/link/recorder.h"
#include "tests/link/rig.h"

#define EXE_PATH_SIZE 1024
#define GUEST_HELLO                                                                                \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"guest\",\"agent\":\"raw\","                     \
    "\"run\":\"cccccccccccccccc\",\"auth\":{\"method\":\"none\"}}\n"

/* --- the child --- */

static void write_all(uv_file file, const char *text)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));
    uv_fs_t request;

    uv_fs_write(NULL, &request, file, &buffer, 1, -1, NULL);
    uv_fs_req_cleanup(&request);
}

static void close_file(uv_file file)
{
    uv_fs_t request;

    uv_fs_close(NULL, &request, file, NULL);
    uv_fs_req_cleanup(&request);
}

static void read_to_end(void)
{
    char bytes[256];
    uv_buf_t buffer = uv_buf_init(bytes, sizeof bytes);
    uv_fs_t request;
    int got;

    do {
        got = uv_fs_read(NULL, &request, 0, &buffer, 1, -1, NULL);
        uv_fs_req_cleanup(&request);
    } while (got > 0);
}

/* A guest over its own stdin and stdout. */
static int speak(void)
{
    static struct recorder recorder = {.bye_on_line = true};
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
    return recorder.was_up ? 0 : 8;
}

static int die(void)
{
    write_all(2, "starting\nno such \033[2Jdistribution\n");
    return 3;
}

static int die_after_garbage(void)
{
    write_all(1, "There is no distribution with the supplied name.\n");
    read_to_end();
    return 1;
}

static int be_silent(void)
{
    read_to_end();
    write_all(2, "nobody spoke to me\n");
    return 0;
}

/* Longer than any test takes. */
static int sleep_on(void)
{
    uv_sleep(120000);
    return 6;
}

static int be_stubborn(void)
{
    close_file(1);
    return sleep_on();
}

static int chatter_and_speak(void)
{
    for (int i = 0; i < 20000; i++) {
        write_all(2, "a warning that nobody wants to read, over and over again\n");
    }
    return speak();
}

/* Its end of stdin is closed, the other is not. */
static int be_deaf(void)
{
    write_all(1, GUEST_HELLO);
    close_file(0);
    return sleep_on();
}

static int show_environment(void)
{
    const char *added = getenv("TTYFERRY_TEST_BRIDGE");
    const char *path = getenv("PATH");

    write_all(2, added && strcmp(added, "two = 2") == 0 && path ? "as it should be\n" : "wrong\n");
    return 0;
}

static const struct {
    const char *name;
    int (*run)(void);
} manners[] = {
    {"speak", speak},
    {"die", die},
    {"garbage", die_after_garbage},
    {"silent", be_silent},
    {"stubborn", be_stubborn},
    {"chatter", chatter_and_speak},
    {"deaf", be_deaf},
    {"environment", show_environment},
};

static int behave(const char *name)
{
    for (size_t i = 0; i < sizeof manners / sizeof manners[0]; i++) {
        if (strcmp(manners[i].name, name) == 0) {
            return manners[i].run();
        }
    }
    return 7;
}

/* --- the tests --- */

struct span {
    struct rig *rig;
    struct bridge *bridge;
    struct recorder us;
    struct handshake_config config;
    char program[EXE_PATH_SIZE];
    const char *manner; /* NULL: there is nothing to start */
    bool is_unknown;    /* what to start is not known yet */
    size_t starts;
    bool closed;
    bool close_in_on_closed;
    bool kick_in_on_closed;
    uint64_t waits_ms[4];
};

static int get_command(void *context, struct bridge_child_command *command,
                       char reason[BRIDGE_REASON_SIZE])
{
    struct span *span = context;

    span->starts++;
    if (span->is_unknown) {
        return ERR_BUSY;
    }
    if (!span->manner) {
        snprintf(reason, BRIDGE_REASON_SIZE, "no distribution runs");
        return ERR_NOT_FOUND;
    }
    command->arguments[0] = span->program;
    command->arguments[1] = "--child";
    command->arguments[2] = span->manner;
    command->environment[0] = "TTYFERRY_TEST_BRIDGE=two = 2";
    return 0;
}

static void on_bridge_closed(void *context)
{
    struct span *span = ((struct recorder *)context)->owner;

    span->closed = true;
}

static void after_closed(struct recorder *recorder)
{
    struct span *span = recorder->owner;

    if (span->close_in_on_closed) {
        bridge_close(span->bridge, on_bridge_closed);
    } else if (span->kick_in_on_closed) {
        span->kick_in_on_closed = false;
        span->manner = "speak";
        bridge_kick(span->bridge);
    } else if (!recorder->was_up && recorder->closed_count <= 4 && !span->closed) {
        span->waits_ms[recorder->closed_count - 1] = rig_timer_due_ms(span->rig);
    }
}

static void open_span_as(struct span *span, struct rig *rig, const char *manner, bool is_unknown)
{
    const struct bridge_options options = {.get_command = get_command, .context = span};
    size_t size = sizeof span->program;

    memset(span, 0, sizeof *span);
    span->rig = rig;
    span->us.owner = span;
    span->us.after_closed = after_closed;
    span->manner = manner;
    span->is_unknown = is_unknown;
    span->config = recorder_host;
    span->config.method = WIRE_AUTH_KEY; /* That is for the network. */
    assert_int_equal(uv_exepath(span->program, &size), 0);
    assert_int_equal(bridge_open(&rig->loop, &options, &span->config, &recorder_callbacks,
                                 &span->us, &span->bridge),
                     0);
}

static void open_span(struct span *span, struct rig *rig, const char *manner)
{
    open_span_as(span, rig, manner, false);
}

static void close_span(struct span *span)
{
    span->us.after_closed = NULL;
    bridge_close(span->bridge, on_bridge_closed);
    bridge_close(span->bridge, NULL);
    rig_run_until(span->rig, &span->closed);
    assert_int_equal(rig_count_handles(span->rig, UV_PROCESS), 0);
}

static void a_child_that_speaks_brings_a_session_up(void **state)
{
    static struct span span;

    open_span(&span, *state, "speak");
    assert_null(span.us.session);
    rig_run_until(span.rig, &span.us.up);
    assert_string_equal(span.us.peer.run, recorder_guest.run);
    close_span(&span);
    assert_int_equal(span.us.closed_count, 1);
    assert_int_equal(span.us.error, ERR_CANCELLED);
    assert_int_equal(span.starts, 1);
}

static void lines_go_both_ways_and_its_end_is_followed_by_the_next(void **state)
{
    static struct span span;

    open_span(&span, *state, "speak");
    rig_run_until(span.rig, &span.us.up);
    assert_int_equal(session_write(span.us.session, "enough?\n", 8), 0);
    rig_run_until_count(span.rig, &span.us.line_count, 1);
    assert_non_null(strstr(span.us.last_line, "\"code\":\"busy\""));
    rig_run_until(span.rig, &span.us.closed);
    assert_true(span.us.was_up);
    assert_null(span.us.session);
    rig_run_until_count(span.rig, &span.us.up_count, 2);
    assert_int_equal(span.starts, 2);
    close_span(&span);
}

static void a_child_that_dies_is_told_with_its_last_words(void **state)
{
    static struct span span;

    open_span(&span, *state, "die");
    rig_run_until_count(span.rig, &span.us.closed_count, 3);
    assert_false(span.us.was_up);
    assert_false(span.us.had_session);
    assert_int_equal(span.us.error, ERR_CLOSED);
    assert_non_null(strstr(span.us.reason, "before the peer's hello"));
    assert_non_null(strstr(span.us.reason, "(exit code 3: no such \\x1b[2Jdistribution)"));
    assert_int_equal(span.waits_ms[0], BRIDGE_FIRST_MS);
    assert_int_equal(span.waits_ms[1], 2 * BRIDGE_FIRST_MS);
    assert_int_equal(span.waits_ms[2], 4 * BRIDGE_FIRST_MS);
    close_span(&span);
}

static void a_child_that_talks_nonsense_is_quoted(void **state)
{
    static struct span span;

    open_span(&span, *state, "garbage");
    rig_run_until(span.rig, &span.us.closed);
    assert_int_equal(span.us.error, ERR_INVALID);
    assert_non_null(strstr(span.us.reason, "There is no distribution with the supplied name."));
    close_span(&span);
}

static void a_silent_child_runs_into_the_deadline(void **state)
{
    static struct span span;

    open_span(&span, *state, NULL);
    span.config.deadline_ms = 50;
    close_span(&span);
    memset(&span.us, 0, sizeof span.us);
    span.closed = false;
    span.us.owner = &span;
    span.manner = "silent";
    assert_int_equal(
        bridge_open(&span.rig->loop,
                    &(struct bridge_options){.get_command = get_command, .context = &span},
                    &span.config, &recorder_callbacks, &span.us, &span.bridge),
        0);
    rig_run_until(span.rig, &span.us.closed);
    assert_int_equal(span.us.error, ERR_TIMEOUT);
    assert_non_null(strstr(span.us.reason, "did not say hello in time"));
    assert_non_null(strstr(span.us.reason, "nobody spoke to me"));
    close_span(&span);
}

static void a_child_that_does_not_end_is_ended(void **state)
{
    static struct span span;

    open_span(&span, *state, "stubborn");
    rig_run_until(span.rig, &span.us.closed);
    assert_non_null(strstr(span.us.reason, "it had to be ended"));
    close_span(&span);
}

static void a_megabyte_on_stderr_stops_nothing(void **state)
{
    static struct span span;

    open_span(&span, *state, "chatter");
    rig_run_until(span.rig, &span.us.up);
    close_span(&span);
}

static void a_child_that_does_not_listen_any_more_is_noticed(void **state)
{
    static struct span span;

    if (!rig_has_signals) {
        print_message("SKIPPED: Wine tells no writer that a pipe's reader has closed its end\n");
        skip();
    }
    open_span(&span, *state, "deaf");
    rig_run_until(span.rig, &span.us.up);
    while (!span.us.closed) {
        struct session *session = span.us.session;

        if (session) {
            (void)session_write(session, "anybody?\n", 9);
        }
        rig_turn(span.rig);
    }
    assert_true(span.us.was_up);
    assert_int_equal(span.us.error, ERR_CLOSED);
    close_span(&span);
}

static void nothing_to_start_is_a_failed_try(void **state)
{
    static struct span span;

    open_span(&span, *state, NULL);
    rig_run_until_count(span.rig, &span.us.closed_count, 2);
    assert_int_equal(span.us.error, ERR_NOT_FOUND);
    assert_false(span.us.had_session);
    assert_string_equal(span.us.reason, "no distribution runs");
    assert_int_equal(span.waits_ms[1], 2 * BRIDGE_FIRST_MS);
    close_span(&span);
}

static void a_program_that_is_missing_is_told(void **state)
{
    static struct span span;

    open_span(&span, *state, NULL);
    strcat(span.program, ".missing");
    span.manner = "speak";
    bridge_kick(span.bridge);
    rig_run_until_count(span.rig, &span.us.closed_count, 2);
    assert_int_equal(span.us.error, ERR_NOT_FOUND);
    assert_non_null(strstr(span.us.reason, "it could not be started"));
    close_span(&span);
}

static void a_try_waits_until_it_is_known_what_to_start(void **state)
{
    static struct span span;

    open_span_as(&span, *state, "speak", true);
    bridge_go_on(span.bridge); /* Still not known: it waits on. */
    assert_int_equal(span.starts, 2);
    rig_turn(span.rig);
    assert_false(span.us.closed);
    span.is_unknown = false;
    bridge_go_on(span.bridge);
    bridge_go_on(span.bridge);
    assert_int_equal(span.starts, 3);
    rig_run_until(span.rig, &span.us.up);
    close_span(&span);
}

static void a_try_that_waited_for_nothing_has_failed(void **state)
{
    static struct span span;

    open_span_as(&span, *state, NULL, true);
    span.is_unknown = false;
    bridge_go_on(span.bridge);
    rig_run_until(span.rig, &span.us.closed);
    assert_false(span.us.was_up);
    assert_non_null(strstr(span.us.reason, "no distribution runs"));
    close_span(&span);
}

static void closing_while_a_try_waits_leaves_nothing(void **state)
{
    static struct span span;

    open_span_as(&span, *state, "speak", true);
    span.us.after_closed = NULL;
    bridge_close(span.bridge, on_bridge_closed);
    span.is_unknown = false;
    bridge_go_on(span.bridge);
    rig_run_until(span.rig, &span.closed);
    assert_int_equal(span.starts, 1);
}

static void a_kick_tries_at_once(void **state)
{
    static struct span span;

    open_span(&span, *state, NULL);
    rig_run_until(span.rig, &span.us.closed);
    span.manner = "speak";
    bridge_kick(span.bridge);
    assert_int_equal(span.starts, 2);
    bridge_kick(span.bridge); /* One try at a time. */
    assert_int_equal(span.starts, 2);
    rig_run_until(span.rig, &span.us.up);
    close_span(&span);
}

static void a_kick_while_the_last_child_ends_is_not_forgotten(void **state)
{
    static struct span span;

    open_span(&span, *state, "deaf");
    rig_run_until(span.rig, &span.us.up);
    span.kick_in_on_closed = true;
    session_close(span.us.session, ERR_CANCELLED);
    rig_run_until(span.rig, &span.us.closed);
    assert_int_equal(span.starts, 1);
    assert_int_equal(rig_count_handles(span.rig, UV_PROCESS), 1);
    rig_run_until_count(span.rig, &span.us.up_count, 2);
    close_span(&span);
}

static void closing_inside_on_closed_is_safe(void **state)
{
    static struct span span;

    open_span(&span, *state, "die");
    span.close_in_on_closed = true;
    rig_run_until(span.rig, &span.closed);
    assert_int_equal(span.us.closed_count, 1);
}

static void closing_while_the_child_starts_leaves_nothing(void **state)
{
    static struct span span;

    open_span(&span, *state, "speak");
    close_span(&span);
    assert_false(span.us.up);
    assert_int_equal(span.us.closed_count, 1);
    assert_int_equal(span.us.error, ERR_CANCELLED);
}

static void the_environment_is_ours_and_what_is_added(void **state)
{
    static struct span span;

    open_span(&span, *state, "environment");
    rig_run_until(span.rig, &span.us.closed);
    assert_non_null(strstr(span.us.reason, "as it should be"));
    close_span(&span);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_child_that_speaks_brings_a_session_up),
        RIG_TEST(lines_go_both_ways_and_its_end_is_followed_by_the_next),
        RIG_TEST(a_child_that_dies_is_told_with_its_last_words),
        RIG_TEST(a_child_that_talks_nonsense_is_quoted),
        RIG_TEST(a_silent_child_runs_into_the_deadline),
        RIG_TEST(a_child_that_does_not_end_is_ended),
        RIG_TEST(a_megabyte_on_stderr_stops_nothing),
        RIG_TEST(a_child_that_does_not_listen_any_more_is_noticed),
        RIG_TEST(nothing_to_start_is_a_failed_try),
        RIG_TEST(a_program_that_is_missing_is_told),
        RIG_TEST(a_try_waits_until_it_is_known_what_to_start),
        RIG_TEST(a_try_that_waited_for_nothing_has_failed),
        RIG_TEST(closing_while_a_try_waits_leaves_nothing),
        RIG_TEST(a_kick_tries_at_once),
        RIG_TEST(a_kick_while_the_last_child_ends_is_not_forgotten),
        RIG_TEST(closing_inside_on_closed_is_safe),
        RIG_TEST(closing_while_the_child_starts_leaves_nothing),
        RIG_TEST(the_environment_is_ours_and_what_is_added),
    };

    if (argc == 3 && strcmp(argv[1], "--child") == 0) {
        link_process_init();
        return behave(argv[2]);
    }
    return cmocka_run_group_tests_name("bridge", tests, NULL, NULL);
}
