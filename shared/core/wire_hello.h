/* The link's first lines: hello both ways, then a proof both ways where a key is wanted, or a bye
 * that says why not (docs/protocol.md). */
#ifndef TTYFERRY_CORE_WIRE_HELLO_H
#define TTYFERRY_CORE_WIRE_HELLO_H

#include <stddef.h>

#define WIRE_PROTOCOL_VERSION 1
#define WIRE_AGENT_SIZE 64
#define WIRE_RUN_SIZE 17
#define WIRE_CODE_SIZE 48
#define WIRE_TEXT_SIZE 512
#define WIRE_NONCE_SIZE 65 /* 32 bytes in hex, as a MAC is */
#define WIRE_MAC_SIZE 65
#define WIRE_IMPORT_SIZE 17

/* What either side says when it has nothing to say; exactly this line, without its LF. */
#define WIRE_HEARTBEAT "{\"type\":\"heartbeat\"}"

/* What asks the peer for a heartbeat at once; exactly this line, without its LF. */
#define WIRE_PING "{\"type\":\"ping\"}"

enum wire_role { WIRE_ROLE_HOST, WIRE_ROLE_GUEST };

/* The authentication slot: method "hmac-sha256" with a nonce, "none", or what a later version may
 * know. The first is what is meant where nothing was said. */
enum wire_auth { WIRE_AUTH_KEY, WIRE_AUTH_NONE, WIRE_AUTH_OTHER };

struct wire_hello {
    int protocol;
    enum wire_role role;
    char agent[WIRE_AGENT_SIZE]; /* the program's version, for people */
    char run[WIRE_RUN_SIZE];     /* id of this agent run */
    enum wire_auth auth;
    char nonce[WIRE_NONCE_SIZE];   /* with WIRE_AUTH_KEY, else empty */
    char import[WIRE_IMPORT_SIZE]; /* empty: a link; else this connection is to carry that import */
};

struct wire_proof {
    char mac[WIRE_MAC_SIZE]; /* 64 lower-case hex digits */
};

struct wire_bye {
    char code[WIRE_CODE_SIZE]; /* "version", "auth", "role", "busy", "invalid", "shutdown" */
    char message[WIRE_TEXT_SIZE];
};

/* Each writes one line with its LF; `*line` is the caller's to free(). Returns 0 or ERR_NOMEM. */
int wire_hello_to_line(const struct wire_hello *hello, char **line, size_t *len);
int wire_proof_to_line(const struct wire_proof *proof, char **line, size_t *len);
int wire_bye_to_line(const struct wire_bye *bye, char **line, size_t *len);

/* Reads a first line. Returns 0; ERR_VERSION when it is a hello of another protocol version
 * (`*hello` is then filled in as far as `protocol`, for the message); ERR_CLOSED when it is a bye
 * (`*bye` is filled in); ERR_INVALID for anything else. */
int wire_hello_from_line(const char *line, size_t len, struct wire_hello *hello,
                         struct wire_bye *bye);

/* Reads the line after the hellos where a key is wanted. Returns 0; ERR_CLOSED when it is a bye
 * (`*bye` is filled in); ERR_INVALID for anything else. */
int wire_proof_from_line(const char *line, size_t len, struct wire_proof *proof,
                         struct wire_bye *bye);

#endif
