/* The relay between stdio and the agent, in a thread of its own; the test has all other ends. */
#include "guest-linux/stdio_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-linux/run_file.h"
#include "shared/core/error.h"
#include "shared/link/link_process.h"
#include "tests/link/rig.h"

#define MUCH (1024u * 1024)
/* More than a pipe, the relay and a socket hold together. */
#define HELD_MAX (4u * 1024 * 1024)

struct span {
    uv_thread_t thread;
    int in[2];
    int out[2];
    int agent[2]; /* [0] is the relay's */
    int linger_ms;
    int result;
};

static void run_relay(void *context)
{
    struct span *span = context;

    span->result = stdio_relay_run(span->in[0], span->out[1], span->agent[0], span->linger_ms);
    /* As the program's end does. */
    close(span->in[0]);
    close(span->out[1]);
    close(span->agent[0]);
}

static void open_span(struct span *span)
{
    link_process_init();
    memset(span, 0, sizeof *span);
    span->linger_ms = 60000;
    assert_int_equal(pipe(span->in), 0);
    assert_int_equal(pipe(span->out), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, span->agent), 0);
}

static void start(struct span *span)
{
    assert_int_equal(uv_thread_create(&span->thread, run_relay, span), 0);
}

static void expect_end(struct span *span, int result)
{
    assert_int_equal(uv_thread_join(&span->thread), 0);
    assert_int_equal(span->result, result);
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void expect_text(int fd, const char *text)
{
    char got[64];
    size_t len = 0;

    while (len < strlen(text)) {
        ssize_t part = read(fd, got + len, strlen(text) - len);

        assert_true(part > 0);
        len += (size_t)part;
    }
    assert_memory_equal(got, text, len);
}

static void expect_eof(int fd)
{
    char byte;

    assert_int_equal(read(fd, &byte, 1), 0);
}

struct feed {
    int fd;
    unsigned char *bytes;
};

static void feed_much(void *context)
{
    const struct feed *feed = context;
    size_t len = 0;

    while (len < MUCH) {
        ssize_t put = write(feed->fd, feed->bytes + len, MUCH - len);

        if (put <= 0) {
            return;
        }
        len += (size_t)put;
    }
}

static void expect_much(int from, int to)
{
    struct feed feed = {.fd = from, .bytes = malloc(MUCH)};
    unsigned char *got = malloc(MUCH);
    uv_thread_t thread;
    size_t len = 0;

    assert_non_null(feed.bytes);
    assert_non_null(got);
    for (size_t i = 0; i < MUCH; i++) {
        feed.bytes[i] = (unsigned char)(i * 31 + i / 256);
    }
    assert_int_equal(uv_thread_create(&thread, feed_much, &feed), 0);
    while (len < MUCH) {
        ssize_t part = read(to, got + len, MUCH - len);

        assert_true(part > 0);
        len += (size_t)part;
    }
    assert_int_equal(uv_thread_join(&thread), 0);
    assert_memory_equal(got, feed.bytes, MUCH);
    free(feed.bytes);
    free(got);
}

static void every_byte_passes_both_ways(void **state)
{
    struct span span;

    (void)state;
    open_span(&span);
    start(&span);
    expect_much(span.in[1], span.agent[1]);
    expect_much(span.agent[1], span.out[0]);
    close(span.agent[1]);
    expect_end(&span, 0);
    expect_eof(span.out[0]);
    close(span.in[1]);
    close(span.out[0]);
}

/* Writes until nothing more is taken for a while; returns how much was. */
static size_t fill_up(int fd)
{
    static char chunk[4096];
    struct pollfd place = {.fd = fd, .events = POLLOUT};
    size_t len = 0;

    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (len < HELD_MAX && poll(&place, 1, 200) == 1) {
        ssize_t put = write(fd, chunk, sizeof chunk);

        len += put > 0 ? (size_t)put : 0;
    }
    return len;
}

static void who_does_not_read_holds_up_the_writer(void **state)
{
    struct span span;

    (void)state;
    open_span(&span);
    start(&span);
    assert_true(fill_up(span.in[1]) < HELD_MAX);
    assert_true(fill_up(span.agent[1]) < HELD_MAX);
    close(span.agent[1]);
    close(span.out[0]);
    expect_end(&span, ERR_CLOSED);
    close(span.in[1]);
}

static void what_the_agent_said_last_arrives(void **state)
{
    struct span span;

    (void)state;
    open_span(&span);
    send_text(span.agent[1], "bye");
    close(span.agent[1]);
    start(&span);
    expect_end(&span, 0);
    expect_text(span.out[0], "bye");
    expect_eof(span.out[0]);
    close(span.in[1]);
    close(span.out[0]);
}

static void what_the_host_said_last_arrives(void **state)
{
    struct span span;

    (void)state;
    open_span(&span);
    send_text(span.in[1], "bye");
    close(span.in[1]);
    start(&span);
    expect_text(span.agent[1], "bye");
    expect_eof(span.agent[1]);
    send_text(span.agent[1], "heard");
    close(span.agent[1]);
    expect_end(&span, 0);
    expect_text(span.out[0], "heard");
    close(span.out[0]);
}

static void an_agent_that_does_not_end_is_not_waited_for(void **state)
{
    struct span span;

    (void)state;
    open_span(&span);
    span.linger_ms = 20;
    close(span.in[1]);
    start(&span);
    expect_end(&span, 0);
    close(span.agent[1]);
    close(span.out[0]);
}

static void a_host_that_reads_no_more_ends_it(void **state)
{
    struct span span;

    (void)state;
    open_span(&span);
    close(span.out[0]);
    start(&span);
    expect_end(&span, ERR_CLOSED);
    expect_eof(span.agent[1]);
    close(span.agent[1]);
    close(span.in[1]);
}

static void the_socket_stands_beside_the_stream(void **state)
{
    char path[RUN_FILE_PATH_SIZE];
    char longest[2 * RUN_FILE_PATH_SIZE];

    (void)state;
    assert_int_equal(run_file_path("/run/ttyferry/events.sock", RUN_FILE_LINK, path), 0);
    assert_string_equal(path, "/run/ttyferry/link.sock");
    assert_int_equal(run_file_path("events.sock", RUN_FILE_LINK, path), 0);
    assert_string_equal(path, "link.sock");
    memset(longest, '/', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(run_file_path(longest, RUN_FILE_LINK, path), ERR_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_passes_both_ways),
        cmocka_unit_test(who_does_not_read_holds_up_the_writer),
        cmocka_unit_test(what_the_agent_said_last_arrives),
        cmocka_unit_test(what_the_host_said_last_arrives),
        cmocka_unit_test(an_agent_that_does_not_end_is_not_waited_for),
        cmocka_unit_test(a_host_that_reads_no_more_ends_it),
        cmocka_unit_test(the_socket_stands_beside_the_stream),
    };

    return cmocka_run_group_tests_name("stdio_relay", tests, NULL, NULL);
}
