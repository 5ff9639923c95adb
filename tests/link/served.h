/* A stream that a test serves, and followers of it: for the tests of shared/stream. */
#ifndef TTYFERRY_TESTS_LINK_SERVED_H
#define TTYFERRY_TESTS_LINK_SERVED_H

#include "shared/core/board_table.h"
#include "shared/core/event.h"
#include "shared/stream/stream.h"
#include "tests/link/rig.h"

#define SERVED_RUN "0123456789abcdef"
#define SERVED_ID "usb\\vid_1a86&pid_7523\\5&1"

/* A subscriber that reads every line as the product's readers do. */
struct follower {
    struct rig *rig;
    struct conn *conn;
    struct board_table boards; /* of the snapshot */
    struct event last;
    char types[512]; /* the events in order, each followed by a blank */
    size_t count;
    uint64_t snapshot_seq;
    bool expects_any; /* not a snapshot first */
    bool closed;
};

struct served {
    struct rig *rig;
    char path[RIG_PATH_SIZE];
    struct stream *stream;
    size_t requests;
    bool closed;
    unsigned closed_count;
};

/* Opens a stream at a path that nobody has used, and closes it, which must be told once. */
void served_open(struct served *served, struct rig *rig);
void served_close(struct served *served);

/* Subscribes and waits for the first line; every line must follow on the one before it. */
void served_follow(struct served *served, struct follower *follower);
void served_unfollow(struct follower *follower);

/* The same without waiting, and without a snapshot having to come first. */
void served_follow_anything(struct served *served, struct follower *follower);

/* Waits for so many lines, and holds their types, each followed by a blank, to that text. */
void served_expect_types(struct follower *follower, size_t count, const char *types);

struct event served_make_event(enum event_type type, const char *id);

/* Publishes an event about SERVED_ID. */
void served_publish(struct served *served, enum event_type type);
void served_publish_ready(struct served *served, const char *tty);

/* Fills the array with what takes most room in JSON. */
void served_fill(char *text, size_t size);

/* An arrival with every text at its longest. */
struct event served_make_largest(unsigned number);

/* For stream_close. */
void served_on_closed(void *context);

#endif
