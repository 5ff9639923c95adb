/* The command line, as people and scripts meet it. With arguments this program is `ttyferry`
 * itself, without them it tests its verbs against agents that it plays. */
#include "shared/cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cli/cli_agent.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/cli_side.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/link/local_server.h"
#include "shared/stream/stream.h"
#include "tests/core/hostile.h"
#include "tests/link/child.h"
#include "tests/link/played.h"

/* --- The program under test ------------------------------------------------------------------- */

/* What both agents' verb does before it runs, and then says what it read. */
static int prepare_agent(int argc, char **argv)
{
    struct cli_agent agent;
    char line[256];
    int exit_code;

    if (!cli_agent_prepare("Usage: ttyferry agent\n", NULL, argc, argv, "no-such-default", &agent,
                           &exit_code)) {
        return exit_code;
    }
    if (!cli_agent_check_key(&agent, &exit_code)) {
        return exit_code;
    }
    snprintf(line, sizeof line, "%s %u %s\n", agent.config.link_address,
             (unsigned)agent.config.link_port, agent.stream ? agent.stream : "-");
    return cli_output_text(line) == 0 ? CLI_DONE : CLI_FAILED;
}

static const struct cli_verb verbs[] = {
    {"agent", "a stand-in for the agent", prepare_agent},
    {NULL, NULL, NULL},
};

/* --- Help and arguments ----------------------------------------------------------------------- */

/* Each ends at once; `out` and `err` are parts of what is printed, NULL: nothing is. */
static const struct usage_case {
    const char *name;
    const char *arguments[6];
    int exit_code;
    const char *out;
    const char *err;
} usage_cases[] = {
    {"--help", {"--help"}, CLI_DONE, "wait until a board is ready", NULL},
    {"--help lists the program's own verbs", {"-h"}, CLI_DONE, "a stand-in for the agent", NULL},
    {"--version", {"--version"}, CLI_DONE, "ttyferry " TTYFERRY_VERSION "\n", NULL},
    {"an unknown verb", {"fly"}, CLI_USAGE, NULL, "there is no verb \"fly\""},
    {"an unknown verb is escaped", {"\x1b]0;x"}, CLI_USAGE, NULL, "\\x1b]0;x"},
    {"events --help", {"events", "--help"}, CLI_DONE, "Usage: ttyferry events", NULL},
    {"wait --help", {"wait", "--help"}, CLI_DONE, "Usage: ttyferry wait MATCH", NULL},
    {"status --help", {"status", "--help"}, CLI_DONE, "--watch", NULL},
    {"list --help", {"list", "--help"}, CLI_DONE, "Usage: ttyferry list", NULL},
    {"list has no --watch", {"list", "--watch"}, CLI_USAGE, NULL, "no such option"},
    {"yield --help", {"yield", "--help"}, CLI_DONE, "Usage: ttyferry yield MATCH", NULL},
    {"take without MATCH", {"take"}, CLI_USAGE, NULL, "an argument is missing: MATCH"},
    {"yield of a MATCH that is none", {"yield", "1a86:75"}, CLI_USAGE, NULL, "four hex digits"},
    {"help beats what follows", {"wait", "--help", "--nonsense"}, CLI_DONE, "Usage", NULL},
    {"an unknown option", {"events", "--nonsense"}, CLI_USAGE, NULL, "no such option: --nonsense"},
    {"a prefix of an option", {"events", "--mat=x"}, CLI_USAGE, NULL, "no such option"},
    {"an option without its value", {"events", "--match"}, CLI_USAGE, NULL, "wants a value"},
    {"a flag with a value", {"wait", "x", "--json=1"}, CLI_USAGE, NULL, "takes no value"},
    {"an operand where none belongs", {"events", "x"}, CLI_USAGE, NULL, "one argument too many"},
    {"a second operand", {"wait", "x", "y"}, CLI_USAGE, NULL, "one argument too many"},
    {"no operand", {"wait", "--json"}, CLI_USAGE, NULL, "an argument is missing: MATCH"},
    {"a MATCH that is none", {"wait", "1a86:75"}, CLI_USAGE, NULL, "four hex digits"},
    {"an empty MATCH", {"wait", ""}, CLI_USAGE, NULL, "VID:PID"},
    {"a MATCH of events", {"events", "--match", "com=7"}, CLI_USAGE, NULL, "COM5"},
    {"a --since that is none", {"events", "--since", "41"}, CLI_USAGE, NULL, "2c43:41"},
    {"an empty --since", {"events", "--since="}, CLI_USAGE, NULL, "--since wants"},
    {"an unknown state", {"wait", "x", "--state", "flying"}, CLI_USAGE, NULL, "ready or gone"},
    {"a timeout in words", {"wait", "x", "--timeout", "soon"}, CLI_USAGE, NULL, "seconds"},
    {"a negative timeout", {"wait", "x", "--timeout", "-1"}, CLI_USAGE, NULL, "seconds"},
    {"no number as timeout", {"wait", "x", "--timeout", "nan"}, CLI_USAGE, NULL, "seconds"},
    {"an endless timeout", {"wait", "x", "--timeout", "1e99"}, CLI_USAGE, NULL, "seconds"},
    {"an empty timeout", {"wait", "x", "--timeout="}, CLI_USAGE, NULL, "seconds"},
    {"an unknown log level", {"agent", "--log-level", "loud"}, CLI_USAGE, NULL, "error, warning"},
};

