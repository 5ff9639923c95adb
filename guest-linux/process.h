/* Runs a program by its absolute path, in a clean environment, without blocking the loop. */
#ifndef TTYFERRY_GUEST_PROCESS_H
#define TTYFERRY_GUEST_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/core/last_line.h"

/* Of its standard output so much is kept; the rest is read and thrown away. */
#define PROCESS_OUTPUT_SIZE 1024

struct process;

struct process_result {
    int error;          /* 0 (see `status`), ERR_TIMEOUT, ERR_NOT_FOUND, ERR_DENIED, ERR_IO */
    int status;         /* exit status; 128 + the signal that ended it */
    const char *output; /* terminated; valid during the call */
};

typedef void (*process_done_fn)(void *context, const struct process_result *result);

/* Starts `argv` (ended by NULL, argv[0] an absolute path); after `timeout_ms` it is killed.
 * Returns 0 or ERR_NOMEM, ERR_IO. On 0 `on_done` runs once, never from inside this call, unless
 * cancelled before; a program that cannot be started is told there. */
int process_run(uv_loop_t *loop, const char *const argv[], uint64_t timeout_ms,
                process_done_fn on_done, void *context, struct process **process);

/* For programs that have no loop: runs `argv` to its end, with one more variable in the environment
 * ("NAME=VALUE", or NULL for none). Returns its exit status, 128 + the signal that ended it, or as
 * struct process_result has it (negative), or ERR_NOMEM. */
int process_run_alone(const char *const argv[], const char *variable, uint64_t timeout_ms);

/* As process_run_alone, and `*said` gets the last line of what it has written to its descriptor
 * `fd` (STDOUT_FILENO or STDERR_FILENO). */
int process_hear_alone(const char *const argv[], const char *variable, int fd, uint64_t timeout_ms,
                       struct last_line *said);

/* Kills it; `on_done` does not run any more. */
void process_cancel(struct process *process);

#endif
