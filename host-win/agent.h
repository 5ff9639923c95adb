/* The host agent: hears Windows, knows the boards, tells the guest and the stream's readers. */
#ifndef TTYFERRY_HOST_WIN_AGENT_H
#define TTYFERRY_HOST_WIN_AGENT_H

#include "host-win/board_watch.h"
#include "shared/core/config.h"
#include "shared/link/key_file.h"

struct agent_options {
    struct config config;
    struct key_file key;     /* unused with "auth": "none" */
    const char *stream_path; /* the pipe's full name */
    struct board_watch_options boards;
};

/* Runs until Ctrl-C, the console's or the session's end, or WM_CLOSE to its hidden window. The
 * options must outlive the call. Returns 0 after an orderly end; ERR_EXISTS if an agent serves the
 * stream already; ERR_INVALID for a link address that is none; ERR_NOMEM, ERR_IO, ERR_DENIED.
 * What failed has been logged, but for ERR_EXISTS. */
int agent_run(const struct agent_options *options);

#endif
