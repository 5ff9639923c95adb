/* What the tests of shared/link stand on: a loop with a watchdog, and raw peers that send and
 * record whatever a test wants, over TCP or over a pipe. */
#ifndef TTYFERRY_TESTS_LINK_RIG_H
#define TTYFERRY_TESTS_LINK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <uv.h>

#include "shared/link/conn.h"

#define RIG_PATH_SIZE 128

struct rig {
    enum conn_kind kind;
    uv_loop_t loop;
    uv_timer_t watchdog;
};

/* cmocka's setup and teardown. The initial state is one of rig_tcp, rig_pipe, rig_pipes; the test's
 * state is the rig. The teardown fails if a handle was left open. */
extern const enum conn_kind rig_tcp;
extern const enum conn_kind rig_pipe;
extern const enum conn_kind rig_pipes;
int rig_setup(void **state);
int rig_teardown(void **state);

/* Entries for cmocka's table: a test over every kind of connection, a test that uses only the
 * loop. */
#define RIG_TEST_ALL(test)                                                                         \
    {"tcp: " #test, test, rig_setup, rig_teardown, (void *)(uintptr_t)&rig_tcp},                   \
        {"pipe: " #test, test, rig_setup, rig_teardown, (void *)(uintptr_t)&rig_pipe},             \
    {                                                                                              \
        "pipes: " #test, test, rig_setup, rig_teardown, (void *)(uintptr_t)&rig_pipes              \
    }
#define RIG_TEST_BOTH(test)                                                                        \
    {"tcp: " #test, test, rig_setup, rig_teardown, (void *)(uintptr_t)&rig_tcp},                   \
    {                                                                                              \
        "pipe: " #test, test, rig_setup, rig_teardown, (void *)(uintptr_t)&rig_pipe                \
    }
#define RIG_TEST(test)                                                                             \
    {                                                                                              \
#test, test, rig_setup, rig_teardown, (void *)(uintptr_t)&rig_tcp                          \
    }

/* Runs the loop until `*flag` is true; ends the program if that takes much too long. */
void rig_run_until(struct rig *rig, const bool *flag);

/* Runs the loop until `*count` is at least `wanted`. */
void rig_run_until_count(struct rig *rig, const size_t *count, size_t wanted);

/* One turn of the loop, without waiting. */
void rig_turn(struct rig *rig);

/* How many handles of a type the loop has, the rig's own left out. */
size_t rig_count_handles(struct rig *rig, uv_handle_type type);

/* How many timers run, the rig's own left out. */
size_t rig_count_timers(struct rig *rig);

/* In how many milliseconds of the loop's clock the one timer that runs is due, the rig's own left
 * out. Fails the test unless there is exactly one. */
uint64_t rig_timer_due_ms(struct rig *rig);

/* A path for a local server that nobody has used: a file name on Unix, a pipe's on Windows. */
void rig_make_path(char path[RIG_PATH_SIZE]);

/* A path for a file that nobody has used, in the folder for such files. */
void rig_make_file_path(char path[RIG_PATH_SIZE]);

/* Whether one program can interrupt another with SIGINT. */
extern const bool rig_has_signals;

/* A raw end of a connection. */
struct peer {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_pipe_t out; /* of two pipes, the one that is written */
    uv_stream_t *writer;
    uv_shutdown_t shutdown;
    unsigned open_handles;
    char *received; /* terminated */
    size_t received_len;
    size_t received_capacity;
    bool ended; /* the other side has closed, orderly or not */
    bool closed;
    char buffer[4096];
};

/* Connects `stream`, initialised and of the rig's kind, with a new peer, which reads at once.
 * `writer` is the stream that is written, which differs for two pipes only. */
void peer_open(struct rig *rig, struct peer *peer, uv_stream_t *stream, uv_stream_t *writer);

/* Connects a peer to a TCP port of 127.0.0.1, or to the pipe at `path`. */
void peer_connect_tcp(struct rig *rig, struct peer *peer, uint16_t port);
void peer_connect_pipe(struct rig *rig, struct peer *peer, const char *path);

void peer_send(struct peer *peer, const char *text);
void peer_send_bytes(struct peer *peer, const char *bytes, size_t len);
void peer_stop_reading(struct peer *peer);
void peer_read_again(struct peer *peer);
void peer_close(struct rig *rig, struct peer *peer);

/* Says nothing more once all is sent, and reads on. */
void peer_end_writing(struct peer *peer);

/* Closes without waiting for it. */
void peer_hang_up(struct peer *peer);

/* Runs the loop until the peer has received `len` bytes. */
void peer_await(struct rig *rig, struct peer *peer, size_t len);

#endif
