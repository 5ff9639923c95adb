/* The link's messages after the handshake: one JSON object a line (docs/protocol.md). */
#ifndef TTYFERRY_CORE_WIRE_MESSAGE_H
#define TTYFERRY_CORE_WIRE_MESSAGE_H

#include "shared/core/event.h"

/* Longest line on the link in bytes, LF not counted; a longer one ends the link. */
#define WIRE_LINE_MAX (64u * 1024)

#define WIRE_ADDRESS_SIZE 64

enum wire_type {
    /* Host to guest. A snapshot is a begin, one `present` per board, an end: what was not named
     * between the two is gone. */
    WIRE_SNAPSHOT_BEGIN,
    WIRE_PRESENT,
    WIRE_SNAPSHOT_END,
    WIRE_ARRIVAL,
    WIRE_UPDATE,
    WIRE_REMOVAL,
    WIRE_YIELDED, /* the user has taken the board from the guest */
    WIRE_TAKEN,   /* and no longer keeps it from it */
    WIRE_RESUMED, /* the host slept, or could not reach the guest for a while */
    WIRE_ANSWER,  /* to WIRE_YIELD and WIRE_TAKE */
    /* Guest to host. */
    WIRE_ATTACHING,
    WIRE_READY,
    WIRE_FAILED,
    WIRE_DETACHED,
    WIRE_YIELD, /* a user of the guest's gives the board to Windows */
    WIRE_TAKE,  /* and wants it back */
    /* Either way: the sender is about to close, and says why. */
    WIRE_BYE,
};

struct wire_message {
    enum wire_type type;
    /* WIRE_PRESENT, WIRE_ARRIVAL, WIRE_UPDATE: the host's policy wants it attached. */
    bool wanted;
    /* The same three: the address of the client that usbipd has given the board to, or empty. */
    char attached_to[WIRE_ADDRESS_SIZE];
    /* WIRE_YIELD, WIRE_TAKE, WIRE_ANSWER: the number that the guest gave the request. */
    int64_t request;
    /* The payload, in the fields that the event of the same name uses (present: arrival's).
     * Of the board, WIRE_PRESENT, WIRE_ARRIVAL and WIRE_UPDATE carry all of the host's facts,
     * WIRE_READY carries id, ttys and usb_node, every other type the id alone.
     * WIRE_BYE carries code and message; WIRE_ANSWER both and remedy, all of them empty if it is
     * done. */
    struct event event;
};

/* Writes one line with its LF; `*line` is the caller's to free(). Returns 0, ERR_NOMEM, or
 * ERR_TOO_LONG if the line would exceed WIRE_LINE_MAX. */
int wire_message_to_line(const struct wire_message *message, char **line, size_t *len);

/* Reads a line. Returns 0; ERR_UNSUPPORTED for a `type` that this version doesn't know (ignore
 * the line); ERR_INVALID for anything malformed (also where memory is exhausted while parsing): a
 * text longer than its field, an id, name or COM port with control characters, a busid that is
 * none, a path that isn't below /dev. Serial, description, message and remedy may hold any
 * characters but NUL. `*message` stays untouched on failure. */
int wire_message_from_line(const char *line, size_t len, struct wire_message *message);

#endif
