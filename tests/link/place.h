/* A local server that a test opens, and readers of it: for the tests of local_server. */
#ifndef TTYFERRY_TESTS_LINK_PLACE_H
#define TTYFERRY_TESTS_LINK_PLACE_H

#include "shared/link/local_server.h"
#include "tests/link/rig.h"

/* What every client gets first. */
#define PLACE_GREETING "hello from the server\n"

/* A server with what its callbacks told. */
struct place {
    struct rig *rig;
    char path[RIG_PATH_SIZE];
    struct local_server *server;
    size_t greetings;
    int greet_error; /* what greet answers */
    size_t partings;
    size_t heard;
    uint64_t last_client;
    char last_line[64];
    bool closed;
    unsigned closed_count;
};

/* A reader as the product has it. */
struct reader {
    struct conn *conn;
    char text[256]; /* every line, each followed by '|' */
    size_t line_count;
    bool closed;
    int error;
};

/* The server's greeting, for a second server at the same path: counts, and answers what the place's
 * greet_error says. */
int place_greet(void *context, char **line, size_t *len);

/* Opens a server at that path, or at one that nobody has used, and closes it, which must be told
 * once. */
void place_open_at(struct place *place, struct rig *rig, const char *path);
void place_open(struct place *place, struct rig *rig);
void place_close(struct place *place);

/* As local_client_open. */
int place_open_reader(struct rig *rig, const char *path, struct reader *reader);

/* Opens a reader and waits until it has been greeted; closes it and waits until it has. */
void place_join(struct place *place, struct reader *reader);
void place_leave(struct rig *rig, struct reader *reader);

/* Runs the loop until the server has so many clients. */
void place_run_until_clients(struct place *place, size_t count);

/* For local_server_hear: keeps the line, answers "yes", to "?" a long line of it, to "bad" "no" and
 * dismisses who said it. */
void place_hear(void *context, uint64_t client, char *line, size_t len);

#endif
