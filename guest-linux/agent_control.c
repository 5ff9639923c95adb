#include "guest-linux/agent_control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "shared/core/error.h"

#define RETRY_MS 20
/* A killed process is gone at once, unless the kernel holds it. */
#define KILL_LIMIT_MS 5000

/* Musl has no wrappers for these. */
static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int signal_pidfd(int fd, int signal_number)
{
    return (int)syscall(SYS_pidfd_send_signal, fd, signal_number, NULL, 0);
}

/* Connects; returns the descriptor or an ERR_*. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    int fd;
    int err = 0;

    if (len >= sizeof address.sun_path) {
        return ERR_TOO_LONG;
    }
    memcpy(address.sun_path, path, len);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return os_error_from_errno(errno);
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        /* A socket that nobody serves is what a killed agent has left. */
        err = errno == ENOENT || errno == ECONNREFUSED ? ERR_NOT_FOUND : os_error_from_errno(errno);
        close(fd);
        return err;
    }
    return fd;
}

int agent_control_find(const char *stream_path, struct agent_control *agent)
{
    struct ucred server;
    socklen_t size = sizeof server;
    int fd = connect_to(stream_path);
    int pidfd;
    int err = 0;

    if (fd < 0) {
        return fd;
    }
    /* Of a connected socket: who called listen(). */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &server, &size) != 0) {
        err = os_error_from_errno(errno);
    } else if (server.uid != geteuid() || server.pid <= 1) {
        err = ERR_DENIED;
    }
    if (err == 0) {
        pidfd = open_pidfd(server.pid);
        err = pidfd >= 0        ? 0
              : errno == ENOSYS ? ERR_UNSUPPORTED
              : errno == ESRCH  ? ERR_NOT_FOUND
                                : os_error_from_errno(errno);
    }
    close(fd);
    if (err == 0) {
        *agent = (struct agent_control){.pid = server.pid, .fd = pidfd};
    }
    return err;
}

/* A pidfd is readable once its process has ended. */
static int await_end(int fd, int limit_ms)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    int ready;

    do {
        ready = poll(&item, 1, limit_ms);
    } while (ready < 0 && errno == EINTR);
    return ready > 0 ? 0 : ERR_TIMEOUT;
}

int agent_control_end(const struct agent_control *agent, int signal_number, int limit_ms)
{
    if (signal_pidfd(agent->fd, signal_number) != 0 && errno != ESRCH) {
        return os_error_from_errno(errno);
    }
    if (await_end(agent->fd, limit_ms) == 0) {
        return 0;
    }
    (void)signal_pidfd(agent->fd, SIGKILL);
    (void)await_end(agent->fd, KILL_LIMIT_MS);
    return ERR_TIMEOUT;
}

void agent_control_close(struct agent_control *agent)
{
    close(agent->fd);
    agent->fd = -1;
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int agent_control_await(const char *stream_path, int limit_ms)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    int64_t deadline = now_ms() + limit_ms;

    for (;;) {
        int fd = connect_to(stream_path);

        if (fd >= 0) {
            close(fd);
            return 0;
        }
        if (now_ms() >= deadline) {
            return ERR_TIMEOUT;
        }
        (void)nanosleep(&pause, NULL);
    }
}
