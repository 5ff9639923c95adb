#include "guest-linux/service_notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "shared/core/error.h"

/* A leading '@' stands for the NUL of an abstract name. */
static int make_address(const char *name, struct sockaddr_un *address, socklen_t *size)
{
    size_t len = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof address->sun_path) {
        return ERR_INVALID;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, len);
    if (name[0] == '@') {
        address->sun_path[0] = '\0';
    }
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

int service_notify_send(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t size;
    int err;
    int fd;

    if (name == NULL) {
        return 0;
    }
    err = make_address(name, &address, &size);
    if (err != 0) {
        return err;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return os_error_from_errno(errno);
    }
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, size) <
        0) {
        err = os_error_from_errno(errno);
    }
    close(fd);
    return err;
}
