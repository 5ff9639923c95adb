#include "shared/cli/stream_reader.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/link/local_server.h"
#include "tests/link/rig.h"

#define HEAD(seq)                                                                                  \
    "{\"v\":1,\"run\":\"8c1f6a0be97d2c43\",\"seq\":" seq ",\"time\":\"2026-08-31T12:34:56.789Z\","
#define BOARD(state)                                                                               \
    "{\"id\":\"usb\\\\a\",\"name\":null,\"vid\":\"1a86\",\"pid\":\"7523\",\"serial\":null,"        \
    "\"description\":\"\",\"com_port\":null,\"busid\":\"3-1\",\"speed\":\"full\","                 \
    "\"kind\":\"serial\",\"state\":\"" state "\"}"
#define SNAPSHOT HEAD("1") "\"event\":\"snapshot\",\"boards\":[]}\n"
#define ARRIVAL HEAD("2") "\"event\":\"arrival\",\"board\":" BOARD("waiting") "}\n"
#define READY                                                                                      \
    HEAD("3")                                                                                      \
    "\"event\":\"ready\",\"board\":" BOARD(                                                        \
        "ready") ",\"ttys\":[{\"path\":\"/dev/ttyUSB0\",\"by_id\":null,\"link\":null,"             \
                 "\"interface\":0}],\"usb_node\":null,\"took_ms\":{\"import\":1,"                  \
                 "\"enumerate\":2,\"node\":3,\"total\":6}}\n"

/* An agent that says what the test wants, and the reader that follows it. */
struct scene {
    struct rig *rig;
    char path[RIG_PATH_SIZE];
    struct local_server *server;
    const char *text; /* what the agent says at once */
    bool server_closed;
    struct stream_reader *reader;
    char used[CLI_STREAM_PATH_SIZE];
    size_t changes;
    size_t boards; /* after the last change, as the next two */
    enum board_state state;
    uint64_t seq;
    bool close_on_change;
    bool closed;
    unsigned closed_count;
    int error;
};

static int greet(void *context, char **line, size_t *len)
{
    struct scene *scene = context;

    *line = strdup(scene->text);
    assert_non_null(*line);
    *len = strlen(scene->text);
    return 0;
}

static void on_change(void *context, struct stream_reader *reader)
{
    struct scene *scene = context;
    const struct board_table *boards = stream_reader_boards(reader);
    struct event snapshot;

    scene->changes++;
    scene->boards = boards->count;
    scene->state = boards->count > 0 ? boards->items[0]->state : BOARD_STATE_GONE;
    stream_reader_snapshot(reader, &snapshot);
    scene->seq = snapshot.stamp.seq;
    if (scene->close_on_change) {
        stream_reader_close(reader, ERR_CANCELLED);
        assert_false(scene->closed);
    }
}

static void on_closed(void *context, int error)
{
    struct scene *scene = context;

    scene->closed = true;
    scene->closed_count++;
    scene->error = error;
}

static const struct stream_reader_callbacks callbacks = {
    .on_change = on_change,
    .on_closed = on_closed,
};

static void open_scene(struct scene *scene, struct rig *rig, const char *text)
{
    memset(scene, 0, sizeof *scene);
    scene->rig = rig;
    scene->text = text;
    rig_make_path(scene->path);
    assert_int_equal(local_server_open(&rig->loop, scene->path, NULL, greet, scene, &scene->server),
                     0);
    assert_int_equal(
        stream_reader_open(&rig->loop, scene->path, &callbacks, scene, scene->used, &scene->reader),
        0);
    assert_string_equal(scene->used, scene->path);
}

static void on_server_closed(void *context)
{
    struct scene *scene = context;

    scene->server_closed = true;
}

static void end_agent(struct scene *scene)
{
    local_server_close(scene->server, on_server_closed);
    rig_run_until(scene->rig, &scene->server_closed);
}

static void expect_end(struct scene *scene, int error)
{
    rig_run_until(scene->rig, &scene->closed);
    rig_turn(scene->rig);
    assert_int_equal(scene->error, error);
    assert_int_equal(scene->closed_count, 1);
}

static void say(struct scene *scene, const char *text)
{
    local_server_broadcast(scene->server, text, strlen(text));
}

static void the_boards_follow_the_stream(void **state)
{
    struct scene scene;

    open_scene(&scene, *state, SNAPSHOT);
    rig_run_until_count(scene.rig, &scene.changes, 1);
    assert_int_equal(scene.boards, 0);
    say(&scene, ARRIVAL);
    rig_run_until_count(scene.rig, &scene.changes, 2);
    assert_int_equal(scene.boards, 1);
    assert_int_equal(scene.state, BOARD_STATE_WAITING);
    say(&scene, READY);
    rig_run_until_count(scene.rig, &scene.changes, 3);
    assert_int_equal(scene.state, BOARD_STATE_READY);
    assert_int_equal(scene.seq, 3);
    say(&scene, HEAD("4") "\"event\":\"removal\",\"board\":" BOARD("gone") "}\n");
    rig_run_until_count(scene.rig, &scene.changes, 4);
    assert_int_equal(scene.boards, 0);
    stream_reader_close(scene.reader, ERR_CANCELLED);
    stream_reader_close(scene.reader, ERR_IO);
    expect_end(&scene, ERR_CANCELLED);
    end_agent(&scene);
}