static void expect_text(const char *name, const struct child_output *output, const char *part)
{
    if (part ? !strstr(output->text, part) : output->len > 0) {
        fail_msg("%s: \"%s\" has not \"%s\"", name, output->text, part ? part : "");
    }
    if (strchr(output->text, '\x1b')) {
        fail_msg("%s: printed an escape", name);
    }
}

static void each_usage_is_answered(void **state)
{
    struct rig *rig = *state;
    static struct child child;

    for (size_t i = 0; i < sizeof usage_cases / sizeof usage_cases[0]; i++) {
        const struct usage_case *each = &usage_cases[i];
        int exit_code = child_run(rig, &child, each->arguments);

        if (exit_code != each->exit_code) {
            fail_msg("%s: exit code %d, not %d: %s", each->name, exit_code, each->exit_code,
                     child.err.text);
        }
        expect_text(each->name, &child.out, each->out);
        expect_text(each->name, &child.err, each->err);
    }
}

static void without_an_agent_every_verb_says_so(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    char path[RIG_PATH_SIZE];

    rig_make_path(path);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("events", "--stream", path)),
                     CLI_NO_AGENT);
    assert_string_equal(child.out.text, "");
    assert_non_null(strstr(child.err.text, "no agent is running here"));
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("wait", "x", "--stream", path)),
                     CLI_NO_AGENT);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("status", "--stream", path)),
                     CLI_NO_AGENT);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("list", "--stream", path)),
                     CLI_NO_AGENT);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("take", "x", "--stream", path)),
                     CLI_NO_AGENT);
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("wait", "x", "--timeout", "100", "--stream", path)),
        CLI_NO_AGENT);
    assert_string_equal(child.out.text, "");
}

/* --- events ----------------------------------------------------------------------------------- */

