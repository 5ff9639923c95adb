/* The event stream that an agent serves: it holds the boards as last told, numbers and times the
 * events, and hands each line to every subscriber. One implementation for both agents. */
#ifndef TTYFERRY_STREAM_STREAM_H
#define TTYFERRY_STREAM_STREAM_H

#include <uv.h>

#include "shared/core/event.h"
#include "shared/core/request.h"

struct stream;

/* The greeting of every subscriber is a snapshot, with the link as the last EVENT_LINK told it. It
 * carries the number of the last line before it, so that the next line is one more; while no event
 * has been published that number is 1, and the first event's is 2. */

/* How far back a subscriber may resume, in events; fewer where these take more than the server's
 * log keeps (line_log.h). */
#define STREAM_RESUME_MAX 1024u

/* Opens the stream at `path` (see local_server_open for `path`, `group` and errors). `run` is the
 * id of this agent run (EVENT_RUN_SIZE). `*stream` is the caller's until stream_close. */
int stream_open(uv_loop_t *loop, const char *path, const char *group, const char *run,
                struct stream **stream);

/* Serves it at a further path too (see local_server_open_door). */
int stream_open_door(struct stream *stream, const char *path, const char *group);

/* Writes 16 random hex digits into `run`. Returns 0 or ours. */
int stream_make_run(char run[EVENT_RUN_SIZE]);

/* Publishes an event: applies it to the boards, stamps it (what stands in event->stamp is
 * ignored) and sends it. For every type but EVENT_ARRIVAL and EVENT_UPDATE only event->board.id
 * is looked at, and for EVENT_READY ttys and usb_node; the line carries the board as the stream
 * knows it with its new state. An event about a board that is not there (never arrived, or
 * removed) is dropped with a debug line; an EVENT_READY for a board that is ready already with the
 * same ttys and usb_node is dropped silently, for the guest says ready again after every reconnect;
 * so is an EVENT_DETACHED for a board that is neither attaching nor ready; before an event that a
 * board's life does not lead to, what must have happened is told (board_view_missing);
 * EVENT_ARRIVAL takes event->board whole, state included (BOARD_STATE_WAITING, _AVAILABLE, ...);
 * EVENT_UPDATE takes the host's facts, keeps ttys and usb_node, and changes the state only as long
 * as nothing has been tried (board_view.h). */
void stream_publish(struct stream *stream, const struct event *event);

/* A subscriber asks for something; `client` is its number for stream_reply. */
typedef void (*stream_request_fn)(void *context, uint64_t client, const struct request *request);

/* Hands on what subscribers ask from now on, but for REQUEST_RESUME, which the stream grants
 * itself; until then they hear that the agent is `busy`. One that says something else gets an
 * answer that says so, and is dropped; a request of a later version is answered with
 * `unknown_request`. To be called once; `context` must outlive the stream. */
void stream_hear(struct stream *stream, stream_request_fn on_request, void *context);

/* Answers the request, at once or later; a subscriber that has left is passed over. */
void stream_reply(struct stream *stream, uint64_t client, const struct request *request,
                  const struct request_outcome *outcome);

/* The boards as the stream tells them. The stream owns the table. */
const struct board_table *stream_boards(const struct stream *stream);

/* Idempotent. `on_closed` (may be NULL) runs once, last, with `context`. */
void stream_close(struct stream *stream, void (*on_closed)(void *context), void *context);

#endif
