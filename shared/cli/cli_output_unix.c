#include "shared/cli/cli_output.h"

#include <fcntl.h>
#include <unistd.h>

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
