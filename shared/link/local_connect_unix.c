#include "shared/link/local_connect.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"
#include "shared/link/local_peer_unix.h"
#include "shared/link/local_shared_unix.h"

/* Made and connected by hand, for uv_pipe_connect would cut a long path silently and tell of a
 * missing agent only later. Connecting a Unix socket never waits for the network. */
static int open_socket(const char *path, bool (*is_trusted)(int fd), uv_file *file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (text_copy(address.sun_path, sizeof address.sun_path, path) != 0) {
        return ERR_TOO_LONG;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return link_error_from_uv(uv_translate_sys_error(errno));
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int result = link_error_from_uv(uv_translate_sys_error(errno));

        close(fd);
        return result;
    }
    if (!is_trusted(fd)) {
        close(fd);
        return ERR_AUTH;
    }
    *file = fd;
    return 0;
}

int local_connect_open(const char *path, uv_file *file)
{
    return open_socket(path, local_peer_is_trusted_server, file);
}

/* Who has this user's number in another distribution need not be this user. */
int local_connect_open_shared(const char *root, char *path, size_t size, uv_file *file)
{
    const char *place = root != NULL ? root : LOCAL_SHARED_ROOT;
    int result = local_shared_path(place, path, size);

    if (result == 0) {
        result = local_shared_check(place);
    }
    return result == 0 ? open_socket(path, local_peer_is_roots_server, file) : result;
}

int local_connect_default_path(char *path, size_t size)
{
    return text_copy(path, size, "/run/ttyferry/events.sock");
}
