/* The guest agent: hears the host, keeps the boards attached, tells the stream's readers. */
#ifndef TTYFERRY_GUEST_AGENT_H
#define TTYFERRY_GUEST_AGENT_H

#include "shared/core/config.h"
#include "shared/link/key_file.h"

struct agent_options {
    struct config config;
    struct key_file key;     /* unused with "auth": "none" */
    const char *stream_path; /* the socket's file name */
    const char *link_path;   /* the same of the link's own socket */
    /* What all distributions of a WSL VM share; the stream is offered there too (shared_door.h).
     * NULL: it is not. */
    const char *shared_root;
    /* Once everything is served; may be NULL. */
    void (*on_ready)(void *context);
    void *ready_context;
};

/* Runs until SIGINT, SIGTERM or SIGHUP; boards that are attached then stay attached. SIGUSR1, for a
 * removal, lets go of each of them first, for at most 15 s. Gives up the privileges that it does
 * not need (privileges.h), and tells systemd when it can be used (service_notify.h). The options
 * must outlive the call. Returns 0 after an orderly end; ERR_EXISTS if another agent serves the
 * stream or has the link's port; ERR_INVALID for a link address that is none; ERR_DENIED,
 * ERR_NOMEM, ERR_IO. What failed has been logged. */
int agent_run(const struct agent_options *options);

#endif
