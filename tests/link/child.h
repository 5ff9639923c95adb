/* The test program itself as a child, so that a verb runs as people run it: its exit code, its
 * stdout and stderr byte for byte, its own loop. */
#ifndef TTYFERRY_TESTS_LINK_CHILD_H
#define TTYFERRY_TESTS_LINK_CHILD_H

#include "tests/link/rig.h"

#define CHILD_OUTPUT_SIZE (64 * 1024)
#define CHILD_ARGUMENTS_MAX 12

struct child_output {
    uv_pipe_t pipe;
    char text[CHILD_OUTPUT_SIZE]; /* terminated */
    size_t len;
    size_t lines; /* LFs in it */
    bool ended;
};

struct child {
    uv_process_t process;
    struct child_output out;
    struct child_output err;
    bool exited;
    int64_t exit_code;
    int signal;
};

/* Starts the program with these arguments (ended by NULL). `*child` must stay until
 * child_finish. */
void child_start(struct rig *rig, struct child *child, const char *const *arguments);

/* Reads no more of its stdout: what it writes there from now on has no reader. */
void child_close_stdout(struct rig *rig, struct child *child);

/* Waits for its end and returns its exit code; all its output is there then. Fails the test if a
 * signal ended it. */
int child_finish(struct rig *rig, struct child *child);

/* child_start and child_finish. */
int child_run(struct rig *rig, struct child *child, const char *const *arguments);

#define CHILD_ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
