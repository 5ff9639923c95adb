#include "shared/cli/agent_log.h"

#include <uv.h>

#include "shared/core/log_tail.h"

/* Of the end of the file; more than an agent says while somebody waits for it. */
#define TAIL_SIZE (32u * 1024)

bool agent_log_reason(const char *path, int64_t since_ms, char *reason, size_t size)
{
    static char text[TAIL_SIZE];
    uv_buf_t buffer = uv_buf_init(text, sizeof text);
    uv_fs_t request;
    int64_t from;
    int len = 0;
    uv_file file = uv_fs_open(NULL, &request, path, UV_FS_O_RDONLY, 0, NULL);

    uv_fs_req_cleanup(&request);
    if (file >= 0) {
        uv_fs_fstat(NULL, &request, file, NULL);
        from = (int64_t)request.statbuf.st_size - (int64_t)sizeof text;
        uv_fs_req_cleanup(&request);
        len = uv_fs_read(NULL, &request, file, &buffer, 1, from > 0 ? from : 0, NULL);
        uv_fs_req_cleanup(&request);
        uv_fs_close(NULL, &request, file, NULL);
        uv_fs_req_cleanup(&request);
    }
    return log_tail_find(text, len > 0 ? (size_t)len : 0, since_ms, reason, size);
}
