/* A pair of eyes on sessions: what their callbacks told, for the tests of session, dial, listen. */
#ifndef TTYFERRY_TESTS_LINK_RECORDER_H
#define TTYFERRY_TESTS_LINK_RECORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/link/session.h"

struct recorder {
    struct session *session; /* the one that came up last, NULL once it has closed */
    bool up;                 /* ever */
    size_t up_count;
    struct wire_hello peer;
    char last_line[SESSION_LINE_MAX + 1];
    size_t line_count;
    size_t gap_count;
    size_t probed_count;
    bool answers; /* of the last on_probed */
    bool closed;  /* ever */
    size_t closed_count;
    bool was_up; /* of the last on_closed, as the next three */
    int error;
    bool had_session;
    char reason[1024];
    /* What to do inside a callback. */
    bool close_on_up;
    bool bye_on_line;
    void (*after_closed)(struct recorder *recorder); /* at the end of on_closed; may be NULL */
    void *owner;                                     /* the test's, for after_closed */
};

extern const struct session_callbacks recorder_callbacks;

/* Handshakes that succeed with each other. */
extern const struct handshake_config recorder_host;
extern const struct handshake_config recorder_guest;

/* The same by key; each side's key is the test's to set. */
extern const struct handshake_config recorder_key_host;
extern const struct handshake_config recorder_key_guest;

struct recorder_key {
    struct link_key key;
    int error; /* what reading it returns */
    size_t read_count;
};

extern struct recorder_key recorder_host_key;
extern struct recorder_key recorder_guest_key;

/* Both sides have the same key, new at each call. */
void recorder_renew_keys(void);

#endif
