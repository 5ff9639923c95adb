#include "tests/link/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/link/link_process.h"

/* Far above what any test takes, below what people wait for. */
#define RIG_WATCHDOG_MS 60000u

const enum conn_kind rig_tcp = CONN_TCP;
const enum conn_kind rig_pipe = CONN_PIPE;
const enum conn_kind rig_pipes = CONN_PIPES;
const bool rig_has_signals = TEST_HAS_SIGNALS;

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    fprintf(stderr, "the watchdog ends a test that waits for what does not come\n");
    abort();
}

int rig_setup(void **state)
{
    const enum conn_kind *kind = *state;
    struct rig *rig = calloc(1, sizeof *rig);

    link_process_init();
    assert_non_null(rig);
    rig->kind = *kind;
    assert_int_equal(uv_loop_init(&rig->loop), 0);
    assert_int_equal(uv_timer_init(&rig->loop, &rig->watchdog), 0);
    assert_int_equal(uv_timer_start(&rig->watchdog, on_watchdog, RIG_WATCHDOG_MS, 0), 0);
    uv_unref((uv_handle_t *)&rig->watchdog);
    *state = rig;
    return 0;
}

static void remove_folder(void);

static void print_open_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    fprintf(stderr, "left open: %s\n", uv_handle_type_name(handle->type));
}

int rig_teardown(void **state)
{
    struct rig *rig = *state;
    int status;

    uv_close((uv_handle_t *)&rig->watchdog, NULL);
    /* Only closing handles may be left, and these need no waiting. */
    for (int i = 0; i < 16 && uv_run(&rig->loop, UV_RUN_NOWAIT) != 0; i++) {
    }
    status = uv_loop_close(&rig->loop);
    if (status != 0) {
        uv_walk(&rig->loop, print_open_handle, NULL);
        return -1;
    }
    remove_folder();
    free(rig);
    return 0;
}

