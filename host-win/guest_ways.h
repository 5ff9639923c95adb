/* The ways to the guest, TCP and the bridge: tries those that there is a reason to try
 * (transport_choice.h), and has the session of the one that is taken. */
#ifndef TTYFERRY_HOST_WIN_GUEST_WAYS_H
#define TTYFERRY_HOST_WIN_GUEST_WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "shared/core/config.h"
#include "shared/core/event.h"
#include "shared/core/transport_choice.h"
#include "shared/link/bridge.h"
#include "shared/link/handshake.h"
#include "shared/link/session.h"

struct guest_ways;

/* Of the one session that is up. */
struct guest_ways_callbacks {
    void (*on_up)(void *context);
    void (*on_line)(void *context, char *line, size_t len);
    void (*on_gap)(void *context);
    void (*on_written)(void *context);
    /* It has ended, and is not to be used any more; the next try follows by itself. */
    void (*on_down)(void *context);
};

/* What the bridge starts, asked for at each try. */
struct guest_ways_bridge {
    /* As bridge_options.get_command, with guest_ways_bridge_go_on for its bridge_go_on; also writes
     * what the guest is called, for people, whether there is something to start now or not. */
    int (*get_command)(void *context, struct bridge_child_command *command,
                       char peer[EVENT_PEER_SIZE], char reason[BRIDGE_REASON_SIZE]);
    void *context;
};

struct guest_ways_options {
    const struct config *config; /* the address, and which ways are tried */
    const struct handshake_config *handshake;
    struct guest_ways_bridge bridge;
    bool rests; /* see guest_ways_rest */
};

/* Starts looking for the guest. What the options point to, `callbacks` and `context` must outlive
 * it. Returns 0, ERR_INVALID for a bad address, or ERR_NOMEM. */
int guest_ways_open(uv_loop_t *loop, const struct guest_ways_options *options,
                    const struct guest_ways_callbacks *callbacks, void *context,
                    struct guest_ways **ways);

/* See guest_ways_bridge.get_command. */
void guest_ways_bridge_go_on(struct guest_ways *ways);

/* The session that is up, or NULL. It belongs to the ways. */
struct session *guest_ways_session(const struct guest_ways *ways);

/* The way of that session, or of the last one. */
enum transport guest_ways_transport(const struct guest_ways *ways);

/* Where the guest is or last was: "127.0.0.1:24240", or a distribution's name for a bridge. It
 * belongs to the ways. */
const char *guest_ways_peer(const struct guest_ways *ways);

/* The way that is taken is not tried again as soon as it ends: what is there won't be gone in a
 * moment. */
void guest_ways_defer(struct guest_ways *ways);

/* There is a reason to try each at once. */
void guest_ways_kick(struct guest_ways *ways);

/* Ways that rest are all let go, and none is tried. on_down runs inside the call if a session was
 * up. Awake again, they are tried from the beginning. */
void guest_ways_rest(struct guest_ways *ways, bool rests);

/* Says bye and ends. `on_closed` (may be NULL) runs once, last. */
void guest_ways_close(struct guest_ways *ways, void (*on_closed)(void *context));

#endif