static void events_prints_the_stream_byte_for_byte(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, SNAPSHOT);
    child_start(rig, &child, CHILD_ARGUMENTS("events", "--stream", voice.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    voice_say(&voice, ARRIVAL READY);
    rig_run_until_count(rig, &child.out.lines, 3);
    voice_stop(&voice);
    assert_int_equal(child_finish(rig, &child), CLI_NO_AGENT);
    assert_string_equal(child.out.text, SNAPSHOT ARRIVAL READY);
    assert_non_null(strstr(child.err.text, "has gone"));
}

static void events_shows_what_a_stream_tells(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    child_start(rig, &child, CHILD_ARGUMENTS("events", "--stream", played.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    played_publish_ready(&played, PLAYED_ID("1"), "/dev/ttyUSB0", "");
    rig_run_until_count(rig, &child.out.lines, 4); /* the attaching in between is told too */
    assert_non_null(strstr(child.out.text, "\"seq\":4,"));
    assert_non_null(strstr(child.out.text, "/dev/ttyUSB0"));
    assert_null(strchr(child.out.text, '\r'));
    played_stop(&played);
    child_finish(rig, &child);
}

static void events_of_one_board_are_picked_out(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;
    struct event other = {.type = EVENT_ARRIVAL};

    strcpy(other.board.id, PLAYED_ID("2"));
    strcpy(other.board.serial, "other");
    played_start(&played, rig);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    stream_publish(played.stream, &other);
    child_start(rig, &child, CHILD_ARGUMENTS("events", "--match=1a86:*", "--stream", played.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    assert_null(strstr(child.out.text, "other"));
    assert_non_null(strstr(child.out.text, "\"snapshot\""));
    played_publish(&played, EVENT_REMOVAL, PLAYED_ID("2"));
    played_publish(&played, EVENT_LINK, PLAYED_ID("2"));
    played_publish(&played, EVENT_REMOVAL, PLAYED_ID("1"));
    rig_run_until_count(rig, &child.out.lines, 3);
    assert_null(strstr(child.out.text, "other"));
    assert_non_null(strstr(child.out.text, "\"link\""));
    played_stop(&played);
    child_finish(rig, &child);
}

static void events_with_a_match_refuses_what_makes_no_sense(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, SNAPSHOT "no JSON\n");
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("events", "--match", "x", "--stream", voice.path)),
        CLI_FAILED);
    assert_string_equal(child.out.text, SNAPSHOT);
    assert_non_null(strstr(child.err.text, "makes no sense"));
    voice_stop(&voice);
}

/* A voice that answers what it is asked. */
static void on_voice_heard(void *context, uint64_t client, char *line, size_t len)
{
    struct voice *voice = context;

    (void)len;
    assert_string_equal(line,
                        "{\"request\":\"resume\",\"id\":\"since\",\"run\":\"8c1f6a0be97d2c43\","
                        "\"seq\":1}");
    if (voice->reply) {
        local_server_answer(voice->server, client, voice->reply, strlen(voice->reply));
    }
    voice->questions++;
}

#define SINCE "8c1f6a0be97d2c43:1"
#define REPLY(type, rest)                                                                          \
    "{\"v\":1,\"run\":\"8c1f6a0be97d2c43\",\"time\":\"2026-08-31T12:34:56.789Z\",\"reply\":" type  \
    ",\"id\":" rest "}\n"
#define REPLY_OK                                                                                   \
    REPLY("\"resume\"", "\"since\",\"ok\":true,\"code\":null,\"message\":null,\"remedy\":null")
#define REPLY_TOO_OLD                                                                              \
    REPLY("\"resume\"", "\"since\",\"ok\":false,\"code\":\"too_old\",\"message\":\"gone\","        \
                        "\"remedy\":null")
#define REPLY_UNKNOWN                                                                              \
    REPLY("null", "null,\"ok\":false,\"code\":\"unknown_request\",\"message\":\"what?\","          \
                  "\"remedy\":null")

static void events_goes_on_where_it_was(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, WAITING ARRIVAL);
    voice.reply = REPLY_OK REMOVAL;
    local_server_hear(voice.server, on_voice_heard);
    child_start(rig, &child, CHILD_ARGUMENTS("events", "--since", SINCE, "--stream", voice.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    voice_say(&voice, ARRIVAL);
    rig_run_until_count(rig, &child.out.lines, 2);
    voice_stop(&voice);
    assert_int_equal(child_finish(rig, &child), CLI_NO_AGENT);
    assert_int_equal(voice.questions, 1);
    assert_string_equal(child.out.text, REMOVAL ARRIVAL);
    assert_int_equal(child.err.lines, 1);
}

/* The first line tells a script which of both it is. */
static void events_begins_anew_where_it_cannot_go_on(void **state)
{
    static const struct {
        const char *reply;
        const char *reason;
    } cases[] = {{REPLY_TOO_OLD, "gone (too_old)"}, {REPLY_UNKNOWN, "what? (unknown_request)"}};
    struct rig *rig = *state;
    static struct child child;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct voice voice;

        voice_start(&voice, rig, WAITING ARRIVAL);
        voice.reply = cases[i].reply;
        local_server_hear(voice.server, on_voice_heard);
        child_start(rig, &child,
                    CHILD_ARGUMENTS("events", "--since=" SINCE, "--stream", voice.path));
        rig_run_until_count(rig, &child.out.lines, 2);
        voice_say(&voice, READY);
        rig_run_until_count(rig, &child.out.lines, 3);
        voice_stop(&voice);
        assert_int_equal(child_finish(rig, &child), CLI_NO_AGENT);
        assert_string_equal(child.out.text, WAITING ARRIVAL READY);
        assert_non_null(strstr(child.err.text, cases[i].reason));
    }
}

static void events_goes_on_with_a_match(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, SNAPSHOT);
    voice.reply = REPLY_OK READY REMOVAL;
    local_server_hear(voice.server, on_voice_heard);
    child_start(rig, &child,
                CHILD_ARGUMENTS("events", "--since", SINCE, "--match", "1a86:7523", "--stream",
                                voice.path));
    rig_run_until_count(rig, &child.out.lines, 2);
    assert_string_equal(child.out.text, READY REMOVAL);
    voice_stop(&voice);
    child_finish(rig, &child);
    voice_start(&voice, rig, WAITING);
    voice.reply = REPLY_TOO_OLD;
    local_server_hear(voice.server, on_voice_heard);
    child_start(
        rig, &child,
        CHILD_ARGUMENTS("events", "--since", SINCE, "--match", "ffff:*", "--stream", voice.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    voice_say(&voice, READY REMOVAL);
    voice_stop(&voice);
    child_finish(rig, &child);
    assert_int_equal(child.out.lines, 1);
    assert_non_null(strstr(child.out.text, "\"boards\":[]"));
}

/* A board has lost, before the snapshot of now, what it had fitted by: its end is heard all the
 * same. */
static void events_goes_on_with_a_board_that_fits_no_more(void **state)
{
    static const char update[] = HEAD("2") "\"event\":\"update\",\"board\":" BOARD("waiting") "}\n";
    static const char *const matches[] = {"com=COM5", "name=leo"};
    struct rig *rig = *state;
    static struct child child;

    for (size_t i = 0; i < sizeof matches / sizeof matches[0]; i++) {
        char reply[4096];
        struct voice voice;

        snprintf(reply, sizeof reply, "%s%s%s", REPLY_OK, update, REMOVAL);
        voice_start(&voice, rig, WAITING);
        voice.reply = reply;
        local_server_hear(voice.server, on_voice_heard);
        child_start(rig, &child,
                    CHILD_ARGUMENTS("events", "--since", SINCE, "--match", matches[i], "--stream",
                                    voice.path));
        rig_run_until_count(rig, &child.out.lines, 2);
        voice_stop(&voice);
        child_finish(rig, &child);
        assert_int_equal(strncmp(child.out.text, update, strlen(update)), 0);
        assert_string_equal(child.out.text + strlen(update), REMOVAL);
    }
}

/* The real stream: what one reader saw last, the next one goes on from. */
static void events_of_a_real_stream_are_resumed(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1")); /* 2 */
    played_publish(&played, EVENT_LINK, PLAYED_ID("1"));
    played_publish(&played, EVENT_REMOVAL, PLAYED_ID("1"));
    child_start(rig, &child,
                CHILD_ARGUMENTS("events", "--since", PLAYED_RUN ":2", "--stream", played.path));
    rig_run_until_count(rig, &child.out.lines, 2);
    played_publish(&played, EVENT_LINK, PLAYED_ID("1"));
    rig_run_until_count(rig, &child.out.lines, 3);
    assert_null(strstr(child.out.text, "\"seq\":2,"));
    assert_non_null(strstr(child.out.text, "\"seq\":3,"));
    assert_non_null(strstr(child.out.text, "\"seq\":5,"));
    assert_null(strstr(child.out.text, "snapshot"));
    assert_null(strstr(child.out.text, "reply"));
    assert_string_equal(child.err.text, "");
    played_stop(&played);
    child_finish(rig, &child);
}

static void publish_com(struct played *played, enum event_type type, const char *id,
                        const char *com_port)
{
    struct event event = {.type = type};

    strcpy(event.board.id, id);
    strcpy(event.board.com_port, com_port);
    stream_publish(played->stream, &event);
}

/* Which boards had fitted at the line that was seen last is read out of what was before. */
static void events_goes_on_knowing_what_has_fitted(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    publish_com(&played, EVENT_ARRIVAL, PLAYED_ID("1"), "COM5"); /* 2 */
    publish_com(&played, EVENT_ARRIVAL, PLAYED_ID("2"), "COM6");
    publish_com(&played, EVENT_UPDATE, PLAYED_ID("1"), "");
    publish_com(&played, EVENT_UPDATE, PLAYED_ID("2"), "COM7"); /* 5 */
    publish_com(&played, EVENT_UPDATE, PLAYED_ID("1"), "COM8");
    child_start(rig, &child,
                CHILD_ARGUMENTS("events", "--since", PLAYED_RUN ":4", "--match", "com=COM5",
                                "--stream", played.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    publish_com(&played, EVENT_REMOVAL, PLAYED_ID("2"), ""); /* 7 */
    publish_com(&played, EVENT_REMOVAL, PLAYED_ID("1"), "");
    rig_run_until_count(rig, &child.out.lines, 2);
    assert_string_equal(child.err.text, "");
    played_stop(&played);
    child_finish(rig, &child);
    assert_int_equal(child.out.lines, 2);
    assert_non_null(strstr(child.out.text, "\"seq\":6,"));
    assert_non_null(strstr(child.out.text, "\"seq\":8,"));
}

/* Of a board that has come before what the agent keeps, nobody knows whether it had fitted. */
static void events_goes_on_with_a_board_of_long_ago(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    publish_com(&played, EVENT_ARRIVAL, PLAYED_ID("1"), "COM6"); /* 2 */
    for (int i = 0; i < 2000; i++) {
        played_publish(&played, EVENT_LINK, PLAYED_ID("1"));
    }
    publish_com(&played, EVENT_ARRIVAL, PLAYED_ID("2"), "COM7"); /* 2003 */
    publish_com(&played, EVENT_UPDATE, PLAYED_ID("2"), "");
    publish_com(&played, EVENT_UPDATE, PLAYED_ID("1"), ""); /* 2005 */
    child_start(rig, &child,
                CHILD_ARGUMENTS("events", "--since", PLAYED_RUN ":2003", "--match", "com=COM5",
                                "--stream", played.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    assert_string_equal(child.err.text, "");
    played_stop(&played);
    child_finish(rig, &child);
    assert_int_equal(child.out.lines, 1);
    assert_non_null(strstr(child.out.text, "\"seq\":2005,"));
}

#define UPDATE(seq) HEAD(seq) "\"event\":\"update\",\"board\":" BOARD("waiting") "}\n"

/* The agent has the line that was seen last, and not what was before it. */
static void on_voice_asked_twice(void *context, uint64_t client, char *line, size_t len)
{
    static const char *const expected[] = {"\"seq\":1}", "\"seq\":7}"};
    static const char *const replies[] = {REPLY_TOO_OLD, REPLY_OK UPDATE("8")};
    struct voice *voice = context;

    assert_true(voice->questions < 2);
    assert_non_null(strstr(line, expected[voice->questions]));
    (void)len;
    local_server_answer(voice->server, client, replies[voice->questions],
                        strlen(replies[voice->questions]));
    voice->questions++;
}

static void events_goes_on_without_knowing_what_has_fitted(void **state)
{
    static const char now[] =
        HEAD("8") "\"event\":\"snapshot\",\"boards\":[" BOARD("waiting") "]}\n";
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, now);
    local_server_hear(voice.server, on_voice_asked_twice);
    child_start(rig, &child,
                CHILD_ARGUMENTS("events", "--since", "8c1f6a0be97d2c43:7", "--match", "com=COM5",
                                "--stream", voice.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    voice_stop(&voice);
    child_finish(rig, &child);
    assert_string_equal(child.out.text, UPDATE("8"));
    assert_int_equal(voice.questions, 2);
}

#define DROPPED(reason) HEAD("1") "\"event\":\"dropped\",\"reason\":\"" reason "\"}\n"

static void events_prints_the_last_word_and_says_what_it_means(void **state)
{
    static const struct {
        const char *text;
        int exit_code;
        const char *message;
    } cases[] = {
        {SNAPSHOT DROPPED("too_slow"), CLI_FAILED, "was too slow"},
        {DROPPED("too_many"), CLI_FAILED, "as many readers as it takes"},
        {SNAPSHOT DROPPED("too_loud"), CLI_NO_AGENT, "has gone"},
    };
    struct rig *rig = *state;
    static struct child child;

    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        const char *text = cases[i / 2].text;
        struct voice voice;

        voice_start(&voice, rig, text);
        child_start(rig, &child,
                    i % 2 == 0 ? CHILD_ARGUMENTS("events", "--stream", voice.path)
                               : CHILD_ARGUMENTS("events", "--match", "x", "--stream", voice.path));
        rig_run_until_count(rig, &child.out.lines, text == cases[1].text ? 1 : 2);
        voice_stop(&voice);
        assert_int_equal(child_finish(rig, &child), cases[i / 2].exit_code);
        assert_string_equal(child.out.text, text);
        assert_non_null(strstr(child.err.text, cases[i / 2].message));
    }
}

static void events_ends_well_when_interrupted(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    if (!rig_has_signals) {
        print_message("SKIPPED: nobody can send another program Ctrl-C here\n");
        skip();
    }
    played_start(&played, rig);
    child_start(rig, &child, CHILD_ARGUMENTS("events", "--stream", played.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    assert_int_equal(uv_process_kill(&child.process, SIGINT), 0);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_string_equal(child.err.text, "");
    played_stop(&played);
}

static void events_ends_well_when_nobody_reads_any_more(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    child_start(rig, &child, CHILD_ARGUMENTS("events", "--stream", played.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    child_close_stdout(rig, &child);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_string_equal(child.err.text, "");
    played_stop(&played);
}

/* Nothing happens that it would have to write. */
static void events_ends_well_when_nobody_reads_and_nothing_happens(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    if (!rig_has_signals) {
        print_message("SKIPPED: only the next write tells here\n");
        skip();
    }
    played_start(&played, rig);
    child_start(rig, &child, CHILD_ARGUMENTS("events", "--stream", played.path));
    rig_run_until_count(rig, &child.out.lines, 1);
    child_close_stdout(rig, &child);
    assert_int_equal(child_finish(rig, &child), CLI_DONE);
    assert_string_equal(child.err.text, "");
    played_stop(&played);
}

static void every_verb_says_that_there_are_too_many_readers(void **state)
{
    static const char *const calls[][2] = {{"wait", "x"}, {"take", "x"}, {"status", "--watch"}};
    struct rig *rig = *state;
    static struct child child;
    struct voice voice;

    voice_start(&voice, rig, DROPPED("too_many"));
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        assert_int_equal(
            child_run(rig, &child,
                      CHILD_ARGUMENTS(calls[i][0], calls[i][1], "--stream", voice.path)),
            CLI_FAILED);
        assert_non_null(strstr(child.err.text, "as many readers as it takes"));
        assert_string_equal(child.out.text, "");
    }
    voice_stop(&voice);
}

/* --- status, list ----------------------------------------------------------------------------- */

#define STATUS_TABLE                                                                               \
    "STATE  TTY           BUSID  VID:PID    DESCRIPTION\n"                                         \
    "ready  /dev/ttyUSB0  3-1    1a86:7523  Board\n"                                               \
    "       /dev/ttyACM9\n"

static void status_and_list_print_a_table(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start_linked(&played, rig);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("list", "--stream", played.path)),
                     CLI_DONE);
    assert_string_equal(child.out.text, STATUS_TABLE);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("status", "--stream", played.path)),
                     CLI_DONE);
    assert_string_equal(child.out.text, "link up, peer p, by tcp\n\n" STATUS_TABLE);
    assert_string_equal(child.err.text, "");
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("status", "--json", "--stream", played.path)),
        CLI_DONE);
    assert_non_null(strstr(child.out.text, "\"transport\":\"tcp\"},\"boards\":["));
    assert_int_equal(child.out.lines, 1);
    played_stop(&played);
}

static void a_table_fits_the_columns(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start_linked(&played, rig);
    assert_int_equal(uv_os_setenv("COLUMNS", "30"), 0);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("list", "--stream", played.path)),
                     CLI_DONE);
    assert_int_equal(uv_os_unsetenv("COLUMNS"), 0);
    assert_string_equal(child.out.text, "STATE  TTY           VID:PID\n"
                                        "ready  /dev/ttyUSB0  1a86:7523\n"
                                        "       /dev/ttyACM9\n");
    played_stop(&played);
}

#define DOWN(remedy) "link down\n    remedy: ", remedy, "\n\n"

static void status_watches_every_change(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;
    char expected[2048];

    played_start(&played, rig);
    child_start(rig, &child, CHILD_ARGUMENTS("status", "--watch", "--stream", played.path));
    rig_run_until_count(rig, &child.out.lines, 4);
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("1"));
    rig_run_until_count(rig, &child.out.lines, 10);
    snprintf(expected, sizeof expected,
             "%s%s%sno boards\n\n%s%s%sSTATE    BUSID  VID:PID    DESCRIPTION\n"
             "waiting  3-1    1a86:7523  Board\n",
             DOWN(cli_side_link_remedy), DOWN(cli_side_link_remedy));
    assert_string_equal(child.out.text, expected);
    played_stop(&played);
    assert_int_equal(child_finish(rig, &child), CLI_NO_AGENT);
    assert_non_null(strstr(child.err.text, "has gone"));
}

/* Its stdout is for scripts as well, and stays as it is. */
static void list_says_that_the_link_is_down(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;
    char expected[1024];

    played_start(&played, rig);
    snprintf(expected, sizeof expected,
             "ttyferry list: the link to %s is down\nttyferry list:   remedy: %s\n", cli_side_other,
             cli_side_link_remedy);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("list", "--stream", played.path)),
                     CLI_DONE);
    assert_string_equal(child.out.text, "no boards\n");
    assert_string_equal(child.err.text, expected);
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("list", "--json", "--stream", played.path)),
        CLI_DONE);
    assert_non_null(strstr(child.out.text, "\"link\":{\"state\":\"down\""));
    assert_string_equal(child.err.text, "");
    played_stop(&played);
}

