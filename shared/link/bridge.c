#include "shared/link/bridge.h"

#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/link/retry.h"

struct bridge {
    struct retry retry;
    struct bridge_options options;
    struct handshake_config handshake;
    struct bridge_child child;
    bool has_child;
    struct session *waiting;         /* of a try that knows not yet what to start, else NULL */
    char reason[BRIDGE_REASON_SIZE]; /* why there is none */
};

static int begin_to_connect(void *owner, struct session *session)
{
    struct bridge *bridge = owner;
    struct bridge_child_command command = {.arguments = {NULL}};
    int result;

    bridge->reason[0] = '\0';
    result = bridge->options.get_command(bridge->options.context, &command, bridge->reason);
    if (result == ERR_BUSY) {
        bridge->waiting = session;
        return 0;
    }
    if (result != 0) {
        return result;
    }
    bridge->has_child = true;
    result = bridge_child_start(&bridge->child, bridge->retry.loop, &command,
                                (uv_pipe_t *)session_stream(session),
                                (uv_pipe_t *)session_writer(session));
    if (result == 0) {
        retry_connected(&bridge->retry, 0);
    }
    return result;
}

static void on_child_gone(void *context)
{
    struct bridge *bridge = context;
    char text[BRIDGE_CHILD_TEXT_SIZE];

    bridge->has_child = false;
    retry_cleaned_up(&bridge->retry, bridge_child_describe(&bridge->child, text));
}

static void clean_up(void *owner)
{
    struct bridge *bridge = owner;

    bridge->waiting = NULL;
    if (bridge->has_child) {
        bridge_child_end(&bridge->child, on_child_gone, bridge);
    } else {
        retry_cleaned_up(&bridge->retry, bridge->reason);
    }
}

/* What is started is connected. */
static const struct retry_transport transport = {
    .kind = CONN_PIPES,
    .connect_ms = BRIDGE_HELLO_MS,
    .connect = begin_to_connect,
    .clean_up = clean_up,
    .release = free,
};

int bridge_open(uv_loop_t *loop, const struct bridge_options *options,
                const struct handshake_config *config, const struct session_callbacks *callbacks,
                void *context, struct bridge **bridge)
{
    struct bridge *created = calloc(1, sizeof *created);

    if (!created) {
        return ERR_NOMEM;
    }
    created->options = *options;
    created->handshake = *config;
    created->handshake.method = WIRE_AUTH_NONE;
    if (created->handshake.deadline_ms == 0) {
        created->handshake.deadline_ms = BRIDGE_HELLO_MS;
    }
    retry_init(&created->retry, loop, &transport, created, &created->handshake, callbacks, context);
    backoff_init(&created->retry.backoff, BRIDGE_FIRST_MS, BRIDGE_MAX_MS);
    retry_start(&created->retry);
    *bridge = created;
    return 0;
}

void bridge_go_on(struct bridge *bridge)
{
    struct session *session = bridge->waiting;
    int result;

    if (session == NULL || bridge->retry.closing) {
        return;
    }
    bridge->waiting = NULL;
    result = begin_to_connect(bridge, session);
    if (result != 0) {
        retry_connected(&bridge->retry, result);
    }
}

void bridge_kick(struct bridge *bridge)
{
    retry_kick(&bridge->retry);
}

void bridge_defer(struct bridge *bridge)
{
    retry_defer(&bridge->retry);
}

void bridge_close(struct bridge *bridge, void (*on_closed)(void *context))
{
    retry_close(&bridge->retry, on_closed);
}
