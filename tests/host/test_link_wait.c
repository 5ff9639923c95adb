/* Waiting for the link, on a stream that the test serves. */
#include "host-win/link_wait.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include "shared/core/error.h"
#include "shared/stream/stream.h"
#include "tests/core/cases.h"

#define PATH_SIZE 128
#define SHORT_MS 300
#define LONG_MS 60000
#define RUN "00000000000000aa"

/* An agent's stream, in a thread of its own. */
struct server {
    char path[PATH_SIZE];
    bool is_up;
    uv_loop_t loop;
    uv_thread_t thread;
    uv_sem_t ready;
    uv_async_t end;
    struct stream *stream;
};

static void on_end(uv_async_t *end)
{
    struct server *server = end->data;

    stream_close(server->stream, NULL, NULL);
    uv_close((uv_handle_t *)end, NULL);
}

static void serve(void *context)
{
    struct server *server = context;
    struct event link = {.type = EVENT_LINK, .link_up = true};

    uv_loop_init(&server->loop);
    uv_async_init(&server->loop, &server->end, on_end);
    server->end.data = server;
    if (stream_open(&server->loop, server->path, NULL, RUN, &server->stream) == 0 &&
        server->is_up) {
        strcpy(link.transport, "tcp");
        stream_publish(server->stream, &link);
    }
    uv_sem_post(&server->ready);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    uv_loop_close(&server->loop);
}

static void start(struct server *server, bool is_up)
{
    static unsigned count;

    memset(server, 0, sizeof *server);
    snprintf(server->path, sizeof server->path, "\\\\.\\pipe\\ttyferry-test-wait-%lu-%u",
             GetCurrentProcessId(), ++count);
    server->is_up = is_up;
    uv_sem_init(&server->ready, 0);
    uv_thread_create(&server->thread, serve, server);
    uv_sem_wait(&server->ready);
}

static void finish(struct server *server)
{
    uv_async_send(&server->end);
    uv_thread_join(&server->thread);
    uv_sem_destroy(&server->ready);
}

static void a_link_that_is_up_is_seen(void **state)
{
    static struct server server;

    (void)state;
    start(&server, true);
    assert_int_equal(link_wait_run(server.path, LONG_MS), 0);
    finish(&server);
}

static void a_link_that_does_not_come_is_told(void **state)
{
    static struct server server;

    (void)state;
    start(&server, false);
    assert_int_equal(link_wait_run(server.path, SHORT_MS * 10), ERR_TIMEOUT);
    finish(&server);
}

static void an_agent_that_does_not_come_is_told(void **state)
{
    (void)state;
    assert_int_equal(link_wait_run("\\\\.\\pipe\\ttyferry-test-wait-nobody", SHORT_MS),
                     ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_that_is_up_is_seen),
        cmocka_unit_test(a_link_that_does_not_come_is_told),
        cmocka_unit_test(an_agent_that_does_not_come_is_told),
    };

    return cmocka_run_group_tests_name("link_wait", tests, NULL, NULL);
}
