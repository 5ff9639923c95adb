/* The link to the guest agent: what the host knows goes out, what became of the boards comes in. */
#ifndef TTYFERRY_HOST_WIN_GUEST_LINK_H
#define TTYFERRY_HOST_WIN_GUEST_LINK_H

#include <uv.h>

#include "host-win/guest_ways.h"
#include "shared/core/board_table.h"
#include "shared/core/config.h"
#include "shared/core/request.h"
#include "shared/core/sharing.h"
#include "shared/core/wire_message.h"
#include "shared/link/key_file.h"

struct guest_link;

struct guest_link_callbacks {
    /* The peer said hello; guest_link_send_snapshot is due. */
    void (*on_up)(void *context);
    /* WIRE_ATTACHING, _READY, _FAILED or _DETACHED; valid during the call. */
    void (*on_report)(void *context, const struct event *event);
    /* WIRE_YIELD or WIRE_TAKE; guest_link_answer is due. */
    void (*on_request)(void *context, const struct wire_message *request);
    /* Either machine may have slept, or could not reach the other for a while. */
    void (*on_gap)(void *context);
    /* The link that was up has ended; the next try follows by itself. */
    void (*on_down)(void *context);
};

struct guest_link_options {
    const struct config *config; /* the addresses, and which ways are tried */
    const struct key_file *key;  /* what TCP proves; unused with "auth": "none" */
    const char *run;             /* id of this agent run */
    struct guest_ways_bridge bridge;
    bool rests; /* see guest_link_rest */
};

/* Starts looking for the guest. What the options point to, `callbacks` and `context` must outlive
 * the link. Returns 0, ERR_INVALID for a bad address, or ERR_NOMEM. */
int guest_link_open(uv_loop_t *loop, const struct guest_link_options *options,
                    const struct guest_link_callbacks *callbacks, void *context,
                    struct guest_link **link);

/* See guest_ways_bridge.get_command. */
void guest_link_bridge_go_on(struct guest_link *link);

bool guest_link_is_up(const struct guest_link *link);

/* Where the guest is or last was: "127.0.0.1:24240", or a distribution's name for a bridge. The
 * link owns it. */
const char *guest_link_peer(const struct guest_link *link);

/* The way there: "tcp" or "bridge". Static storage. */
const char *guest_link_transport(const struct guest_link *link);

/* The senders say nothing while the link is down, for the next snapshot tells it all. A board is
 * wanted if its state is BOARD_STATE_WAITING (see sharing_judge). */

void guest_link_send_snapshot(struct guest_link *link, const struct board_table *boards,
                              const struct sharing *sharing);

/* `type` is WIRE_ARRIVAL, WIRE_UPDATE or WIRE_REMOVAL. */
void guest_link_send(struct guest_link *link, enum wire_type type, const struct board *board,
                     const struct sharing *sharing);

/* The guest had better look whether its boards still answer. */
void guest_link_send_resumed(struct guest_link *link);

/* `type` is WIRE_YIELDED or WIRE_TAKEN. */
void guest_link_send_event(struct guest_link *link, enum wire_type type, const struct event *event);

/* The answer to the guest's request of that number. */
void guest_link_answer(struct guest_link *link, int64_t number,
                       const struct request_outcome *outcome);

/* There is a reason to look for the guest at once. */
void guest_link_kick(struct guest_link *link);

/* A link that rests is down, and looks for nobody; the guest keeps what it holds. on_down runs
 * inside the call if it was up. Awake again, it starts looking at once. */
void guest_link_rest(struct guest_link *link, bool rests);

/* Says bye and ends. `on_closed` runs once, last, with the context of guest_link_open. */
void guest_link_close(struct guest_link *link, void (*on_closed)(void *context));

#endif
