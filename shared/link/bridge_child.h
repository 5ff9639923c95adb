/* The program at the other end of a bridge: started without a window, its stdin and stdout given
 * to a session, its last words on stderr kept, and waited for when all is over. */
#ifndef TTYFERRY_LINK_BRIDGE_CHILD_H
#define TTYFERRY_LINK_BRIDGE_CHILD_H

#include <stdbool.h>
#include <uv.h>

#include "shared/core/last_line.h"

#define BRIDGE_CHILD_ARGUMENTS_MAX 24
#define BRIDGE_CHILD_ENVIRONMENT_MAX 4
#define BRIDGE_CHILD_TEXT_SIZE (LAST_LINE_SIZE + 256)
/* A child that has lost its session ends by itself; after so long it is ended. Then so long its
 * stderr is waited for, which somebody else may hold. */
#define BRIDGE_CHILD_LINGER_MS 1000u

struct bridge_child_command {
    /* The program's full path first; ended by NULL. */
    const char *arguments[BRIDGE_CHILD_ARGUMENTS_MAX + 1];
    /* NAME=VALUE, in addition to this process's own environment; ended by NULL. */
    const char *environment[BRIDGE_CHILD_ENVIRONMENT_MAX + 1];
};

/* The caller's memory; the fields are bridge_child.c's own. */
struct bridge_child {
    uv_process_t process;
    uv_pipe_t errors;
    uv_timer_t limit;
    unsigned open_handles;
    bool running;
    bool errors_open;
    bool ending;
    bool killed;
    int start_error;
    int64_t exit_code;
    int signal;
    struct last_line last_line;
    char buffer[1024];
    void (*on_gone)(void *context);
    void *context;
};

/* Starts the program; `reader` becomes its stdout and `writer` its stdin, both initialised pipes
 * of the caller's. It inherits nothing else, and on Windows ends with this process. Returns 0 or
 * ours. Whatever it returns, bridge_child_end is due. */
int bridge_child_start(struct bridge_child *child, uv_loop_t *loop,
                       const struct bridge_child_command *command, uv_pipe_t *reader,
                       uv_pipe_t *writer);

/* Its session has closed: waits for the child's end, and brings it about if need be. `on_gone` runs
 * once, never in this call; `*child` is the caller's again then. */
void bridge_child_end(struct bridge_child *child, void (*on_gone)(void *context), void *context);

/* What became of it, for people: "exit code 1: no such distribution", escaped. Returns `text`. */
const char *bridge_child_describe(const struct bridge_child *child,
                                  char text[BRIDGE_CHILD_TEXT_SIZE]);

#endif
