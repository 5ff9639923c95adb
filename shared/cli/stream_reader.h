/* Follows an agent's stream: the boards as it tells them, up to date after every line. */
#ifndef TTYFERRY_CLI_STREAM_READER_H
#define TTYFERRY_CLI_STREAM_READER_H

#include <uv.h>

#include "shared/cli/cli_stream.h"
#include "shared/core/board_table.h"
#include "shared/core/event.h"
#include "shared/core/request.h"

struct stream_reader;

struct stream_reader_callbacks {
    /* The snapshot has come, or a line that followed it. */
    void (*on_change)(void *context, struct stream_reader *reader);
    /* May be NULL. The agent has answered a request of ours. */
    void (*on_reply)(void *context, struct stream_reader *reader, const struct reply *reply);
    /* The last callback, once; the reader is freed after it. `error` as with conn; ERR_VERSION for
     * a stream of another version, ERR_INVALID for what is none, ERR_BUSY and ERR_FULL for what
     * the agent said last (cli_stream_dropped). */
    void (*on_closed)(void *context, int error);
};

/* As cli_stream_open. `*reader` lives until its on_closed. */
int stream_reader_open(uv_loop_t *loop, const char *path,
                       const struct stream_reader_callbacks *callbacks, void *context,
                       char used[CLI_STREAM_PATH_SIZE], struct stream_reader **reader);

/* The reader's, and as the last line left them. */
const struct board_table *stream_reader_boards(const struct stream_reader *reader);

/* Fills `*snapshot` with an EVENT_SNAPSHOT of what the last line left: its stamp, the link, and the
 * reader's boards. */
void stream_reader_snapshot(const struct stream_reader *reader, struct event *snapshot);

/* Asks the agent for something; on_reply follows. Returns 0 or ours; the reader is closing then. */
int stream_reader_ask(struct stream_reader *reader, const struct request *request);

/* Idempotent; on_closed follows, never from inside this call. */
void stream_reader_close(struct stream_reader *reader, int error);

#endif
