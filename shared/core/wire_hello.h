/* The link's first lines: hello both ways, or a bye that says why not (docs/protocol.md). */
#ifndef TTYFERRY_CORE_WIRE_HELLO_H
#define TTYFERRY_CORE_WIRE_HELLO_H

#include <stddef.h>

#define WIRE_PROTOCOL_VERSION 1
#define WIRE_AGENT_SIZE 64
#define WIRE_RUN_SIZE 17
#define WIRE_CODE_SIZE 48
#define WIRE_TEXT_SIZE 512
#define WIRE_IMPORT_SIZE 17

/* What either side says when it has nothing to say; exactly this line, without its LF. */
#define WIRE_HEARTBEAT "{\"type\":\"heartbeat\"}"

enum wire_role { WIRE_ROLE_HOST, WIRE_ROLE_GUEST };

/* The authentication slot. Only "none" exists in protocol version 1 so far; a hello that names
 * another method decodes to WIRE_AUTH_OTHER. */
enum wire_auth { WIRE_AUTH_NONE, WIRE_AUTH_OTHER };

struct wire_hello {
    int protocol;
    enum wire_role role;
    char agent[WIRE_AGENT_SIZE]; /* the program's version, for people */
    char run[WIRE_RUN_SIZE];     /* id of this agent run */
    enum wire_auth auth;
};

struct wire_bye {
    char code[WIRE_CODE_SIZE]; /* "version", "auth", "role", "busy", "invalid", "shutdown" */
    char message[WIRE_TEXT_SIZE];
};

/* Each writes one line with its LF; `*line` is the caller's to free(). Returns 0 or ERR_NOMEM. */
int wire_hello_to_line(const struct wire_hello *hello, char **line, size_t *len);
int wire_bye_to_line(const struct wire_bye *bye, char **line, size_t *len);

/* Reads a first line. Returns 0; ERR_VERSION when it is a hello of another protocol version
 * (`*hello` is then filled in as far as `protocol`, for the message); ERR_CLOSED when it is a bye
 * (`*bye` is filled in); ERR_INVALID for anything else. */
int wire_hello_from_line(const char *line, size_t len, struct wire_hello *hello,
                         struct wire_bye *bye);

#endif
