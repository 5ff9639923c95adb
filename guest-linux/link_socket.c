#include "guest-linux/link_socket.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"

int link_socket_path(const char *stream_path, char path[LINK_SOCKET_PATH_SIZE])
{
    const char *slash = strrchr(stream_path, '/');
    size_t folder_len = slash != NULL ? (size_t)(slash - stream_path) + 1 : 0;
    char text[LINK_SOCKET_PATH_SIZE];
    int len = snprintf(text, sizeof text, "%.*slink.sock", (int)folder_len, stream_path);

    if (len < 0 || (size_t)len >= sizeof text) {
        return ERR_TOO_LONG;
    }
    memcpy(path, text, sizeof text);
    return 0;
}
