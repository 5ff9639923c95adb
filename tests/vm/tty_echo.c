/*
 * tty_echo: sends a pattern through a tty and checks that the board sends the same bytes back.
 *
 * usage: tty_echo [--bytes N] [--rounds N] [--timeout-ms N] DEVICE
 *
 * Prints one JSON line: {"bytes":8192,"bad":0,"rounds":2,"ms":41.7}. bytes counts what came back,
 * bad the bytes that differ from what was sent, ms is the time from the first write to the last
 * read, opening not included. Exit code: 0 everything came back unchanged, 1 not, 2 usage.
 *
 * The tty is raw, and read back to be so, before the first byte is written: a tty layer that echoes
 * would otherwise pass for a board. The pattern differs from round to round, so that late bytes of
 * one do not fit into the next.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    DEFAULT_BYTES = 4096,
    DEFAULT_TIMEOUT_MS = 20000,
    CHUNK_BYTES = 256,
    PATTERN_PERIOD = 251,
    ROUND_STRIDE = 37
};

struct options {
    const char *device;
    long bytes;
    long rounds;
    long timeout_ms; /* for each round */
};

struct result {
    long bytes;
    long bad;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The period is prime, so a byte that is lost or doubled shifts all that follow against it. */
static uint8_t pattern(long round, long index)
{
    return (uint8_t)((index + round * ROUND_STRIDE) % PATTERN_PERIOD);
}

static int open_raw(const char *device)
{
    struct termios settings;
    int fd = open(device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    if (tcgetattr(fd, &settings) != 0) {
        goto close_fd;
    }
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    cfsetispeed(&settings, B115200);
    cfsetospeed(&settings, B115200);
    if (tcsetattr(fd, TCSANOW, &settings) != 0 || tcgetattr(fd, &settings) != 0) {
        goto close_fd;
    }
    /* tcsetattr succeeds when it could make any one of the changes, so the one that matters is
     * looked at again. */
    if ((settings.c_lflag & (ECHO | ICANON)) != 0) {
        errno = EIO;
        goto close_fd;
    }
    tcflush(fd, TCIOFLUSH);
    return fd;

close_fd:
    close(fd);
    return -1;
}

/* Returns false when the tty is gone. */
static bool send_some(int fd, const struct options *options, long round, long *sent)
{
    uint8_t chunk[CHUNK_BYTES];
    long len = options->bytes - *sent < CHUNK_BYTES ? options->bytes - *sent : CHUNK_BYTES;
    ssize_t put;
    for (long i = 0; i < len; i++) {
        chunk[i] = pattern(round, *sent + i);
    }
    put = write(fd, chunk, (size_t)len);
    if (put > 0) {
        *sent += put;
    }
    return put >= 0 || errno == EAGAIN;
}

static bool receive_some(int fd, const struct options *options, long round, long *received,
                         long *bad)
{
    uint8_t chunk[CHUNK_BYTES];
    ssize_t got = read(fd, chunk, sizeof chunk);
    for (ssize_t i = 0; i < got; i++) {
        if (*received + i >= options->bytes || chunk[i] != pattern(round, *received + i)) {
            *bad += 1;
        }
    }
    if (got > 0) {
        *received += got;
    }
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static bool run_round(int fd, const struct options *options, long round, struct result *result)
{
    double deadline = now_ms() + (double)options->timeout_ms;
    long sent = 0;
    long received = 0;
    long bad = 0;
    bool alive = true;
    while (alive && received < options->bytes) {
        double left_ms = deadline - now_ms();
        struct pollfd tty = {.fd = fd,
                             .events = (short)(POLLIN | (sent < options->bytes ? POLLOUT : 0))};
        if (left_ms <= 0 || (poll(&tty, 1, (int)left_ms + 1) < 0 && errno != EINTR)) {
            break;
        }
        if (tty.revents & POLLIN) {
            alive = receive_some(fd, options, round, &received, &bad);
        } else if (tty.revents & (POLLHUP | POLLERR)) {
            break;
        }
        if (alive && (tty.revents & POLLOUT)) {
            alive = send_some(fd, options, round, &sent);
        }
    }
    result->bytes += received;
    result->bad += bad;
    return received == options->bytes && bad == 0;
}

static bool parse_count(const char *text, long *count)
{
    char *end;
    *count = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && *count > 0 && *count <= 1000000000;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"bytes", required_argument, NULL, 'b'},
        {"rounds", required_argument, NULL, 'r'},
        {"timeout-ms", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    bool valid = true;
    int option;
    *options = (struct options){NULL, DEFAULT_BYTES, 1, DEFAULT_TIMEOUT_MS};
    while (valid && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        valid = (option == 'b' && parse_count(optarg, &options->bytes)) ||
                (option == 'r' && parse_count(optarg, &options->rounds)) ||
                (option == 't' && parse_count(optarg, &options->timeout_ms));
    }
    options->device = optind == argc - 1 ? argv[optind] : NULL;
    return valid && options->device != NULL;
}

int main(int argc, char **argv)
{
    struct options options;
    struct result result = {0, 0};
    bool equal = true;
    long round = 0;
    double started_ms;
    int fd;
    if (!parse_options(argc, argv, &options)) {
        fputs("usage: tty_echo [--bytes N] [--rounds N] [--timeout-ms N] DEVICE\n", stderr);
        return 2;
    }
    fd = open_raw(options.device);
    if (fd < 0) {
        fprintf(stderr, "tty_echo: %s: %s\n", options.device, strerror(errno));
        return 1;
    }
    started_ms = now_ms();
    while (equal && round < options.rounds) {
        equal = run_round(fd, &options, round, &result);
        round++;
    }
    printf("{\"bytes\":%ld,\"bad\":%ld,\"rounds\":%ld,\"ms\":%.1f}\n", result.bytes, result.bad,
           round, now_ms() - started_ms);
    close(fd);
    return equal ? 0 : 1;
}