static void a_second_snapshot_replaces_the_first(void **state)
{
    struct scene scene;

    open_scene(&scene, *state, SNAPSHOT ARRIVAL SNAPSHOT);
    rig_run_until_count(scene.rig, &scene.changes, 3);
    assert_int_equal(scene.boards, 0);
    stream_reader_close(scene.reader, ERR_CANCELLED);
    expect_end(&scene, ERR_CANCELLED);
    end_agent(&scene);
}

static void a_line_that_nobody_knows_yet_is_skipped(void **state)
{
    struct scene scene;

    open_scene(
        &scene, *state,
        "{\"v\":1,\"more\":7}\n" SNAPSHOT HEAD("2") "\"event\":\"eclipse\",\"sun\":null}\n" HEAD(
            "2") "\"more\":7}\n" READY ARRIVAL);
    rig_run_until_count(scene.rig, &scene.changes, 5);
    assert_int_equal(scene.state, BOARD_STATE_WAITING);
    stream_reader_close(scene.reader, ERR_CANCELLED);
    expect_end(&scene, ERR_CANCELLED);
    end_agent(&scene);
}

static void the_end_of_the_agent_is_told(void **state)
{
    struct scene scene;

    open_scene(&scene, *state, SNAPSHOT ARRIVAL);
    rig_run_until_count(scene.rig, &scene.changes, 2);
    end_agent(&scene);
    expect_end(&scene, ERR_CLOSED);
}

static void half_a_line_then_close_is_invalid(void **state)
{
    struct scene scene;

    open_scene(&scene, *state, SNAPSHOT "{\"v\":1,\"run\":");
    rig_run_until_count(scene.rig, &scene.changes, 1);
    end_agent(&scene);
    expect_end(&scene, ERR_INVALID);
}

static void closing_inside_on_change_is_safe(void **state)
{
    struct scene scene;

    open_scene(&scene, *state, SNAPSHOT ARRIVAL READY);
    scene.close_on_change = true;
    expect_end(&scene, ERR_CANCELLED);
    assert_int_equal(scene.changes, 1);
    end_agent(&scene);
}

static const struct refusal {
    const char *name;
    const char *text;
    int error;
} refusals[] = {
    {"no JSON", "hello\n", ERR_INVALID},
    {"no object", "[]\n", ERR_INVALID},
    {"an empty line", "\n", ERR_INVALID},
    {"invalid UTF-8", "{\"v\":1,\"run\":\"\xff\"}\n", ERR_INVALID},
    {"another version", "{\"v\":2}\n", ERR_VERSION},
    {"what an agent says last to one that is too slow",
     SNAPSHOT HEAD("1") "\"event\":\"dropped\",\"reason\":\"too_slow\"}\n", ERR_FULL},
    {"what an agent says to one too many",
     HEAD("1") "\"event\":\"dropped\",\"reason\":\"too_many\"}\n", ERR_BUSY},
    {"an event before the snapshot", ARRIVAL, ERR_INVALID},
    {"a path outside /dev",
     SNAPSHOT ARRIVAL HEAD("3") "\"event\":\"ready\",\"board\":" BOARD(
         "ready") ",\"ttys\":[{\"path\":\"/etc/"
                  "passwd\",\"by_id\":null,\"link\":"
                  "null,\"interface\":0}],\"usb_"
                  "node\":null,\"took_ms\":{"
                  "\"import\":1,\"enumerate\":2,"
                  "\"node\":3,\"total\":6}}\n",
     ERR_INVALID},
};

static void what_makes_no_sense_ends_the_reading(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct scene scene;

        open_scene(&scene, *state, refusals[i].text);
        rig_run_until(scene.rig, &scene.closed);
        if (scene.error != refusals[i].error) {
            fail_msg("%s: %s instead of %s", refusals[i].name, error_text(scene.error),
                     error_text(refusals[i].error));
        }
        expect_end(&scene, refusals[i].error);
        end_agent(&scene);
    }
}

static void a_line_without_end_is_not_kept_for_ever(void **state)
{
    struct scene scene;
    size_t len = 64u * 1024;
    char *part = malloc(len + 1);

    assert_non_null(part);
    memset(part, 'x', len);
    part[len] = '\0';
    open_scene(&scene, *state, part);
    /* One part at a time, or the agent drops the reader first. */
    for (size_t sent = 0; !scene.closed; sent += len) {
        assert_true(sent <= 4 * (size_t)EVENT_JSON_LINE_MAX);
        if (local_server_clients(scene.server) > 0) {
            say(&scene, part);
        }
        uv_run(&scene.rig->loop, UV_RUN_ONCE);
    }
    expect_end(&scene, ERR_TOO_LONG);
    end_agent(&scene);
    free(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_boards_follow_the_stream),
        RIG_TEST(a_second_snapshot_replaces_the_first),
        RIG_TEST(a_line_that_nobody_knows_yet_is_skipped),
        RIG_TEST(the_end_of_the_agent_is_told),
        RIG_TEST(half_a_line_then_close_is_invalid),
        RIG_TEST(closing_inside_on_change_is_safe),
        RIG_TEST(what_makes_no_sense_ends_the_reading),
        RIG_TEST(a_line_without_end_is_not_kept_for_ever),
    };

    return cmocka_run_group_tests_name("stream_reader", tests, NULL, NULL);
}
