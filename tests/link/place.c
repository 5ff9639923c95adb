#include "tests/link/place.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/local_client.h"

#define READER_LINE_MAX 1024u

int place_greet(void *context, char **line, size_t *len)
{
    struct place *place = context;
    char *copy;

    place->greetings++;
    if (place->greet_error != 0) {
        return place->greet_error;
    }
    copy = malloc(sizeof PLACE_GREETING);
    assert_non_null(copy);
    memcpy(copy, PLACE_GREETING, sizeof PLACE_GREETING);
    *line = copy;
    *len = sizeof PLACE_GREETING - 1;
    return 0;
}

static void on_server_closed(void *context)
{
    struct place *place = context;

    place->closed = true;
    place->closed_count++;
}

void place_open_at(struct place *place, struct rig *rig, const char *path)
{
    memset(place, 0, sizeof *place);
    place->rig = rig;
    strcpy(place->path, path);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, place_greet, place, &place->server),
                     0);
}

void place_open(struct place *place, struct rig *rig)
{
    char path[RIG_PATH_SIZE];

    rig_make_path(path);
    place_open_at(place, rig, path);
}

void place_close(struct place *place)
{
    local_server_close(place->server, on_server_closed);
    local_server_close(place->server, NULL);
    rig_run_until(place->rig, &place->closed);
    rig_turn(place->rig);
    assert_int_equal(place->closed_count, 1);
}

static void on_reader_line(void *context, char *line, size_t len)
{
    struct reader *reader = context;

    reader->line_count++;
    assert_true(strlen(reader->text) + len + 2 < sizeof reader->text);
    strcat(strcat(reader->text, line), "|");
}

static void on_reader_closed(void *context, int error)
{
    struct reader *reader = context;

    reader->closed = true;
    reader->error = error;
}

static const struct conn_callbacks reader_callbacks = {
    .on_line = on_reader_line,
    .on_closed = on_reader_closed,
};

static const struct conn_limits reader_limits = {
    .line_max = READER_LINE_MAX,
    .write_max = READER_LINE_MAX,
};

int place_open_reader(struct rig *rig, const char *path, struct reader *reader)
{
    memset(reader, 0, sizeof *reader);
    return local_client_open(&rig->loop, path, &reader_limits, &reader_callbacks, reader,
                             &reader->conn);
}

void place_join(struct place *place, struct reader *reader)
{
    assert_int_equal(place_open_reader(place->rig, place->path, reader), 0);
    rig_run_until_count(place->rig, &reader->line_count, 1);
    assert_string_equal(reader->text, "hello from the server|");
}

void place_leave(struct rig *rig, struct reader *reader)
{
    conn_close(reader->conn, ERR_CANCELLED);
    rig_run_until(rig, &reader->closed);
}

void place_run_until_clients(struct place *place, size_t count)
{
    while (local_server_clients(place->server) != count) {
        uv_run(&place->rig->loop, UV_RUN_ONCE);
    }
}

/* To "?": as long as an agent's. */
static const char long_answer[] =
    "yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes "
    "yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes yes\n";

void place_hear(void *context, uint64_t client, char *line, size_t len)
{
    struct place *place = context;

    assert_int_equal(strlen(line), len);
    place->heard++;
    place->last_client = client;
    strcpy(place->last_line, line);
    if (strcmp(line, "?") == 0) {
        local_server_answer(place->server, client, long_answer, strlen(long_answer));
    } else if (strcmp(line, "bad") == 0) {
        local_server_answer(place->server, client, "no\n", 3);
        local_server_dismiss(place->server, client);
    } else {
        local_server_answer(place->server, client, "yes\n", 4);
    }
}
