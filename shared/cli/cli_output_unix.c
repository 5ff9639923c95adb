#include "shared/cli/cli_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "shared/cli/cli_output_os.h"
#include "shared/core/error.h"

/* A pipe that poll() calls writable has room for so much, or write() would wait all the same. */
_Static_assert(CLI_OUTPUT_PART_MAX <= PIPE_BUF, "a part is no larger than a page of a pipe");

/* poll() passes over it while it is negative. */
static int interrupt_fd = -1;

/* A file that is opened gets the lowest number that is free, and where 1 or 2 is, what is printed
 * would go into it: a log into the pipe that libuv needs for signals. Opened for reading alone, so
 * that to print is the error that it was. */
void cli_output_init(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

void cli_output_os_interrupt_by(int fd)
{
    interrupt_fd = fd;
}

/* What waits here and not in write() can be told to end, and takes no notice of whether stdout
 * blocks. Who shares stdout has a say in that, so that it is left as it is. */
static int wait_for_room(void)
{
    struct pollfd fds[] = {
        {.fd = STDOUT_FILENO, .events = POLLOUT},
        {.fd = interrupt_fd, .events = POLLIN},
    };

    while (poll(fds, sizeof fds / sizeof fds[0], -1) < 0) {
        if (errno != EINTR) {
            return ERR_IO;
        }
    }
    /* Of an error write() says which. */
    return fds[0].revents != 0 ? 0 : ERR_CANCELLED;
}

static bool is_passing(int error)
{
    return error == EINTR || error == EAGAIN || error == EWOULDBLOCK;
}

int cli_output_os_write(const char *bytes, size_t len)
{
    while (len > 0) {
        int result = wait_for_room();
        ssize_t count = result == 0 ? write(STDOUT_FILENO, bytes, len) : 0;

        if (result != 0) {
            return result;
        }
        if (count < 0 && !is_passing(errno)) {
            return errno == EPIPE ? ERR_CLOSED : ERR_IO;
        }
        if (count > 0) {
            bytes += count;
            len -= (size_t)count;
        }
    }
    return 0;
}
