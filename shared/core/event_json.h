/* The event stream's lines: struct event <-> one JSON object and a line feed (docs/events.md). */
#ifndef TTYFERRY_CORE_EVENT_JSON_H
#define TTYFERRY_CORE_EVENT_JSON_H

#include "shared/core/event.h"

/* Longest line that a reader of the stream accepts: a snapshot of a full table, each text at its
 * longest and every character of it escaped. */
#define EVENT_JSON_LINE_MAX (4u * 1024 * 1024)

/* Writes the line for `event`: ASCII only, LF at its end, terminated. `*line` is the caller's to
 * free(); `*len` is in bytes, LF counted. Returns 0 or ERR_NOMEM. */
int event_json_from_event(const struct event *event, char **line, size_t *len);

/* Reads a line (LF optional). Unknown fields are ignored. A snapshot's boards go into `boards`,
 * which the caller initialised and finishes, and event->boards points to it; it is emptied first.
 * The checks are those of wire_message_from_line. Returns 0, ERR_INVALID, ERR_VERSION (`v` is not
 * 1), ERR_UNSUPPORTED (an event type that this version doesn't know, or none, as in an answer to a
 * request: skip the line, whatever else it has or lacks), ERR_NOMEM. The outputs stay untouched on
 * failure, but for `boards`, which may be empty then. */
int event_json_to_event(const char *line, size_t len, struct event *event,
                        struct board_table *boards);

#endif
