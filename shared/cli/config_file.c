#include "shared/cli/config_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <uv.h>

#include "shared/core/error.h"
#include "shared/link/link_error.h"

/* Reads at most `size` bytes. Returns how many, or a negative UV_* code. */
static ssize_t read_all(uv_file file, char *bytes, size_t size)
{
    size_t len = 0;
    int got;

    do {
        uv_fs_t request;
        uv_buf_t part = uv_buf_init(bytes + len, (unsigned)(size - len));

        got = uv_fs_read(NULL, &request, file, &part, 1, -1, NULL);
        uv_fs_req_cleanup(&request);
        if (got < 0) {
            return got;
        }
        len += (size_t)got;
    } while (got > 0 && len < size);
    return (ssize_t)len;
}

static int read_from(uv_file file, struct config *config, char reason[CONFIG_REASON_SIZE])
{
    /* One byte more than is allowed tells a file that is too long. */
    char *text = malloc(CONFIG_TEXT_MAX + 1);
    int error;
    ssize_t len;

    if (text == NULL) {
        return ERR_NOMEM;
    }
    len = read_all(file, text, CONFIG_TEXT_MAX + 1);
    if (len < 0) {
        error = link_error_from_uv((int)len);
    } else if ((size_t)len > CONFIG_TEXT_MAX) {
        error = ERR_TOO_LONG;
    } else {
        error = config_from_text(text, (size_t)len, config, reason);
    }
    free(text);
    return error;
}

int config_file_read(const char *path, struct config *config, char reason[CONFIG_REASON_SIZE])
{
    uv_fs_t request;
    uv_file file = uv_fs_open(NULL, &request, path, UV_FS_O_RDONLY, 0, NULL);
    int error;

    uv_fs_req_cleanup(&request);
    reason[0] = '\0';
    if (file < 0) {
        return link_error_from_uv(file);
    }
    error = read_from(file, config, reason);
    uv_fs_close(NULL, &request, file, NULL);
    uv_fs_req_cleanup(&request);
    return error;
}
