#include "host-win/child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/link_error.h"

#define PIPE_COUNT 3
/* A program that the child left behind may hold its pipes for ever: what comes later than this
 * after the child's end is none of its output. */
#define LAST_WORDS_MS 1000
#define FORGOTTEN_SIZE 4096

/* One of its outputs. */
struct capture {
    char *bytes;
    size_t len;
    size_t max;
};

struct child {
    uv_process_t process;
    uv_pipe_t pipes[PIPE_COUNT];
    uv_timer_t limit;
    uv_timer_t last_words;
    uv_write_t write;
    struct capture captures[PIPE_COUNT]; /* [0] is unused */
    char forgotten[FORGOTTEN_SIZE];      /* takes what is beyond a limit */
    child_done_fn on_done;
    void *context;
    bool holds_input;
    bool is_running;
    bool is_closing;
    unsigned open_handles;
    unsigned open_outputs;
    int error;
    int64_t exit_code;
};

static void finish(struct child *child)
{
    struct child_result result = {
        .error = child->error,
        .exit_code = child->exit_code,
        .output = child->captures[1].bytes,
        .output_len = child->captures[1].len,
        .errors = child->captures[2].bytes,
        .errors_len = child->captures[2].len,
    };

    child->on_done(child->context, &result);
    free(child->captures[1].bytes);
    free(child->captures[2].bytes);
    free(child);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;

    if (--child->open_handles == 0) {
        finish(child);
    }
}

/* A pipe may have been closed before the others. */
static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_handle_closed);
    }
}

static void close_all(struct child *child)
{
    if (child->is_closing) {
        return;
    }
    child->is_closing = true;
    close_handle((uv_handle_t *)&child->process);
    close_handle((uv_handle_t *)&child->limit);
    close_handle((uv_handle_t *)&child->last_words);
    for (size_t i = 0; i < PIPE_COUNT; i++) {
        close_handle((uv_handle_t *)&child->pipes[i]);
    }
}

static void on_last_words(uv_timer_t *timer)
{
    close_all(timer->data);
}

/* Done when the child has ended and all that it said has been read. */
static void settle(struct child *child)
{
    if (!child->is_running && child->open_outputs == 0) {
        close_all(child);
    } else if (!child->is_running && !child->is_closing) {
        uv_timer_start(&child->last_words, on_last_words, LAST_WORDS_MS, 0);
    }
}

static void on_exit(uv_process_t *process, int64_t exit_code, int signal_number)
{
    struct child *child = process->data;

    (void)signal_number;
    child->is_running = false;
    child->exit_code = exit_code;
    settle(child);
}

/* The first reason stands. */
static void kill_for(struct child *child, int error)
{
    if (child->error == 0) {
        child->error = error;
    }
    if (child->is_running) {
        uv_process_kill(&child->process, SIGTERM); /* TerminateProcess: on_exit follows. */
    }
}

static void on_limit(uv_timer_t *timer)
{
    kill_for(timer->data, ERR_TIMEOUT);
}

static struct capture *capture_of(struct child *child, const void *pipe)
{
    return &child->captures[(const uv_pipe_t *)pipe - child->pipes];
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct child *child = handle->data;
    struct capture *capture = capture_of(child, handle);
    size_t room = capture->max - capture->len;

    (void)suggested;
    *buffer = room > 0 ? uv_buf_init(capture->bytes + capture->len, (unsigned)room)
                       : uv_buf_init(child->forgotten, sizeof child->forgotten);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct child *child = stream->data;
    struct capture *capture = capture_of(child, stream);

    if (got < 0) {
        close_handle((uv_handle_t *)stream);
        child->open_outputs--;
        settle(child);
    } else if (buffer->base == capture->bytes + capture->len) {
        capture->len += (size_t)got;
    }
}

/* That the child reads no more is its own affair: its exit code tells. */
static void on_written(uv_write_t *request, int status)
{
    struct child *child = request->data;

    if (status == 0 && !child->holds_input && !child->is_closing) {
        close_handle((uv_handle_t *)&child->pipes[0]);
    }
}

static void feed(struct child *child, const struct child_options *options)
{
    uv_buf_t input = uv_buf_init((char *)(uintptr_t)options->input, (unsigned)options->input_len);

    child->write.data = child;
    if (options->input_len > 0) {
        if (uv_write(&child->write, (uv_stream_t *)&child->pipes[0], &input, 1, on_written) == 0) {
            return;
        }
        kill_for(child, ERR_IO);
    }
    if (!child->holds_input) {
        close_handle((uv_handle_t *)&child->pipes[0]);
    }
}

/* --- Start ------------------------------------------------------------------------------------ */

