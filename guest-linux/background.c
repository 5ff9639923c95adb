#include "guest-linux/background.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Above it nobody leaves anything to us; the limit itself may be a million. */
#define INHERITED_MAX 1024

/* Only the daemon holds the other end: its word or its end comes. */
static bool await_ready(int fd, pid_t child)
{
    char byte;
    ssize_t got;

    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    do {
        got = read(fd, &byte, 1);
    } while (got < 0 && errno == EINTR);
    close(fd);
    return got == 1;
}

static void become_daemon(int ready_fd)
{
    setsid();
    /* What is no session's leader never gets a terminal. */
    if (fork() != 0) {
        _exit(0);
    }
    if (chdir("/") != 0) {
        _exit(1);
    }
    for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++) {
        if (fd != ready_fd) {
            close(fd);
        }
    }
}

bool background_enter(struct background *background, bool *is_ready)
{
    int ends[2];
    pid_t child;

    *is_ready = false;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    child = fork();
    if (child == 0) {
        become_daemon(ends[1]);
        background->ready_fd = ends[1];
        return true;
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return false;
    }
    *is_ready = await_ready(ends[0], child);
    return false;
}

void background_ready(const struct background *background)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++) {
        (void)dup2(null, fd);
    }
    if (null > STDERR_FILENO) {
        close(null);
    }
    /* Whoever waited may have gone. */
    if (write(background->ready_fd, "", 1) < 0) {
        errno = 0;
    }
    close(background->ready_fd);
}