void rig_run_until(struct rig *rig, const bool *flag)
{
    while (!*flag) {
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
}

void rig_run_until_count(struct rig *rig, const size_t *count, size_t wanted)
{
    while (*count < wanted) {
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
}

void rig_turn(struct rig *rig)
{
    uv_run(&rig->loop, UV_RUN_NOWAIT);
}

struct handle_count {
    const struct rig *rig;
    uv_handle_type type;
    size_t count;
};

static void count_handle(uv_handle_t *handle, void *context)
{
    struct handle_count *wanted = context;

    if (handle->type == wanted->type && handle != (const uv_handle_t *)&wanted->rig->watchdog) {
        wanted->count++;
    }
}

size_t rig_count_handles(struct rig *rig, uv_handle_type type)
{
    struct handle_count wanted = {.rig = rig, .type = type};

    uv_walk(&rig->loop, count_handle, &wanted);
    return wanted.count;
}

struct timer_search {
    const struct rig *rig;
    size_t count;
    uint64_t due_ms;
};

static void look_at_timer(uv_handle_t *handle, void *context)
{
    struct timer_search *search = context;

    if (handle->type == UV_TIMER && uv_is_active(handle) &&
        handle != (const uv_handle_t *)&search->rig->watchdog) {
        search->count++;
        search->due_ms = uv_timer_get_due_in((const uv_timer_t *)handle);
    }
}

static struct timer_search search_timers(struct rig *rig)
{
    struct timer_search search = {.rig = rig};

    uv_walk(&rig->loop, look_at_timer, &search);
    return search;
}

size_t rig_count_timers(struct rig *rig)
{
    return search_timers(rig).count;
}

uint64_t rig_timer_due_ms(struct rig *rig)
{
    struct timer_search search = search_timers(rig);

    assert_int_equal(search.count, 1);
    return search.due_ms;
}

/* Sockets want a folder that nobody else writes to; the names of pipes have none. */
static void make_folder(const char *path)
{
    uv_fs_t request;

    if (TEST_PATH_BETWEEN[0] == '/') {
        int result = uv_fs_mkdir(NULL, &request, path, 0700, NULL);

        assert_true(result == 0 || result == UV_EEXIST);
        uv_fs_req_cleanup(&request);
    }
}

static void remove_folder(void)
{
    char path[RIG_PATH_SIZE];
    uv_fs_t request;

    snprintf(path, RIG_PATH_SIZE, "%s-%d", TEST_PATH_PREFIX, (int)uv_os_getpid());
    if (TEST_PATH_BETWEEN[0] == '/') {
        (void)uv_fs_rmdir(NULL, &request, path, NULL);
        uv_fs_req_cleanup(&request);
    }
}

void rig_make_path(char path[RIG_PATH_SIZE])
{
    static unsigned count;

    snprintf(path, RIG_PATH_SIZE, "%s-%d", TEST_PATH_PREFIX, (int)uv_os_getpid());
    make_folder(path);
    snprintf(path, RIG_PATH_SIZE, "%s-%d" TEST_PATH_BETWEEN "%u", TEST_PATH_PREFIX,
             (int)uv_os_getpid(), ++count);
}

void rig_make_file_path(char path[RIG_PATH_SIZE])
{
    static unsigned count;
    char folder[RIG_PATH_SIZE / 2];
    size_t size = sizeof folder;

    assert_int_equal(uv_os_tmpdir(folder, &size), 0);
    snprintf(path, RIG_PATH_SIZE, "%s/ttyferry-file-%d-%u", folder, (int)uv_os_getpid(), ++count);
}

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    struct peer *peer = handle->data;

    (void)suggested_size;
    *buffer = uv_buf_init(peer->buffer, sizeof peer->buffer);
}

static void reserve(struct peer *peer, size_t size)
{
    size_t capacity = peer->received_capacity > 0 ? peer->received_capacity : sizeof peer->buffer;

    while (capacity < size) {
        capacity *= 2;
    }
    if (capacity > peer->received_capacity) {
        peer->received = realloc(peer->received, capacity);
        assert_non_null(peer->received);
        peer->received_capacity = capacity;
    }
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct peer *peer = stream->data;

    if (count < 0) {
        peer->ended = true;
        uv_read_stop(stream);
        return;
    }
    reserve(peer, peer->received_len + (size_t)count + 1);
    memcpy(peer->received + peer->received_len, buffer->base, (size_t)count);
    peer->received_len += (size_t)count;
    peer->received[peer->received_len] = '\0';
}

static void peer_init(struct rig *rig, struct peer *peer, enum conn_kind kind)
{
    *peer = (struct peer){0};
    if (kind == CONN_TCP) {
        assert_int_equal(uv_tcp_init(&rig->loop, &peer->uv.tcp), 0);
    } else {
        assert_int_equal(uv_pipe_init(&rig->loop, &peer->uv.pipe, 0), 0);
    }
    peer->uv.handle.data = peer;
    peer->writer = &peer->uv.stream;
    peer->open_handles = 1;
    if (kind == CONN_PIPES) {
        assert_int_equal(uv_pipe_init(&rig->loop, &peer->out, 0), 0);
        peer->out.data = peer;
        peer->writer = (uv_stream_t *)&peer->out;
        peer->open_handles = 2;
    }
}

static void on_connect(uv_connect_t *request, int status)
{
    bool *connected = request->data;

    assert_int_equal(status, 0);
    *connected = true;
}

void peer_connect_tcp(struct rig *rig, struct peer *peer, uint16_t port)
{
    struct sockaddr_in address;
    bool connected = false;
    uv_connect_t request = {.data = &connected};

    peer_init(rig, peer, CONN_TCP);
    assert_int_equal(uv_ip4_addr("127.0.0.1", port, &address), 0);
    assert_int_equal(
        uv_tcp_connect(&request, &peer->uv.tcp, (const struct sockaddr *)&address, on_connect), 0);
    rig_run_until(rig, &connected);
    peer_read_again(peer);
}

void peer_connect_pipe(struct rig *rig, struct peer *peer, const char *path)
{
    bool connected = false;
    uv_connect_t request = {.data = &connected};

    peer_init(rig, peer, CONN_PIPE);
    uv_pipe_connect(&request, &peer->uv.pipe, path, on_connect);
    rig_run_until(rig, &connected);
    peer_read_again(peer);
}

struct pairing {
    uv_stream_t *stream;
    bool accepted;
    bool closed;
};

static void on_pairing_connection(uv_stream_t *server, int status)
{
    struct pairing *pairing = server->data;

    assert_int_equal(status, 0);
    assert_int_equal(uv_accept(server, pairing->stream), 0);
    pairing->accepted = true;
}

static void on_pairing_closed(uv_handle_t *handle)
{
    struct pairing *pairing = handle->data;

    pairing->closed = true;
}

static void pair_over_tcp(struct rig *rig, struct peer *peer, struct pairing *pairing)
{
    uv_tcp_t server = {.data = pairing};
    struct sockaddr_in address;
    int size = sizeof address;

    assert_int_equal(uv_tcp_init(&rig->loop, &server), 0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&server, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&server, 1, on_pairing_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&server, (struct sockaddr *)&address, &size), 0);
    peer_connect_tcp(rig, peer, ntohs(address.sin_port));
    rig_run_until(rig, &pairing->accepted);
    uv_close((uv_handle_t *)&server, on_pairing_closed);
    rig_run_until(rig, &pairing->closed);
}

