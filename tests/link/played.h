/* Agents that the tests of the verbs play: one with a real stream, and one that says what it is
 * told to. */
#ifndef TTYFERRY_TESTS_LINK_PLAYED_H
#define TTYFERRY_TESTS_LINK_PLAYED_H

#include "shared/core/event.h"
#include "shared/core/request.h"
#include "shared/link/local_server.h"
#include "shared/stream/stream.h"
#include "tests/link/rig.h"

#define PLAYED_RUN "0123456789abcdef"
#define PLAYED_ID(n) "usb\\vid_1a86&pid_7523\\" n

/* Grants what is asked, but for a take; the guest lets go of a yielded board at once. */
struct played {
    struct rig *rig;
    char path[RIG_PATH_SIZE];
    struct stream *stream;
    size_t requests;
    struct request request;
    bool closed;
};

void played_start(struct played *played, struct rig *rig);
void played_start_at(struct played *played, struct rig *rig, const char *path);
/* Linked, with one board that is ready as /dev/ttyUSB0. */
void played_start_linked(struct played *played, struct rig *rig);
void played_stop(struct played *played);

void played_publish(struct played *played, enum event_type type, const char *id);
/* `tty` may be NULL; otherwise the board has a second one, /dev/ttyACM9. */
void played_publish_ready(struct played *played, const char *id, const char *tty,
                          const char *usb_node);

/* Raw lines, and how often somebody came to hear them: for what no agent of ours says, and where
 * a test has to know that the verb is listening. */
struct voice {
    struct rig *rig;
    char path[RIG_PATH_SIZE];
    struct local_server *server;
    const char *text;
    size_t listeners;
    const char *reply; /* to what it is asked, NULL: none */
    size_t questions;
    bool closed;
};

void voice_start(struct voice *voice, struct rig *rig, const char *text);
void voice_start_at(struct voice *voice, struct rig *rig, const char *path, const char *text);
void voice_stop(struct voice *voice);
void voice_say(struct voice *voice, const char *text);

/* Lines for it. */
#define HEAD(seq)                                                                                  \
    "{\"v\":1,\"run\":\"8c1f6a0be97d2c43\",\"seq\":" seq ",\"time\":\"2026-08-31T12:34:56.789Z\","
#define BOARD(state)                                                                               \
    "{\"id\":\"usb\\\\a\",\"name\":null,\"vid\":\"1a86\",\"pid\":\"7523\",\"serial\":null,"        \
    "\"description\":\"\",\"com_port\":null,\"busid\":\"3-1\",\"speed\":\"full\","                 \
    "\"kind\":\"serial\",\"state\":\"" state "\"}"
#define LINK_DOWN "\"link\":{\"state\":\"down\",\"peer\":null,\"transport\":null}"
#define SNAPSHOT HEAD("1") "\"event\":\"snapshot\"," LINK_DOWN ",\"boards\":[]}\n"
#define WAITING HEAD("1") "\"event\":\"snapshot\",\"boards\":[" BOARD("waiting") "]}\n"
#define ARRIVAL HEAD("2") "\"event\":\"arrival\",\"board\":" BOARD("waiting") "}\n"
#define REMOVAL HEAD("3") "\"event\":\"removal\",\"board\":" BOARD("gone") "}\n"
#define READY                                                                                      \
    HEAD("3")                                                                                      \
    "\"event\":\"ready\",\"board\":" BOARD(                                                        \
        "ready") ",\"ttys\":[{\"path\":\"/dev/ttyUSB0\",\"by_id\":null,\"link\":null,"             \
                 "\"interface\":0}],\"usb_node\":null,\"took_ms\":{\"import\":1,"                  \
                 "\"enumerate\":2,\"node\":3,\"total\":6}}\n"

#endif
