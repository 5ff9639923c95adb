#include "shared/link/local_client.h"

#include "shared/link/link_error.h"
#include "shared/link/local_connect.h"

static void close_file(uv_file file)
{
    uv_fs_t request;

    uv_fs_close(NULL, &request, file, NULL);
    uv_fs_req_cleanup(&request);
}

/* `file` is the conn's, or closed. */
static int open_conn(uv_loop_t *loop, uv_file file, const struct conn_limits *limits,
                     const struct conn_callbacks *callbacks, void *context, struct conn **conn)
{
    struct conn *created;
    int result = conn_create(loop, CONN_PIPE, limits, callbacks, context, &created);
    if (result != 0) {
        close_file(file);
        return result;
    }
    result = link_error_from_uv(uv_pipe_open((uv_pipe_t *)conn_stream(created), file));
    if (result != 0) {
        close_file(file);
    } else {
        result = conn_start(created);
    }
    if (result != 0) {
        conn_close(created, result);
    }
    *conn = created;
    return 0;
}

int local_client_open(uv_loop_t *loop, const char *path, const struct conn_limits *limits,
                      const struct conn_callbacks *callbacks, void *context, struct conn **conn)
{
    uv_file file;
    int result = local_connect_open(path, &file);

    return result == 0 ? open_conn(loop, file, limits, callbacks, context, conn) : result;
}

int local_client_open_shared(uv_loop_t *loop, const char *root, const struct conn_limits *limits,
                             const struct conn_callbacks *callbacks, void *context, char *path,
                             size_t size, struct conn **conn)
{
    uv_file file;
    int result = local_connect_open_shared(root, path, size, &file);

    return result == 0 ? open_conn(loop, file, limits, callbacks, context, conn) : result;
}

int local_client_default_path(char *path, size_t size)
{
    return local_connect_default_path(path, size);
}
