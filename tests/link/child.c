#include "tests/link/child.h"

#include <string.h>

#define EXE_PATH_SIZE 1024

static void on_output_closed(uv_handle_t *handle)
{
    struct child_output *output = handle->data;

    output->ended = true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    struct child_output *output = handle->data;
    size_t room = sizeof output->text - 1 - output->len;

    (void)suggested_size;
    assert_true(room > 0);
    *buffer = uv_buf_init(output->text + output->len, (unsigned)room);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct child_output *output = stream->data;

    if (count < 0) {
        uv_close((uv_handle_t *)stream, on_output_closed);
        return;
    }
    for (ssize_t i = 0; i < count; i++) {
        output->lines += buffer->base[i] == '\n' ? 1 : 0;
    }
    output->len += (size_t)count;
    output->text[output->len] = '\0';
}

static void on_exit(uv_process_t *process, int64_t exit_code, int signal)
{
    struct child *child = process->data;

    child->exit_code = exit_code;
    child->signal = signal;
    uv_close((uv_handle_t *)process, NULL);
    child->exited = true;
}

static void init_output(struct rig *rig, struct child_output *output)
{
    assert_int_equal(uv_pipe_init(&rig->loop, &output->pipe, 0), 0);
    output->pipe.data = output;
}

static uv_stdio_container_t to_container(struct child_output *output)
{
    return (uv_stdio_container_t){
        .flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_WRITABLE_PIPE),
        .data.stream = (uv_stream_t *)&output->pipe,
    };
}

void child_start(struct rig *rig, struct child *child, const char *const *arguments)
{
    char exe[EXE_PATH_SIZE];
    size_t size = sizeof exe;
    char *argv[CHILD_ARGUMENTS_MAX + 2] = {exe};
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}};
    uv_process_options_t options = {.file = exe, .args = argv, .stdio = stdio, .stdio_count = 3};

    memset(child, 0, sizeof *child);
    assert_int_equal(uv_exepath(exe, &size), 0);
    for (size_t i = 0; arguments[i]; i++) {
        assert_true(i < CHILD_ARGUMENTS_MAX);
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    }
    init_output(rig, &child->out);
    init_output(rig, &child->err);
    stdio[1] = to_container(&child->out);
    stdio[2] = to_container(&child->err);
    options.exit_cb = on_exit;
    child->process.data = child;
    assert_int_equal(uv_spawn(&rig->loop, &child->process, &options), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&child->out.pipe, on_alloc, on_read), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&child->err.pipe, on_alloc, on_read), 0);
}

void child_close_stdout(struct rig *rig, struct child *child)
{
    uv_close((uv_handle_t *)&child->out.pipe, on_output_closed);
    rig_run_until(rig, &child->out.ended);
}

int child_finish(struct rig *rig, struct child *child)
{
    rig_run_until(rig, &child->exited);
    rig_run_until(rig, &child->out.ended);
    rig_run_until(rig, &child->err.ended);
    if (child->signal != 0) {
        fail_msg("ended by signal %d: %s", child->signal, child->err.text);
    }
    return (int)child->exit_code;
}

int child_run(struct rig *rig, struct child *child, const char *const *arguments)
{
    child_start(rig, child, arguments);
    return child_finish(rig, child);
}
