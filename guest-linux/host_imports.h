/* Sockets that lead to usbipd through the host agent. The guest asks for one over the link; the
 * host brings it as a connection of its own, or as a stream of the link itself, of which the asker
 * gets one end of a socketpair. */
#ifndef TTYFERRY_GUEST_HOST_IMPORTS_H
#define TTYFERRY_GUEST_HOST_IMPORTS_H

#include <stdbool.h>
#include <uv.h>

#include "shared/core/attach_fault.h"
#include "shared/core/wire_import.h"

/* How long the host may take to bring one; after that its name is not known any more. */
#define HOST_IMPORTS_WAIT_MS 10000u
/* As many as vhci has ports at most. */
#define HOST_IMPORTS_MAX 64

struct host_imports;
struct host_imports_request;

struct host_imports_link {
    /* Puts a line on the link. Returns 0, or ERR_CLOSED where there is none. */
    int (*send)(void *context, const char *line, size_t len);
    /* How many bytes wait on the link to be written. */
    size_t (*waiting)(void *context);
};

/* `fault` FAULT_NONE: `fd` is the callee's, a connected stream. Else -1, and `detail` says what
 * happened; it may hold the host's words, and is valid during the call. */
typedef void (*host_imports_done_fn)(void *context, enum attach_fault fault, int fd,
                                     const char *detail);

/* `link` and `context` must outlive it. Returns 0 or ERR_NOMEM; `*imports` is the caller's until
 * host_imports_close. */
int host_imports_open(uv_loop_t *loop, const struct host_imports_link *link, void *context,
                      struct host_imports **imports);

/* Asks for a socket for the board at `busid`. Returns 0, and then `on_done` runs once, never from
 * inside this call, unless the request is cancelled before; `*request` is valid until then. Returns
 * ERR_CLOSED without a link, ERR_FULL, ERR_NOMEM, ERR_IO. */
int host_imports_ask(struct host_imports *imports, const char *busid, host_imports_done_fn on_done,
                     void *context, struct host_imports_request **request);

/* Gives up: `on_done` does not run any more. */
void host_imports_cancel(struct host_imports_request *request);

/* True if that import was asked for and has not come yet. */
bool host_imports_is_awaited(const struct host_imports *imports, const char *import);

/* The host has brought that import as a connection of its own. `stream` comes from
 * raw_stream_create and is taken, whatever comes of it. */
void host_imports_bring(struct host_imports *imports, const char *import, uv_stream_t *stream);

/* Takes in what the host says over the link. Returns 0, or ERR_INVALID for what makes no sense. */
int host_imports_take(struct host_imports *imports, const struct wire_import *message);

/* The link has written something. */
void host_imports_written(struct host_imports *imports);

/* The link has ended: what was asked for comes no more, and the streams over it end. */
void host_imports_link_down(struct host_imports *imports);

/* No callback runs any more. Memory is released on the loop. */
void host_imports_close(struct host_imports *imports);

#endif
