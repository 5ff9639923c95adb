#include "shared/link/dial.h"

#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/link/link_address.h"
#include "shared/link/link_error.h"
#include "shared/link/retry.h"

struct dial {
    struct retry retry;
    struct sockaddr_storage address;
    uv_connect_t connect;
};

static void on_connected(uv_connect_t *request, int status)
{
    struct dial *dial = request->data;

    if (status != UV_ECANCELED) { /* Else the session is being closed, and its on_closed follows. */
        retry_connected(&dial->retry, link_error_from_uv(status));
    }
}

static int begin_to_connect(void *owner, struct session *session)
{
    struct dial *dial = owner;

    dial->connect.data = dial;
    return link_error_from_uv(uv_tcp_connect(&dial->connect, (uv_tcp_t *)session_stream(session),
                                             (const struct sockaddr *)&dial->address,
                                             on_connected));
}

static const struct retry_transport transport = {
    .kind = CONN_TCP,
    .connect_ms = DIAL_CONNECT_MS,
    .connect = begin_to_connect,
    .release = free,
};

int dial_open(uv_loop_t *loop, const char *address, uint16_t port,
              const struct handshake_config *config, const struct session_callbacks *callbacks,
              void *context, struct dial **dial)
{
    struct dial *created = calloc(1, sizeof *created);

    if (!created) {
        return ERR_NOMEM;
    }
    if (link_address_from_text(address, port, &created->address) != 0) {
        free(created);
        return ERR_INVALID;
    }
    retry_init(&created->retry, loop, &transport, created, config, callbacks, context);
    backoff_init(&created->retry.backoff, DIAL_FIRST_MS, DIAL_MAX_MS);
    backoff_set_eager(&created->retry.backoff, DIAL_EAGER_MAX_MS, DIAL_EAGER_MS);
    retry_start(&created->retry);
    *dial = created;
    return 0;
}

void dial_kick(struct dial *dial)
{
    retry_kick(&dial->retry);
}

void dial_defer(struct dial *dial)
{
    retry_defer(&dial->retry);
}

void dial_close(struct dial *dial, void (*on_closed)(void *context))
{
    retry_close(&dial->retry, on_closed);
}
