#include "guest-linux/process.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "shared/link/link_error.h"

/* What is to be run, and how. */
struct order {
    const char *const *argv;
    const char *variable; /* one more in the environment, or NULL */
    uint64_t timeout_ms;
    int heard_fd; /* of the program: what is read of it */
    struct last_line *said;
};

struct process {
    uv_process_t child;
    uv_pipe_t pipe;
    uv_timer_t deadline;
    unsigned open_handles; /* memory is released when it comes to 0 */
    bool running;
    bool output_open;
    bool stopped;
    bool ending;
    bool cancelled;
    struct process_result result;
    char output[PROCESS_OUTPUT_SIZE];
    size_t output_len;
    char scratch[512];
    struct last_line *said; /* borrowed; NULL: nobody's */
    process_done_fn on_done;
    void *context;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct process *process = handle->data;

    if (--process->open_handles > 0)
        return;
    process->output[process->output_len] = '\0';
    process->result.output = process->output;
    if (!process->cancelled)
        process->on_done(process->context, &process->result);
    free(process);
}

static void end(struct process *process)
{
    if (process->ending)
        return;
    process->ending = true;
    uv_close((uv_handle_t *)&process->child, on_handle_closed);
    uv_close((uv_handle_t *)&process->pipe, on_handle_closed);
    uv_close((uv_handle_t *)&process->deadline, on_handle_closed);
}

/* It is over when it has ended and its output has been read to the end. A grandchild that keeps
 * the pipe open is not waited for beyond the deadline. */
static void end_if_over(struct process *process)
{
    if (!process->running && !process->output_open)
        end(process);
}

static void on_exit_status(uv_process_t *child, int64_t status, int signal_number)
{
    struct process *process = child->data;

    process->running = false;
    process->result.status = signal_number ? 128 + signal_number : (int)status;
    if (process->stopped)
        end(process);
    else
        end_if_over(process);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct process *process = handle->data;

    (void)suggested;
    *buffer = uv_buf_init(process->scratch, sizeof process->scratch);
}

static void on_output(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct process *process = stream->data;
    size_t room = sizeof process->output - 1 - process->output_len;

    if (count > 0) {
        size_t part = (size_t)count < room ? (size_t)count : room;

        memcpy(process->output + process->output_len, buffer->base, part);
        process->output_len += part;
        if (process->said != NULL)
            last_line_feed(process->said, buffer->base, (size_t)count);
    } else if (count < 0) {
        uv_read_stop(stream);
        process->output_open = false;
        end_if_over(process);
    }
}

/* A killed child still has to be waited for, or it would stay a zombie: its exit ends us. */
static void stop(struct process *process)
{
    process->stopped = true;
    if (process->running)
        (void)uv_process_kill(&process->child, SIGKILL);
    else
        end(process);
}

static void on_deadline(uv_timer_t *timer)
{
    struct process *process = timer->data;

    process->result.error = ERR_TIMEOUT;
    stop(process);
}

static void spawn(uv_loop_t *loop, struct process *process, const struct order *order)
{
    char *environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                           (char *)order->variable, NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    uv_process_options_t options = {
        .exit_cb = on_exit_status,
        .file = order->argv[0],
        .args = (char **)order->argv,
        .env = environment,
        .cwd = "/",
        .stdio_count = 3,
        .stdio = stdio,
    };
    int err;

    stdio[order->heard_fd].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    stdio[order->heard_fd].data.stream = (uv_stream_t *)&process->pipe;
    err = link_error_from_uv(uv_spawn(loop, &process->child, &options));
    if (!err) {
        process->running = true;
        err = link_error_from_uv(
            uv_read_start((uv_stream_t *)&process->pipe, on_allocate, on_output));
        process->output_open = !err;
    }
    if (err) {
        process->result.error = err;
        stop(process);
    }
}

static int run(uv_loop_t *loop, const struct order *order, process_done_fn on_done, void *context,
               struct process **process)
{
    struct process *made = calloc(1, sizeof *made);

    if (!made)
        return ERR_NOMEM;
    made->said = order->said;
    made->on_done = on_done;
    made->context = context;
    if (uv_pipe_init(loop, &made->pipe, 0) != 0) {
        free(made);
        return ERR_IO;
    }
    uv_timer_init(loop, &made->deadline);
    made->child.data = made->pipe.data = made->deadline.data = made;
    made->open_handles = 3;
    /* uv_spawn initialises its handle even if it fails. */
    spawn(loop, made, order);
    if (!made->ending)
        (void)uv_timer_start(&made->deadline, on_deadline, order->timeout_ms, 0);
    *process = made;
    return 0;
}

int process_run(uv_loop_t *loop, const char *const argv[], uint64_t timeout_ms,
                process_done_fn on_done, void *context, struct process **process)
{
    const struct order order = {.argv = argv, .timeout_ms = timeout_ms, .heard_fd = STDOUT_FILENO};

    return run(loop, &order, on_done, context, process);
}

void process_cancel(struct process *process)
{
    process->cancelled = true;
    stop(process);
}

static void on_done_alone(void *context, const struct process_result *result)
{
    int *outcome = context;

    *outcome = result->error != 0 ? result->error : result->status;
}

static int run_alone(const struct order *order)
{
    struct process *process;
    uv_loop_t loop;
    int outcome = ERR_IO;
    int err;

    if (uv_loop_init(&loop) != 0)
        return ERR_NOMEM;
    err = run(&loop, order, on_done_alone, &outcome, &process);
    if (!err)
        uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    return err ? err : outcome;
}

int process_run_alone(const char *const argv[], const char *variable, uint64_t timeout_ms)
{
    const struct order order = {
        .argv = argv, .variable = variable, .timeout_ms = timeout_ms, .heard_fd = STDOUT_FILENO};

    return run_alone(&order);
}

int process_hear_alone(const char *const argv[], const char *variable, int fd, uint64_t timeout_ms,
                       struct last_line *said)
{
    const struct order order = {
        .argv = argv, .variable = variable, .timeout_ms = timeout_ms, .heard_fd = fd, .said = said};

    last_line_init(said);
    return run_alone(&order);
}
