/* What a client of an agent's stream may ask, and the answer to it: one JSON object a line
 * (docs/events.md). */
#ifndef TTYFERRY_CORE_REQUEST_H
#define TTYFERRY_CORE_REQUEST_H

#include <stdbool.h>

#include "shared/core/event.h"

/* Longest line of a client in bytes, LF not counted. */
#define REQUEST_LINE_MAX 4096u
#define REQUEST_ID_SIZE 33

enum request_type {
    REQUEST_YIELD, /* the board is Windows' until it is taken again */
    REQUEST_TAKE,
    REQUEST_KICK,   /* look for the guest at once */
    REQUEST_RESUME, /* go on behind a line that the client has had */
};

struct request {
    enum request_type type;
    char id[REQUEST_ID_SIZE];  /* the client's own, for the answer; may be empty */
    char board[BOARD_ID_SIZE]; /* REQUEST_YIELD, REQUEST_TAKE: the board's id */
    char run[EVENT_RUN_SIZE];  /* REQUEST_RESUME: of that line, as the next */
    uint64_t seq;
};

/* What came of a request. */
struct request_outcome {
    char code[EVENT_CODE_SIZE]; /* empty: it is done */
    char message[EVENT_TEXT_SIZE];
    char remedy[EVENT_TEXT_SIZE];
};

struct reply {
    char run[EVENT_RUN_SIZE];
    int64_t time_ms;
    bool has_request;       /* false: the line was no request */
    struct request request; /* its type and id */
    struct request_outcome outcome;
};

/* Says why a request is refused; `remedy` may be NULL. Longer texts are cut. */
void request_refuse(struct request_outcome *outcome, const char *code, const char *message,
                    const char *remedy);

/* Each writes a line with its LF; `*line` is the caller's to free(). Returns 0 or ERR_NOMEM. */
int request_to_line(const struct request *request, char **line, size_t *len);
int reply_to_line(const struct reply *reply, char **line, size_t *len);

/* Reads a client's line. Returns 0; ERR_UNSUPPORTED for a request that this version does not know;
 * ERR_INVALID. `*request` stays untouched on failure. */
int request_from_line(const char *line, size_t len, struct request *request);

/* Reads "RUN:SEQ" (16 lower-case hex digits, a whole number from 1) into a REQUEST_RESUME with that
 * id. Returns 0 or ERR_INVALID, and then `*request` stays untouched. */
int request_resume_from_text(const char *text, const char *id, struct request *request);

/* Reads an agent's answer. Returns 0; ERR_UNSUPPORTED for another line of the stream; ERR_VERSION;
 * ERR_INVALID. `*reply` stays untouched on failure. */
int reply_from_line(const char *line, size_t len, struct reply *reply);

#endif
