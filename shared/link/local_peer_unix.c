#include "shared/link/local_peer.h"

#include <sys/socket.h>
#include <unistd.h>

#include "shared/core/error.h"

int local_peer_check(const uv_pipe_t *pipe)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    uv_os_fd_t fd;

    if (uv_fileno((const uv_handle_t *)pipe, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return ERR_IO;
    }
    return peer.uid == geteuid() ? 0 : ERR_DENIED;
}