/* --- Hostile texts ---------------------------------------------------------------------------- */

static void hostile_texts_reach_no_terminal(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start(&played, rig);
    for (size_t i = 0; i < HOSTILE_COUNT; i++) {
        struct event event = {.type = EVENT_ARRIVAL};

        snprintf(event.board.id, sizeof event.board.id, "usb\\%zu", i);
        strcpy(event.board.description, hostile_texts[i]);
        strcpy(event.board.serial, hostile_texts[i]);
        stream_publish(played.stream, &event);
        event.type = EVENT_FAILED;
        strcpy(event.code, "busy");
        strcpy(event.message, hostile_texts[i]);
        strcpy(event.remedy, hostile_texts[i]);
        stream_publish(played.stream, &event);
    }
    child_run(rig, &child, CHILD_ARGUMENTS("status", "--stream", played.path));
    assert_true(child.out.lines > HOSTILE_COUNT);
    assert_true(hostile_is_harmless(child.out.text));
    child_run(rig, &child, CHILD_ARGUMENTS("status", "--json", "--stream", played.path));
    assert_true(hostile_is_harmless(child.out.text));
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("wait", "*:*", "--stream", played.path)), CLI_USAGE);
    assert_string_equal(child.out.text, "");
    assert_true(child.err.lines > HOSTILE_COUNT);
    assert_true(hostile_is_harmless(child.err.text));
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("take", "*:*", "--stream", played.path)), CLI_USAGE);
    assert_true(hostile_is_harmless(child.err.text));
    for (size_t i = 0; i < HOSTILE_COUNT; i += 5) {
        child_run(rig, &child, CHILD_ARGUMENTS(hostile_texts[i]));
        assert_true(hostile_is_harmless(child.err.text));
    }
    played_stop(&played);
}

