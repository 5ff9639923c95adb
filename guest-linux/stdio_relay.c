#include "guest-linux/stdio_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "shared/core/error.h"

enum { PLACE_IN, PLACE_OUT, PLACE_AGENT, PLACE_COUNT };

/* One direction. */
struct pump {
    int from;
    int to;
    bool ended; /* nothing more comes */
    size_t start;
    size_t len; /* read and not yet written */
    char bytes[STDIO_RELAY_BUFFER_SIZE];
};

struct relay {
    struct pump up;   /* stdin to the agent */
    struct pump down; /* the agent to stdout */
    bool is_shut;     /* the agent has been told that stdin has ended */
};

static bool is_passing(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

static int fill(struct pump *pump)
{
    ssize_t got = read(pump->from, pump->bytes, sizeof pump->bytes);

    if (got < 0 && is_passing(errno)) {
        return 0;
    }
    /* A peer that is gone without a word has ended too. */
    if (got < 0 && errno != ECONNRESET) {
        return os_error_from_errno(errno);
    }
    pump->ended = got <= 0;
    pump->start = 0;
    pump->len = got > 0 ? (size_t)got : 0;
    return 0;
}

static int drain(struct pump *pump)
{
    ssize_t put = write(pump->to, pump->bytes + pump->start, pump->len);

    if (put < 0) {
        return is_passing(errno) ? 0 : os_error_from_errno(errno);
    }
    pump->start += (size_t)put;
    pump->len -= (size_t)put;
    return 0;
}

static bool may_fill(const struct pump *pump)
{
    return pump->len == 0 && !pump->ended;
}

/* A descriptor of which nothing is wanted is left out, for poll would tell of its end over and
 * over. But stdout is always there: that nobody reads it any more ends all. */
static void say_what_is_wanted(const struct relay *relay, struct pollfd places[PLACE_COUNT])
{
    short of_agent =
        (short)((may_fill(&relay->down) ? POLLIN : 0) | (relay->up.len > 0 ? POLLOUT : 0));

    places[PLACE_IN] = (struct pollfd){may_fill(&relay->up) ? relay->up.from : -1, POLLIN, 0};
    places[PLACE_OUT] =
        (struct pollfd){relay->down.to, (short)(relay->down.len > 0 ? POLLOUT : 0), 0};
    places[PLACE_AGENT] = (struct pollfd){of_agent != 0 ? relay->up.to : -1, of_agent, 0};
}

/* What is at hand goes on at once if the other side takes it; poll is for what it does not. */
static int move(struct pump *pump, bool may_read)
{
    int err = 0;

    if (may_read && may_fill(pump)) {
        err = fill(pump);
    }
    if (err == 0 && pump->len > 0) {
        err = drain(pump);
    }
    return err;
}

static int serve(struct relay *relay, const struct pollfd places[PLACE_COUNT])
{
    int err;

    if ((places[PLACE_OUT].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
        return ERR_CLOSED;
    }
    err = move(&relay->down, (places[PLACE_AGENT].revents & ~POLLOUT) != 0);
    if (err != 0) {
        return err;
    }
    err = move(&relay->up, places[PLACE_IN].revents != 0);
    if (err == ERR_CLOSED) {
        /* The agent takes nothing more; what it has said is still to be read. */
        relay->up.ended = true;
        relay->up.len = 0;
        err = 0;
    }
    return err;
}

static int run(struct relay *relay, int linger_ms)
{
    struct pollfd places[PLACE_COUNT];
    int err = 0;

    while (err == 0 && !(relay->down.ended && relay->down.len == 0)) {
        int count;

        if (relay->up.ended && relay->up.len == 0 && !relay->is_shut) {
            (void)shutdown(relay->up.to, SHUT_WR); /* It may have closed already. */
            relay->is_shut = true;
        }
        say_what_is_wanted(relay, places);
        count = poll(places, PLACE_COUNT, relay->is_shut ? linger_ms : -1);
        if (count == 0) {
            return 0;
        }
        if (count < 0 && errno != EINTR) {
            return os_error_from_errno(errno);
        }
        err = count > 0 ? serve(relay, places) : 0;
    }
    return err;
}

static int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0
                                                                     : os_error_from_errno(errno);
}

int stdio_relay_run(int in, int out, int agent, int linger_ms)
{
    struct relay *relay = calloc(1, sizeof *relay);
    int err;

    if (relay == NULL) {
        return ERR_NOMEM;
    }
    relay->up.from = in;
    relay->up.to = agent;
    relay->down.from = agent;
    relay->down.to = out;
    err = set_nonblocking(in);
    if (err == 0) {
        err = set_nonblocking(out);
    }
    if (err == 0) {
        err = set_nonblocking(agent);
    }
    if (err == 0) {
        err = run(relay, linger_ms);
    }
    free(relay);
    return err;
}
