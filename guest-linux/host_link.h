/* The link to the host agent: listens for it, hands on what it says, reports to it. One host at a
 * time: while one has the link, another is refused (`busy`) if the first still answers, and takes
 * over if it does not. The same run of the host agent linking anew takes over at once, for it has
 * but one link. */
#ifndef TTYFERRY_GUEST_HOST_LINK_H
#define TTYFERRY_GUEST_HOST_LINK_H

#include <stdbool.h>
#include <uv.h>

#include "guest-linux/host_imports.h"
#include "shared/core/config.h"
#include "shared/core/event.h"
#include "shared/core/wire_message.h"
#include "shared/link/key_file.h"

struct host_link;

struct host_link_callbacks {
    /* A host has said hello; its snapshot follows. */
    void (*on_up)(void *context);
    /* A message that comes from hosts, see enum wire_type; valid during the call. */
    void (*on_message)(void *context, const struct wire_message *message);
    /* Either machine may have slept, or could not reach the other for a while. */
    void (*on_gap)(void *context);
    /* The host that was there is gone. */
    void (*on_down)(void *context);
};

/* Where hosts come in beside the configuration's port. */
struct host_link_doors {
    const char *path;           /* of the Unix socket for root, who proves nothing */
    const struct key_file *key; /* what hosts at the port prove; unused with "auth": "none" */
};

/* Listens as `config` says, which, like `doors`' contents, `run` (the id of this agent run),
 * `callbacks` and `context`, must outlive the link. Returns 0; ERR_EXISTS if something listens at
 * that port already, ERR_BUSY at that socket; ERR_INVALID for a bad address; ERR_DENIED, ERR_NOMEM,
 * ERR_IO. */
int host_link_open(uv_loop_t *loop, const struct config *config,
                   const struct host_link_doors *doors, const char *run,
                   const struct host_link_callbacks *callbacks, void *context,
                   struct host_link **link);

/* The host's address, for people: "127.0.0.1:51234", or the socket's path for one that came over a
 * bridge. The link owns it. */
const char *host_link_peer(const struct host_link *link);

/* The imports through this host, until host_link_close. The link owns it. */
struct host_imports *host_link_imports(struct host_link *link);

/* "tcp" or "bridge". Static storage. */
const char *host_link_transport(const struct host_link *link);

/* Reports EVENT_ATTACHING, _READY, _FAILED or _DETACHED; other types are not the host's to hear
 * from us. Without a host nothing is sent: the answer to its next snapshot tells it all. */
void host_link_report(struct host_link *link, const struct event *event);

/* Passes a request on, WIRE_YIELD or WIRE_TAKE; a WIRE_ANSWER with its number follows unless the
 * link ends before. Returns false, with nothing sent, if no host is there. */
bool host_link_ask(struct host_link *link, enum wire_type type, const char *board_id,
                   int64_t number);

/* Says bye and ends; no other callback runs any more. `on_closed` (may be NULL) runs once, last,
 * with the context of host_link_open. */
void host_link_close(struct host_link *link, void (*on_closed)(void *context));

#endif
