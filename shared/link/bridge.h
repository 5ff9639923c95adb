/* Keeps one session over the stdin and stdout of a program that it starts, as dial does to an
 * address. The operating system vouches for the other end: nobody proves anything. */
#ifndef TTYFERRY_LINK_BRIDGE_H
#define TTYFERRY_LINK_BRIDGE_H

#include "shared/link/bridge_child.h"
#include "shared/link/session.h"

/* Each try starts a program, and where that is wsl.exe keeps its distribution from ending when
 * idle (15 s): so there is no more than one a minute in the end, and no eager time. */
#define BRIDGE_FIRST_MS 250u
#define BRIDGE_MAX_MS 60000u
/* How long the hello may take, if the handshake's configuration does not say: WSL may have to start
 * the distribution, and that an agent. */
#define BRIDGE_HELLO_MS 20000u
#define BRIDGE_REASON_SIZE 256

struct bridge;

struct bridge_options {
    /* Says what to start, at each try. Returns 0 and fills `*command`, whose texts must last until
     * the next call; ERR_BUSY if that has to be found out first: the try then waits for
     * bridge_go_on, at most BRIDGE_HELLO_MS, and asks again; or another error if there is nothing
     * to start now, and `reason`, a sentence for the log: the try has failed then. */
    int (*get_command)(void *context, struct bridge_child_command *command,
                       char reason[BRIDGE_REASON_SIZE]);
    void *context;
};

/* As dial_open; `*options` is copied. Callbacks as dial's: a try without a hello ends in on_closed
 * as well, with `session` NULL and was_up false, once its program has ended, and `reason` quotes
 * what the program said last on stderr. Returns 0 or ERR_NOMEM. */
int bridge_open(uv_loop_t *loop, const struct bridge_options *options,
                const struct handshake_config *config, const struct session_callbacks *callbacks,
                void *context, struct bridge **bridge);

/* After ERR_BUSY: asks get_command again. Without a try that waits nothing happens. Never from
 * inside get_command. */
void bridge_go_on(struct bridge *bridge);

/* See dial_kick, dial_defer, dial_close. */
void bridge_kick(struct bridge *bridge);
void bridge_defer(struct bridge *bridge);
void bridge_close(struct bridge *bridge, void (*on_closed)(void *context));

#endif
