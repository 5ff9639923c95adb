/* usbipd_double: a stand-in for usbipd-win's USB/IP server, with emulated boards.
 *
 * usage: usbipd_double [--port N]
 *
 * Listens on 127.0.0.1, prints "port N", then answers the commands of control_channel.h on stdin.
 * The end of stdin is a clean exit. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control_channel.h"
#include "usbip_server.h"

enum { READ_CHUNK = 4096, US_PER_S = 1000000, NS_PER_US = 1000 };

/* False at the end of stdin. */
static bool read_commands(struct control_channel *channel)
{
    char chunk[READ_CHUNK];
    ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
    if (got > 0) {
        control_channel_feed(channel, chunk, (size_t)got);
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

/* fds[0] is stdin, the server's follow. False when it is time to go. */
static bool run_once(struct usbip_server *server, struct control_channel *channel)
{
    struct pollfd fds[1 + USBIP_SERVER_MAX_FDS];
    int64_t timeout_us;
    size_t count = 1 + usbip_server_prepare(server, fds + 1, &timeout_us);
    struct timespec timeout = {.tv_sec = timeout_us / US_PER_S,
                               .tv_nsec = timeout_us % US_PER_S * NS_PER_US};
    fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    if (ppoll(fds, count, timeout_us < 0 ? NULL : &timeout, NULL) < 0) {
        return errno == EINTR;
    }
    usbip_server_dispatch(server, fds + 1);
    return fds[0].revents == 0 || read_commands(channel);
}

static bool parse_port(int argc, char **argv, uint16_t *port)
{
    char *end;
    long number;
    if (argc == 1) {
        *port = 0;
        return true;
    }
    if (argc != 3 || strcmp(argv[1], "--port") != 0) {
        return false;
    }
    number = strtol(argv[2], &end, 10);
    *port = (uint16_t)number;
    return *argv[2] != '\0' && *end == '\0' && number >= 0 && number <= UINT16_MAX;
}

int main(int argc, char **argv)
{
    struct usbip_server server;
    struct control_channel channel;
    uint16_t port;
    if (!parse_port(argc, argv, &port)) {
        fputs("usage: usbipd_double [--port N]\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (usbip_server_init(&server, port) != 0) {
        fprintf(stderr, "usbipd_double: cannot listen on 127.0.0.1:%u\n", port);
        return 1;
    }
    control_channel_init(&channel, &server, stdout);
    printf("port %u\n", server.port);
    fflush(stdout);
    while (run_once(&server, &channel)) {
    }
    usbip_server_finish(&server);
    return 0;
}