/* --- yield, take ------------------------------------------------------------------------------ */

static void yield_asks_and_waits_for_the_guest(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start_linked(&played, rig);
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("yield", "1a86:7523", "--stream", played.path)),
        CLI_DONE);
    assert_string_equal(child.out.text, "");
    assert_string_equal(child.err.text, "");
    assert_int_equal(played.requests, 1);
    assert_int_equal(played.request.type, REQUEST_YIELD);
    assert_string_equal(played.request.board, PLAYED_ID("1"));
    played_stop(&played);
}

static void take_says_why_it_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    struct played played;

    played_start_linked(&played, rig);
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("take", "1a86:7523", "--stream", played.path)),
        CLI_FAILED);
    assert_string_equal(child.out.text, "");
    assert_non_null(strstr(child.err.text, "no \\x1b[2J host: start \\xe2\\x80\\xae it"));
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("take", "ffff:*", "--stream", played.path)),
        CLI_FAILED);
    assert_non_null(strstr(child.err.text, "no board fits"));
    played_publish(&played, EVENT_ARRIVAL, PLAYED_ID("2"));
    assert_int_equal(
        child_run(rig, &child, CHILD_ARGUMENTS("take", "1a86:*", "--stream", played.path)),
        CLI_USAGE);
    assert_non_null(strstr(child.err.text, "\"1a86:*\" fits 2 boards, say which one is meant:\n"));
    assert_int_equal(child.err.lines, 3);
    assert_int_equal(played.requests, 1);
    played_stop(&played);
}

