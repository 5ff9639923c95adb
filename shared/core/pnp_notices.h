/* How Windows' notices and scans of its nodes fit together: either may be ahead. Pure.
 *
 * Where a scan is ahead, the notice of what it has shown is owed, and says nothing new when it
 * comes: an owed removal is not about what has arrived since. The notices of one node come in order
 * and alternate, so one that is owed in vain is known by the next.
 * Where a removal's notice is ahead, the node still lingers (an open handle can hold it for long):
 * scans that show it mean nothing until it was missing once or has come again. */
#ifndef TTYFERRY_CORE_PNP_NOTICES_H
#define TTYFERRY_CORE_PNP_NOTICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/board.h"

/* Nodes remembered; with more the oldest is forgotten, and all about it is news. */
#define PNP_NOTICES_MAX 128
/* What is owed for so long never comes: a board without a driver can come and go without any. */
#define PNP_NOTICES_LATE_MS 10000

enum pnp_notice {
    PNP_NOTICE_UNKNOWN, /* none was heard yet */
    PNP_NOTICE_ARRIVED,
    PNP_NOTICE_REMOVED,
};

struct pnp_notices_node {
    char id[BOARD_ID_SIZE]; /* an empty one is free */
    enum pnp_notice heard;  /* the last one */
    bool is_leaving;        /* a notice has said so, and no look yet */
    bool is_shown;          /* by the last look, and it is not leaving */
    bool is_seen;           /* by the look that is under way */
    /* How many of the node's comings and goings scans have shown and no notice has told yet; the
     * last of them led to `is_shown`. */
    unsigned owed;
    int64_t owed_ms; /* since when the last one is */
};

struct pnp_notices {
    struct pnp_notices_node nodes[PNP_NOTICES_MAX];
    size_t next;
    /* What the first look shows may have been there before anybody listened. */
    bool has_looked;
    int64_t now_ms; /* of the last look */
};

/* A look at Windows: begin, see each node, end. Zeroed notices are empty
 * ones. */
void pnp_notices_begin(struct pnp_notices *notices, int64_t now_ms);
void pnp_notices_see(struct pnp_notices *notices, const char *id);
void pnp_notices_end(struct pnp_notices *notices);

/* The look has shown that the node went and came back since the last one. */
void pnp_notices_see_return(struct pnp_notices *notices, const char *id);

/* True if the node has been told as removed, and only lingers. */
bool pnp_notices_is_leaving(const struct pnp_notices *notices, const char *id);

/* Takes a notice in. Returns true if it tells what no look has shown yet; false for what is owed,
 * and for one that is told twice. */
bool pnp_notices_hear(struct pnp_notices *notices, const char *id, enum pnp_notice notice,
                      int64_t now_ms);

#endif