static void pair_over_pipe(struct rig *rig, struct peer *peer, struct pairing *pairing)
{
    uv_pipe_t server = {.data = pairing};
    char path[RIG_PATH_SIZE];

    rig_make_path(path);
    assert_int_equal(uv_pipe_init(&rig->loop, &server, 0), 0);
    assert_int_equal(uv_pipe_bind(&server, path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&server, 1, on_pairing_connection), 0);
    peer_connect_pipe(rig, peer, path);
    rig_run_until(rig, &pairing->accepted);
    uv_close((uv_handle_t *)&server, on_pairing_closed);
    rig_run_until(rig, &pairing->closed);
}

static void join(uv_stream_t *reader, uv_stream_t *writer)
{
    uv_file ends[2];

    assert_int_equal(uv_pipe(ends, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE), 0);
    assert_int_equal(uv_pipe_open((uv_pipe_t *)reader, ends[0]), 0);
    assert_int_equal(uv_pipe_open((uv_pipe_t *)writer, ends[1]), 0);
}

static void pair_over_two_pipes(struct rig *rig, struct peer *peer, uv_stream_t *stream,
                                uv_stream_t *writer)
{
    peer_init(rig, peer, CONN_PIPES);
    join(stream, peer->writer);
    join(&peer->uv.stream, writer);
    peer_read_again(peer);
}

void peer_open(struct rig *rig, struct peer *peer, uv_stream_t *stream, uv_stream_t *writer)
{
    struct pairing pairing = {.stream = stream};

    if (rig->kind == CONN_TCP) {
        pair_over_tcp(rig, peer, &pairing);
    } else if (rig->kind == CONN_PIPE) {
        pair_over_pipe(rig, peer, &pairing);
    } else {
        pair_over_two_pipes(rig, peer, stream, writer);
    }
}

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* The other side may close before it has read all. */
    free(request->data);
    free(request);
}

void peer_send_bytes(struct peer *peer, const char *bytes, size_t len)
{
    uv_write_t *request = calloc(1, sizeof *request);
    char *copy = malloc(len);
    uv_buf_t buffer = uv_buf_init(copy, (unsigned)len);

    assert_non_null(request);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    request->data = copy;
    if (uv_write(request, peer->writer, &buffer, 1, on_written) != 0) {
        free(copy);
        free(request);
    }
}

void peer_send(struct peer *peer, const char *text)
{
    peer_send_bytes(peer, text, strlen(text));
}

void peer_stop_reading(struct peer *peer)
{
    uv_read_stop(&peer->uv.stream);
}

void peer_read_again(struct peer *peer)
{
    assert_int_equal(uv_read_start(&peer->uv.stream, on_alloc, on_read), 0);
}

static void on_peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;

    peer->closed = --peer->open_handles == 0;
}

static void close_writer(struct peer *peer)
{
    if (!uv_is_closing((uv_handle_t *)peer->writer)) {
        uv_close((uv_handle_t *)peer->writer, on_peer_closed);
    }
}

static void on_peer_shutdown(uv_shutdown_t *request, int status)
{
    struct peer *peer = request->handle->data;

    (void)status; /* A pipe has no shutdown. */
    if (peer->writer != &peer->uv.stream) {
        close_writer(peer);
    }
}

void peer_end_writing(struct peer *peer)
{
    assert_int_equal(uv_shutdown(&peer->shutdown, peer->writer, on_peer_shutdown), 0);
}

void peer_hang_up(struct peer *peer)
{
    uv_close(&peer->uv.handle, on_peer_closed);
    close_writer(peer); /* unless it is the same */
}

void peer_close(struct rig *rig, struct peer *peer)
{
    peer_hang_up(peer);
    rig_run_until(rig, &peer->closed);
    free(peer->received);
    peer->received = NULL;
}

void peer_await(struct rig *rig, struct peer *peer, size_t len)
{
    rig_run_until_count(rig, &peer->received_len, len);
}
