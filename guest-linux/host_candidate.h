/* A host that has proven itself while another has the link: it waits until the other has answered a
 * probe or failed to, and what it says meanwhile is kept. */
#ifndef TTYFERRY_GUEST_HOST_CANDIDATE_H
#define TTYFERRY_GUEST_HOST_CANDIDATE_H

#include "shared/link/session.h"

/* A snapshot of 64 boards of the longest kind is a quarter of it. */
#define HOST_CANDIDATE_LINES_MAX (256u * 1024)

/* Zeroed before the first use. */
struct host_candidate {
    struct session *session; /* NULL: there is none */
    struct wire_hello hello;
    char *lines; /* each with its terminator */
    size_t len;
    size_t capacity;
};

/* Keeps a copy of the line. Returns 0, ERR_FULL or ERR_NOMEM. */
int host_candidate_add_line(struct host_candidate *candidate, const char *line, size_t len);

/* Hands each line that was kept to `take`, in their order, until it returns something else than 0.
 * `take` must not touch the candidate. */
void host_candidate_replay(struct host_candidate *candidate,
                           int (*take)(void *context, char *line, size_t len), void *context);

/* There is none any more; its session stays the caller's to end. */
void host_candidate_clear(struct host_candidate *candidate);

#endif