/* --- agent ------------------------------------------------------------------------------------ */

static void write_file(char path[RIG_PATH_SIZE], const char *text, size_t len)
{
    FILE *file;

    rig_make_file_path(path);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static int run_agent(struct rig *rig, struct child *child, const char *text, size_t len)
{
    char path[RIG_PATH_SIZE];
    int exit_code;

    write_file(path, text, len);
    exit_code = child_run(rig, child, CHILD_ARGUMENTS("agent", "--config", path));
    assert_int_equal(remove(path), 0);
    return exit_code;
}

static void the_agent_reads_its_configuration(void **state)
{
    static const char text[] = "{\"link\": {\"port\": 5, \"auth\": \"none\"}} // lab\n";
    struct rig *rig = *state;
    static struct child child;

    assert_int_equal(run_agent(rig, &child, text, sizeof text - 1), CLI_DONE);
    assert_string_equal(child.out.text, "127.0.0.1 5 -\n");
}

static void the_agent_refuses_a_wrong_configuration(void **state)
{
    static const struct {
        const char *text;
        const char *part;
    } cases[] = {
        {"{\"link\": {\"prot\": 5}}", "unknown key \"link.prot\""},
        {"{\n\"link\": {\"port\": 70000}}", "\"link.port\" must be"},
        {"{\n\n/* never closed", "line 3: a comment without its end"},
        {"{\n\"link\": [\n", "line"},
    };
    struct rig *rig = *state;
    static struct child child;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(run_agent(rig, &child, cases[i].text, strlen(cases[i].text)), CLI_FAILED);
        assert_string_equal(child.out.text, "");
        if (!strstr(child.err.text, cases[i].part)) {
            fail_msg("\"%s\" has not \"%s\"", child.err.text, cases[i].part);
        }
    }
}

