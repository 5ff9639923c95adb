/* The local agent's stream, as every verb that reads it needs it. */
#ifndef TTYFERRY_CLI_CLI_STREAM_H
#define TTYFERRY_CLI_CLI_STREAM_H

#include <stddef.h>
#include <uv.h>

#include "shared/core/event.h"
#include "shared/link/conn.h"

#define CLI_STREAM_PATH_SIZE 260

/* For --help. */
#define CLI_STREAM_MATCH_HELP                                                                      \
    "MATCH names a board: VID:PID (four hex digits each, or *), serial=SERIAL, port=BUSID,\n"      \
    "com=COM5, name=NAME, or just NAME.\n"
#define CLI_STREAM_OPTION_HELP                                                                     \
    "  --stream PATH    read the stream at PATH instead of the local agent's own\n"

/* Connects to the stream at `path`, or, if that is NULL, to the local agent's own, and where none
 * runs to the one that an agent in another distribution offers. As local_client_open; what came of
 * the path is in `used` for the messages. */
int cli_stream_open(uv_loop_t *loop, const char *path, const struct conn_callbacks *callbacks,
                    void *context, char used[CLI_STREAM_PATH_SIZE], struct conn **conn);

/* What an agent's last line, an EVENT_DROPPED, means: ERR_BUSY if it has as many readers as it
 * takes, ERR_FULL if this one was too slow, ERR_CLOSED for a reason of a later version. */
int cli_stream_dropped(const struct event *event);

/* Says on stderr why the stream has ended. Returns the exit code. */
int cli_stream_explain_end(const char *verb, const char *path, int error);

/* Says on stderr why the stream could not be opened, and what to do. Returns the exit code. */
int cli_stream_explain(const char *verb, const char *path, int error);

#endif
