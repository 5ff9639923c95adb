#include "shared/link/bridge_child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"

static void on_handle_closed(uv_handle_t *handle)
{
    struct bridge_child *child = handle->data;

    if (--child->open_handles == 0) {
        child->on_gone(child->context);
    }
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_handle_closed);
    }
}

static void close_if_over(struct bridge_child *child)
{
    if (child->ending && !child->running && !child->errors_open) {
        close_handle((uv_handle_t *)&child->process);
        close_handle((uv_handle_t *)&child->errors);
        close_handle((uv_handle_t *)&child->limit);
    }
}

static void on_exit_code(uv_process_t *process, int64_t exit_code, int signal)
{
    struct bridge_child *child = process->data;

    child->running = false;
    child->exit_code = exit_code;
    child->signal = signal;
    close_if_over(child);
}

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    struct bridge_child *child = handle->data;

    (void)suggested_size;
    *buffer = uv_buf_init(child->buffer, sizeof child->buffer);
}

static void on_errors(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct bridge_child *child = stream->data;

    if (count >= 0) {
        last_line_feed(&child->last_line, buffer->base, (size_t)count);
        return;
    }
    uv_read_stop(stream);
    child->errors_open = false;
    close_if_over(child);
}

static void free_environment(char **environment)
{
    for (char **each = environment; each && *each; each++) {
        free(*each);
    }
    free(environment);
}

static char *join_pair(const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *pair = malloc(size);

    if (pair) {
        snprintf(pair, size, "%s=%s", name, value);
    }
    return pair;
}

/* What is added replaces what was there, however Windows spells it. */
static bool is_replaced(const char *name, const char *const *additions)
{
    char added[64];

    for (; *additions; additions++) {
        size_t len = strcspn(*additions, "=");

        snprintf(added, sizeof added, "%.*s", (int)len, *additions);
        if (text_equal_nocase(name, added)) {
            return true;
        }
    }
    return false;
}

static char **merge_environment(const uv_env_item_t *items, size_t count,
                                const char *const *additions)
{
    char **merged = calloc(count + BRIDGE_CHILD_ENVIRONMENT_MAX + 1, sizeof *merged);
    size_t used = 0;

    for (size_t i = 0; merged && i < count; i++) {
        if (is_replaced(items[i].name, additions)) {
            continue;
        }
        merged[used] = join_pair(items[i].name, items[i].value);
        if (!merged[used++]) {
            free_environment(merged);
            return NULL;
        }
    }
    for (size_t i = 0; merged && additions[i]; i++) {
        merged[used] = strdup(additions[i]);
        if (!merged[used++]) {
            free_environment(merged);
            return NULL;
        }
    }
    return merged;
}

/* This process's environment with the additions; free_environment's to free. NULL without memory.
 */
static char **make_environment(const char *const *additions)
{
    uv_env_item_t *items;
    char **merged;
    int count;

    if (uv_os_environ(&items, &count) != 0) {
        return NULL;
    }
    merged = merge_environment(items, (size_t)count, additions);
    uv_os_free_environ(items, count);
    return merged;
}

static int spawn(struct bridge_child *child, uv_loop_t *loop,
                 const struct bridge_child_command *command, uv_pipe_t *reader, uv_pipe_t *writer)
{
    uv_stdio_container_t stdio[3] = {
        {(uv_stdio_flags)(UV_CREATE_PIPE | UV_READABLE_PIPE), {(uv_stream_t *)writer}},
        {(uv_stdio_flags)(UV_CREATE_PIPE | UV_WRITABLE_PIPE), {(uv_stream_t *)reader}},
        {(uv_stdio_flags)(UV_CREATE_PIPE | UV_WRITABLE_PIPE), {(uv_stream_t *)&child->errors}},
    };
    char **environment = make_environment(command->environment);
    uv_process_options_t options = {
        .exit_cb = on_exit_code,
        .file = command->arguments[0],
        .args = (char **)(uintptr_t)command->arguments,
        .env = environment,
        .flags = UV_PROCESS_WINDOWS_HIDE,
        .stdio_count = 3,
        .stdio = stdio,
    };
    int result;

    if (!environment) {
        return ERR_NOMEM;
    }
    child->process.data = child;
    result = link_error_from_uv(uv_spawn(loop, &child->process, &options));
    /* It initialises its handle even if it fails. */
    child->open_handles++;
    free_environment(environment);
    return result;
}

static int start(struct bridge_child *child, uv_loop_t *loop,
                 const struct bridge_child_command *command, uv_pipe_t *reader, uv_pipe_t *writer)
{
    int result = spawn(child, loop, command, reader, writer);

    if (result != 0) {
        return result;
    }
    child->running = true;
    result = link_error_from_uv(uv_read_start((uv_stream_t *)&child->errors, on_alloc, on_errors));
    child->errors_open = result == 0;
    return result;
}

int bridge_child_start(struct bridge_child *child, uv_loop_t *loop,
                       const struct bridge_child_command *command, uv_pipe_t *reader,
                       uv_pipe_t *writer)
{
    *child = (struct bridge_child){.open_handles = 0};
    last_line_init(&child->last_line);
    (void)uv_pipe_init(loop, &child->errors, 0); /* Cannot fail without ipc. */
    uv_timer_init(loop, &child->limit);          /* Documented never to fail. */
    child->errors.data = child;
    child->limit.data = child;
    child->open_handles = 2;
    child->start_error = start(child, loop, command, reader, writer);
    return child->start_error;
}

/* The first time for a child that does not end, the next for a stderr that does not. */
static void on_limit(uv_timer_t *timer)
{
    struct bridge_child *child = timer->data;

    if (child->running) {
        child->killed = true;
        (void)uv_process_kill(&child->process, SIGKILL); /* It may have ended just now. */
        return;
    }
    child->errors_open = false;
    close_if_over(child);
}

void bridge_child_end(struct bridge_child *child, void (*on_gone)(void *context), void *context)
{
    child->on_gone = on_gone;
    child->context = context;
    child->ending = true;
    uv_timer_start(&child->limit, on_limit, BRIDGE_CHILD_LINGER_MS, BRIDGE_CHILD_LINGER_MS);
    close_if_over(child);
}

const char *bridge_child_describe(const struct bridge_child *child,
                                  char text[BRIDGE_CHILD_TEXT_SIZE])
{
    char said[LAST_LINE_SIZE];
    char how[128];

    if (child->start_error != 0) {
        snprintf(how, sizeof how, "it could not be started: %s", error_text(child->start_error));
    } else if (child->killed) {
        snprintf(how, sizeof how, "it had to be ended");
    } else if (child->signal != 0) {
        snprintf(how, sizeof how, "ended by signal %d", child->signal);
    } else {
        snprintf(how, sizeof how, "exit code %lld", (long long)child->exit_code);
    }
    text_escape(said, sizeof said, last_line_text(&child->last_line));
    snprintf(text, BRIDGE_CHILD_TEXT_SIZE, said[0] != '\0' ? "%s: %s" : "%s", how, said);
    return text;
}
