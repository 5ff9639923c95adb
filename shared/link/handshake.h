/* The handshake: versioned hello both ways, with the slot for authentication. No I/O, no clock.
 *
 * Each side sends its hello at once and checks the other's. docs/protocol.md has the sequence. */
#ifndef TTYFERRY_LINK_HANDSHAKE_H
#define TTYFERRY_LINK_HANDSHAKE_H

#include <stdbool.h>

#include "shared/core/wire_hello.h"

struct handshake_config {
    enum wire_role role;
    const char *run; /* id of this agent run; the caller's, must outlive the use */
    /* False (no configuration says "auth": "none"): every peer is refused with a bye that says
     * what to configure, for no other method exists in this version. */
    bool allow_unauthenticated;
    unsigned deadline_ms;  /* for the peer's hello; 0 takes SESSION_HANDSHAKE_MS */
    unsigned heartbeat_ms; /* 0 takes SESSION_HEARTBEAT_MS */
};

/* Our hello as a line; `*line` is the caller's to free(). Returns 0 or ERR_NOMEM. */
int handshake_hello_line(const struct handshake_config *config, char **line, size_t *len);

/* Checks the peer's first line. Returns 0 and fills `*peer`, or ERR_VERSION, ERR_AUTH,
 * ERR_INVALID, ERR_CLOSED (the peer said bye). On failure `*bye` holds what to tell the peer, or
 * with ERR_CLOSED what the peer told. */
int handshake_check(const struct handshake_config *config, const char *line, size_t len,
                    struct wire_hello *peer, struct wire_bye *bye);

#endif
