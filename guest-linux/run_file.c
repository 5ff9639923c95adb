#include "guest-linux/run_file.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"

int run_file_path(const char *stream_path, const char *name, char path[RUN_FILE_PATH_SIZE])
{
    const char *slash = strrchr(stream_path, '/');
    size_t folder_len = slash != NULL ? (size_t)(slash - stream_path) + 1 : 0;
    char text[RUN_FILE_PATH_SIZE];
    int len = snprintf(text, sizeof text, "%.*s%s", (int)folder_len, stream_path, name);

    if (len < 0 || (size_t)len >= sizeof text) {
        return ERR_TOO_LONG;
    }
    memcpy(path, text, sizeof text);
    return 0;
}
