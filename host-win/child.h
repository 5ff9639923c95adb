/* A program that runs hidden: no window, no console, and nothing of ours but its three pipes. It
 * never outlives this process. */
#ifndef TTYFERRY_HOST_WIN_CHILD_H
#define TTYFERRY_HOST_WIN_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define CHILD_OUTPUT_MAX (64u * 1024)
#define CHILD_ERRORS_MAX (8u * 1024)

/* Arguments and settings of one child. */
#define CHILD_ARGUMENTS_MAX 32

struct child_options {
    const char *const *argv; /* UTF-8, ended by NULL; argv[0] is the program's full path */
    const char *setting;     /* one more "NAME=VALUE" of its environment, or NULL */
    const char *input;       /* for its stdin; must last until on_done */
    size_t input_len;
    bool holds_input;  /* its stdin stays open behind that: it ends when we do */
    uint64_t limit_ms; /* 0: it may run for ever */
};

struct child_result {
    /* 0: it ended by itself, with `exit_code`; else ERR_NOT_FOUND (no such program), ERR_DENIED,
     * ERR_TIMEOUT, ERR_CANCELLED, ERR_NOMEM or ERR_IO. */
    int error;
    int64_t exit_code;
    /* What it said, each cut at its limit and terminated; both are the child's, for the call. */
    const char *output;
    size_t output_len;
    const char *errors;
    size_t errors_len;
};

struct child;

typedef void (*child_done_fn)(void *context, const struct child_result *result);

/* Starts it. `on_done` runs exactly once, never inside this call, also if it could not be started;
 * the child is freed after it. argv and `setting` are copied. Returns 0 or ERR_NOMEM, and then
 * `on_done` never runs. */
int child_open(uv_loop_t *loop, const struct child_options *options, child_done_fn on_done,
               void *context, struct child **child);

/* Ends it by force; on_done follows with ERR_CANCELLED. Idempotent. */
void child_cancel(struct child *child);

/* Starts it and waits for its end on a loop of its own: for verbs, which have nothing else to do.
 * `on_done` runs inside the call. Returns 0 or ERR_NOMEM. */
int child_run(const struct child_options *options, child_done_fn on_done, void *context);

#endif
