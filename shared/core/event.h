/* One event of an agent's stream, as plain data. docs/events.md says when each is sent. */
#ifndef TTYFERRY_CORE_EVENT_H
#define TTYFERRY_CORE_EVENT_H

#include "shared/core/board.h"
#include "shared/core/board_table.h"

#define EVENT_VERSION 1
#define EVENT_RUN_SIZE 17 /* 16 lower-case hex digits */
#define EVENT_CODE_SIZE BOARD_CODE_SIZE
#define EVENT_TEXT_SIZE BOARD_TEXT_SIZE
#define EVENT_PEER_SIZE 64
#define EVENT_RETRY_MAX_MS (24 * 60 * 60 * 1000)
#define EVENT_LEAVING_MAX_MS EVENT_RETRY_MAX_MS

enum event_type {
    EVENT_SNAPSHOT,
    EVENT_ARRIVAL,
    EVENT_UPDATE,
    EVENT_NEEDS_SHARING,
    EVENT_ATTACHING,
    EVENT_READY,
    EVENT_FAILED,
    EVENT_DETACHED,
    EVENT_YIELDED,
    EVENT_TAKEN,
    EVENT_REMOVAL,
    EVENT_LINK,
    EVENT_DROPPED, /* the last line for a subscriber that the agent sends away */
};

enum event_reason { REASON_LOST, REASON_YIELDED, REASON_RELEASED, REASON_SERVER_LOST };

/* The guest's own legs of one attach, in milliseconds of its monotonic clock. */
struct event_took {
    int64_t import_ms;    /* the import asked for -> vhci has the socket */
    int64_t enumerate_ms; /* vhci has the socket -> the kernel's uevent for the last node */
    int64_t node_ms;      /* that uevent -> the nodes can be opened */
    int64_t total_ms;
};

/* What every line of a stream carries. */
struct event_stamp {
    char run[EVENT_RUN_SIZE];
    uint64_t seq;    /* rises by one within a run; the first is 1 */
    int64_t time_ms; /* UTC, milliseconds since 1970 */
};

struct event {
    enum event_type type;
    struct event_stamp stamp;
    const struct board_table *boards; /* EVENT_SNAPSHOT only; not owned */
    struct board board;               /* of the events about a board */
    unsigned attempt;                 /* EVENT_ATTACHING; the first is 1 */
    struct event_took took;           /* EVENT_READY; ttys and usb_node are in the board */
    enum event_reason reason;         /* EVENT_DETACHED */
    int64_t leaving_ms;               /* EVENT_DETACHED, between agents only: how long ago the
                                       * board began to leave the guest; 0: not known */
    char code[EVENT_CODE_SIZE];       /* EVENT_FAILED; EVENT_DROPPED: the reason */
    char message[EVENT_TEXT_SIZE];    /* EVENT_FAILED */
    char remedy[EVENT_TEXT_SIZE];     /* EVENT_FAILED, EVENT_NEEDS_SHARING */
    int64_t retry_in_ms;              /* EVENT_FAILED; negative: no more tries (JSON null) */
    char until[EVENT_CODE_SIZE];      /* EVENT_YIELDED, EVENT_TAKEN; empty: JSON null */
    /* EVENT_LINK, EVENT_SNAPSHOT: how the pair stands. */
    bool link_up;
    char peer[EVENT_PEER_SIZE];      /* the peer's address, for people */
    char transport[EVENT_CODE_SIZE]; /* "tcp" or "bridge" */
};

/* Names as they stand in JSON; static storage. Unknown values answer "unknown". The reverse
 * returns 0, or ERR_INVALID for a name that is not ours. */
const char *event_type_to_name(enum event_type type);
int event_type_from_name(const char *name, enum event_type *type);
const char *event_reason_to_name(enum event_reason reason);
int event_reason_from_name(const char *name, enum event_reason *reason);

#endif