static void free_environment(char **environment)
{
    for (char **each = environment; each != NULL && *each != NULL; each++) {
        free(*each);
    }
    free(environment);
}

/* Our own environment with the setting in it, ended by NULL; NULL without memory. libuv sorts it,
 * and sees to it that what Windows needs is there. */
static char **make_environment(const char *setting)
{
    uv_env_item_t *items = NULL;
    char **environment = NULL;
    int count = 0;

    if (uv_os_environ(&items, &count) != 0) {
        return NULL;
    }
    environment = calloc((size_t)count + 2, sizeof *environment);
    for (int i = 0; environment != NULL && i < count; i++) {
        size_t size = strlen(items[i].name) + strlen(items[i].value) + 2;

        environment[i] = malloc(size);
        if (environment[i] == NULL) {
            free_environment(environment);
            environment = NULL;
            break;
        }
        snprintf(environment[i], size, "%s=%s", items[i].name, items[i].value);
    }
    uv_os_free_environ(items, count);
    if (environment != NULL && (environment[count] = _strdup(setting)) == NULL) {
        free_environment(environment);
        environment = NULL;
    }
    return environment;
}

static int spawn(struct child *child, const struct child_options *options)
{
    char **environment = NULL;
    uv_stdio_container_t stdio[PIPE_COUNT];
    uv_process_options_t process = {
        .file = options->argv[0],
        .args = (char **)(uintptr_t)options->argv,
        .exit_cb = on_exit,
        .flags = UV_PROCESS_WINDOWS_HIDE,
        .stdio = stdio,
        .stdio_count = PIPE_COUNT,
    };
    int result;

    if (options->setting != NULL) {
        environment = make_environment(options->setting);
        if (environment == NULL) {
            return ERR_NOMEM;
        }
        process.env = environment;
    }
    for (size_t i = 0; i < PIPE_COUNT; i++) {
        stdio[i].flags = UV_CREATE_PIPE | (i == 0 ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
        stdio[i].data.stream = (uv_stream_t *)&child->pipes[i];
    }
    result = uv_spawn(child->process.loop, &child->process, &process);
    free_environment(environment);
    return link_error_from_uv(result);
}

/* Handles that libuv documents never to fail. */
static void init_handles(uv_loop_t *loop, struct child *child)
{
    uv_timer_init(loop, &child->limit);
    uv_timer_init(loop, &child->last_words);
    child->limit.data = child;
    child->last_words.data = child;
    for (size_t i = 0; i < PIPE_COUNT; i++) {
        uv_pipe_init(loop, &child->pipes[i], 0);
        child->pipes[i].data = child;
    }
    child->process.data = child;
    child->process.loop = loop;
    child->open_handles = PIPE_COUNT + 3;
}

static void start(struct child *child, const struct child_options *options)
{
    child->error = spawn(child, options);
    if (child->error != 0) {
        close_all(child); /* uv_spawn has initialised the process in any case. */
        return;
    }
    child->is_running = true;
    child->open_outputs = PIPE_COUNT - 1;
    for (size_t i = 1; i < PIPE_COUNT; i++) {
        if (uv_read_start((uv_stream_t *)&child->pipes[i], on_alloc, on_read) != 0) {
            child->open_outputs--;
            kill_for(child, ERR_IO);
        }
    }
    if (options->limit_ms > 0) {
        uv_timer_start(&child->limit, on_limit, options->limit_ms, 0);
    }
    feed(child, options);
}

static bool make_capture(struct capture *capture, size_t max)
{
    capture->bytes = calloc(1, max + 1);
    capture->max = max;
    return capture->bytes != NULL;
}

int child_open(uv_loop_t *loop, const struct child_options *options, child_done_fn on_done,
               void *context, struct child **child)
{
    struct child *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    if (!make_capture(&opened->captures[1], CHILD_OUTPUT_MAX) ||
        !make_capture(&opened->captures[2], CHILD_ERRORS_MAX)) {
        free(opened->captures[1].bytes);
        free(opened);
        return ERR_NOMEM;
    }
    opened->on_done = on_done;
    opened->context = context;
    opened->holds_input = options->holds_input;
    init_handles(loop, opened);
    *child = opened;
    start(opened, options);
    return 0;
}

void child_cancel(struct child *child)
{
    kill_for(child, ERR_CANCELLED);
}

int child_run(const struct child_options *options, child_done_fn on_done, void *context)
{
    struct child *child;
    uv_loop_t loop;
    int result;

    if (uv_loop_init(&loop) != 0) {
        return ERR_NOMEM;
    }
    result = child_open(&loop, options, on_done, context, &child);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return result;
}
