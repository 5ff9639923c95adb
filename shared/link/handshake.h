/* The handshake: versioned hello both ways, and where a key is wanted a proof both ways. No I/O but
 * what the configuration's reader of the key does, no clock.
 *
 * Each side sends its hello at once and checks the other's; where both want the key each then sends
 * its proof and checks the other's. docs/protocol.md has the sequence and what the proof covers. */
#ifndef TTYFERRY_LINK_HANDSHAKE_H
#define TTYFERRY_LINK_HANDSHAKE_H

#include "shared/core/wire_hello.h"
#include "shared/link/link_key.h"

#define HANDSHAKE_REASON_SIZE 512

/* Reads the key anew, so that a renewed one counts from the next handshake on. Returns 0 or ours;
 * `reason` then says what is wrong and what helps. */
typedef int (*handshake_key_fn)(const void *context, struct link_key *key,
                                char reason[HANDSHAKE_REASON_SIZE]);

struct handshake_config {
    enum wire_role role;
    const char *run; /* id of this agent run; the caller's, must outlive the use */
    /* WIRE_AUTH_KEY (what nothing else being said means): both ends prove the key that `read_key`
     * gives. WIRE_AUTH_NONE: nobody proves anything. A peer that offers the other one is refused.
     */
    enum wire_auth method;
    handshake_key_fn read_key; /* needed with WIRE_AUTH_KEY */
    const void *key_context;
    const char *import;    /* of a host that opens the connection for an import, else NULL */
    unsigned deadline_ms;  /* for the whole handshake; 0 takes SESSION_HANDSHAKE_MS */
    unsigned heartbeat_ms; /* 0 takes SESSION_HEARTBEAT_MS */
};

/* One handshake. Zeroed before the first call. */
struct handshake {
    const struct handshake_config *config;
    struct wire_hello ours;
    struct wire_hello peer;     /* once its hello has been taken; `protocol` is 0 before */
    unsigned char expected[32]; /* the peer's proof */
};

/* Our hello as a line; `*line` is the caller's to free(). `config` must outlive the handshake.
 * Returns 0 or ERR_NOMEM. */
int handshake_hello_line(struct handshake *handshake, const struct handshake_config *config,
                         char **line, size_t *len);

/* Checks the peer's first line and fills in `peer`. Returns 0; ERR_VERSION, ERR_AUTH, ERR_INVALID,
 * or ERR_CLOSED (the peer said bye). On failure `*bye` holds what to tell the peer, or with
 * ERR_CLOSED what the peer told. */
int handshake_take_hello(struct handshake *handshake, const char *line, size_t len,
                         struct wire_bye *bye);

/* Our proof as a line, after handshake_take_hello; `*line` is the caller's to free(). Returns 0,
 * ERR_NOMEM, or ERR_AUTH where the key can't be read; `reason` then says why, which is not the
 * peer's to know. */
int handshake_proof_line(struct handshake *handshake, char **line, size_t *len,
                         char reason[HANDSHAKE_REASON_SIZE]);

/* Checks the peer's proof, after handshake_proof_line. As handshake_take_hello. */
int handshake_take_proof(struct handshake *handshake, const char *line, size_t len,
                         struct wire_bye *bye);

#endif
