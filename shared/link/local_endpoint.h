/* The platform's half of local_server: makes the socket or the pipe, guards who may enter, and
 * tells of each client that has come. */
#ifndef TTYFERRY_LINK_LOCAL_ENDPOINT_H
#define TTYFERRY_LINK_LOCAL_ENDPOINT_H

#include <uv.h>

/* Clients that may wait to be taken while the loop is busy: a crowd of scripts starts at once. One
 * more is refused. */
#define LOCAL_ENDPOINT_WAITING_MAX 256

struct local_endpoint;

struct local_endpoint_callbacks {
    /* A client is there: take it with local_endpoint_accept before returning. */
    void (*on_client)(void *context);
    /* The last callback; the endpoint is freed after it. */
    void (*on_closed)(void *context);
};

/* `path`, `group` and errors as for local_server_open. `callbacks` and `context` must outlive the
 * endpoint, which is the caller's until local_endpoint_close. No callback runs in this call. */
int local_endpoint_open(uv_loop_t *loop, const char *path, const char *group,
                        const struct local_endpoint_callbacks *callbacks, void *context,
                        struct local_endpoint **endpoint);

/* Inside on_client only: connects `pipe`, initialised by the caller, with the client. Returns 0;
 * ERR_DENIED for somebody who may not enter, and the caller closes the pipe; or ours. */
int local_endpoint_accept(struct local_endpoint *endpoint, uv_pipe_t *pipe);

/* Takes no more clients, removes the name. To be called once. */
void local_endpoint_close(struct local_endpoint *endpoint);

#endif
