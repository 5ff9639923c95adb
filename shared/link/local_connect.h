/* The platform's half of local_client: opens the agent's socket or pipe. */
#ifndef TTYFERRY_LINK_LOCAL_CONNECT_H
#define TTYFERRY_LINK_LOCAL_CONNECT_H

#include <stddef.h>
#include <uv.h>

/* Connects to `path`; `*file` is the caller's, for uv_pipe_open or uv_fs_close. Errors as for
 * local_client_open. */
int local_connect_open(const char *path, uv_file *file);

/* The same for local_client_open_shared. */
int local_connect_open_shared(const char *root, char *path, size_t size, uv_file *file);

/* See local_client_default_path. */
int local_connect_default_path(char *path, size_t size);

#endif
