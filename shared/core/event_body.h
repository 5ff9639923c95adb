/* The members that an event of the stream and the link's message of the same name share:
 * attaching: attempt; ready: ttys, usb_node, took_ms; failed: code, message, remedy, retry_in_ms;
 * detached: reason; yielded, taken: until. The other types have none. */
#ifndef TTYFERRY_CORE_EVENT_BODY_H
#define TTYFERRY_CORE_EVENT_BODY_H

#include "shared/core/event.h"
#include "shared/core/json_text.h"

/* Adds the members that event->type has. Returns 0 or ERR_NOMEM. */
int event_body_add(struct cJSON *object, const struct event *event);

/* Reads the members that event->type has into `*event`. Returns 0 or ERR_INVALID; `*event` may then
 * be partly filled. */
int event_body_get(const struct cJSON *object, struct event *event);

#endif
