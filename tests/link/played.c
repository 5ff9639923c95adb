#include "tests/link/played.h"

#include <stdlib.h>
#include <string.h>

static void on_request(void *context, uint64_t client, const struct request *request)
{
    struct played *played = context;
    struct request_outcome outcome = {.code = ""};

    played->requests++;
    played->request = *request;
    if (request->type == REQUEST_TAKE) {
        request_refuse(&outcome, "no_host", "no \x1b[2J host", "start \xE2\x80\xAE it");
    }
    stream_reply(played->stream, client, request, &outcome);
    if (request->type == REQUEST_YIELD) {
        played_publish(played, EVENT_DETACHED, request->board);
    }
}

void played_start_at(struct played *played, struct rig *rig, const char *path)
{
    memset(played, 0, sizeof *played);
    played->rig = rig;
    strcpy(played->path, path);
    assert_int_equal(stream_open(&rig->loop, path, NULL, PLAYED_RUN, &played->stream), 0);
    stream_hear(played->stream, on_request, played);
}

void played_start(struct played *played, struct rig *rig)
{
    char path[RIG_PATH_SIZE];

    rig_make_path(path);
    played_start_at(played, rig, path);
}

static void on_closed(void *context)
{
    *(bool *)context = true;
}

void played_stop(struct played *played)
{
    stream_close(played->stream, on_closed, &played->closed);
    rig_run_until(played->rig, &played->closed);
}

void played_publish(struct played *played, enum event_type type, const char *id)
{
    struct event event = {.type = type, .retry_in_ms = -1, .attempt = 1};

    strcpy(event.board.id, id);
    strcpy(event.board.busid, "3-1");
    strcpy(event.board.description, "Board");
    event.board.vid = 0x1a86;
    event.board.pid = 0x7523;
    event.board.state = BOARD_STATE_WAITING;
    stream_publish(played->stream, &event);
}

void played_publish_ready(struct played *played, const char *id, const char *tty,
                          const char *usb_node)
{
    struct event event = {.type = EVENT_READY};

    strcpy(event.board.id, id);
    if (tty) {
        event.board.ttys.count = 2;
        strcpy(event.board.ttys.items[0].path, tty);
        strcpy(event.board.ttys.items[1].path, "/dev/ttyACM9");
    }
    strcpy(event.board.usb_node, usb_node);
    stream_publish(played->stream, &event);
}

void played_start_linked(struct played *played, struct rig *rig)
{
    struct event link = {.type = EVENT_LINK, .link_up = true, .peer = "p", .transport = "tcp"};

    played_start(played, rig);
    stream_publish(played->stream, &link);
    played_publish(played, EVENT_ARRIVAL, PLAYED_ID("1"));
    played_publish_ready(played, PLAYED_ID("1"), "/dev/ttyUSB0", "");
}

static int greet(void *context, char **line, size_t *len)
{
    struct voice *voice = context;

    voice->listeners++;
    *line = strdup(voice->text);
    assert_non_null(*line);
    *len = strlen(voice->text);
    return 0;
}

void voice_start_at(struct voice *voice, struct rig *rig, const char *path, const char *text)
{
    memset(voice, 0, sizeof *voice);
    voice->rig = rig;
    voice->text = text;
    strcpy(voice->path, path);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, voice, &voice->server), 0);
}

void voice_start(struct voice *voice, struct rig *rig, const char *text)
{
    char path[RIG_PATH_SIZE];

    rig_make_path(path);
    voice_start_at(voice, rig, path, text);
}

static void on_voice_closed(void *context)
{
    struct voice *voice = context;

    voice->closed = true;
}

void voice_stop(struct voice *voice)
{
    voice->closed = false;
    local_server_close(voice->server, on_voice_closed);
    rig_run_until(voice->rig, &voice->closed);
}

void voice_say(struct voice *voice, const char *text)
{
    local_server_broadcast(voice->server, text, strlen(text));
}