static void the_agent_refuses_a_configuration_that_is_too_long(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    static char text[CONFIG_TEXT_MAX + 1];

    memset(text, ' ', sizeof text);
    assert_int_equal(run_agent(rig, &child, text, sizeof text), CLI_FAILED);
    assert_non_null(strstr(child.err.text, "too long"));
}

static void the_agent_wants_the_configuration_that_is_named(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    char path[RIG_PATH_SIZE];

    rig_make_file_path(path);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("agent", "--config", path)),
                     CLI_FAILED);
    assert_non_null(strstr(child.err.text, "not found"));
}

static void the_agent_says_what_is_a_folder(void **state)
{
    struct rig *rig = *state;
    static struct child child;

    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("agent", "--config", ".")), CLI_FAILED);
    assert_non_null(strstr(child.err.text, "the configuration . can't be read: it is a folder"));
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("agent", "--key", ".")), CLI_FAILED);
    assert_non_null(strstr(child.err.text, "the key file . is no regular file"));
}

/* The default configuration may be missing, but then a key is wanted. */
static void the_agent_without_a_key_says_what_to_do(void **state)
{
    struct rig *rig = *state;
    static struct child child;
    char path[RIG_PATH_SIZE];

    rig_make_file_path(path);
    assert_int_equal(child_run(rig, &child, CHILD_ARGUMENTS("agent", "--key", path)), CLI_FAILED);
    assert_string_equal(child.out.text, "");
    assert_non_null(strstr(child.err.text, path));
    assert_non_null(strstr(child.err.text, "ttyferry.exe install"));
    assert_non_null(strstr(child.err.text, "\"auth\": \"none\""));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(each_usage_is_answered),
        RIG_TEST(without_an_agent_every_verb_says_so),
        RIG_TEST(events_prints_the_stream_byte_for_byte),
        RIG_TEST(events_shows_what_a_stream_tells),
        RIG_TEST(events_of_one_board_are_picked_out),
        RIG_TEST(events_with_a_match_refuses_what_makes_no_sense),
        RIG_TEST(events_goes_on_where_it_was),
        RIG_TEST(events_begins_anew_where_it_cannot_go_on),
        RIG_TEST(events_goes_on_with_a_match),
        RIG_TEST(events_goes_on_with_a_board_that_fits_no_more),
        RIG_TEST(events_of_a_real_stream_are_resumed),
        RIG_TEST(events_goes_on_knowing_what_has_fitted),
        RIG_TEST(events_goes_on_with_a_board_of_long_ago),
        RIG_TEST(events_goes_on_without_knowing_what_has_fitted),
        RIG_TEST(events_prints_the_last_word_and_says_what_it_means),
        RIG_TEST(events_ends_well_when_interrupted),
        RIG_TEST(events_ends_well_when_nobody_reads_any_more),
        RIG_TEST(events_ends_well_when_nobody_reads_and_nothing_happens),
        RIG_TEST(every_verb_says_that_there_are_too_many_readers),
        RIG_TEST(status_and_list_print_a_table),
        RIG_TEST(a_table_fits_the_columns),
        RIG_TEST(status_watches_every_change),
        RIG_TEST(list_says_that_the_link_is_down),
        RIG_TEST(hostile_texts_reach_no_terminal),
        RIG_TEST(yield_asks_and_waits_for_the_guest),
        RIG_TEST(take_says_why_it_is_refused),
        RIG_TEST(the_agent_reads_its_configuration),
        RIG_TEST(the_agent_refuses_a_wrong_configuration),
        RIG_TEST(the_agent_refuses_a_configuration_that_is_too_long),
        RIG_TEST(the_agent_wants_the_configuration_that_is_named),
        RIG_TEST(the_agent_says_what_is_a_folder),
        RIG_TEST(the_agent_without_a_key_says_what_to_do),
    };

    if (argc > 1) {
        return cli_main(argc, argv, verbs);
    }
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
