/* `status` and `list`: the same, but for the link. */
#include "shared/cli/verbs.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/cli_side.h"
#include "shared/cli/cli_terminal.h"
#include "shared/cli/interrupt.h"
#include "shared/cli/stream_reader.h"
#include "shared/core/board_rows.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/text_buffer.h"

/* How long a living agent may take for its first line. */
#define STATUS_SNAPSHOT_MS 5000u

static const char status_help[] =
    "Usage: ttyferry status [--watch] [--json] [--stream PATH]\n\n"
    "Shows the link to the other side with the transport in use, all boards and their ttys, and\n"
    "what can be done about a board that has failed, or a link that is down.\n\n"
    "  --watch          keep showing it, up to date, until Ctrl-C\n"
    "  --json           print a snapshot event instead, on one line; with --watch one for each\n"
    "                   change\n" CLI_STREAM_OPTION_HELP
    "\nThe table fits the terminal, or the environment's COLUMNS. NO_COLOR leaves out colours.\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 4 no agent.\n";

static const char list_help[] =
    "Usage: ttyferry list [--json] [--stream PATH]\n\n"
    "Lists all boards and their ttys. While the link is down stderr says so.\n\n"
    "  --json           print a snapshot event instead, on one line\n" CLI_STREAM_OPTION_HELP
    "\nThe table fits the terminal, or the environment's COLUMNS. NO_COLOR leaves out colours.\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 4 no agent.\n";

struct status {
    const char *verb;
    bool with_link;
    bool watch;
    bool json;
    const char *stream;
    uv_loop_t loop;
    uv_timer_t timeout;
    struct interrupt interrupt;
    uv_signal_t resize;
    uv_signal_t suspend;
    struct stream_reader *reader;
    char path[CLI_STREAM_PATH_SIZE];
    bool has_shown;
    bool ended; /* exit_code is settled */
    int exit_code;
};

static void end(struct status *status, int exit_code)
{
    if (status->ended) {
        return;
    }
    status->ended = true;
    status->exit_code = exit_code;
    uv_close((uv_handle_t *)&status->timeout, NULL);
    interrupt_stop(&status->interrupt);
    uv_close((uv_handle_t *)&status->resize, NULL);
    uv_close((uv_handle_t *)&status->suspend, NULL);
    if (status->reader) {
        stream_reader_close(status->reader, ERR_CANCELLED);
    }
    cli_terminal_restore();
}

static int show_json(const struct event *snapshot)
{
    char *line;
    size_t len;
    int result = event_json_from_event(snapshot, &line, &len);

    if (result == 0) {
        result = cli_output_bytes(line, len);
        free(line);
    }
    return result;
}

/* Takes what one part of the table was written as. */
static void add_part(struct text_buffer *buffer, int result, char *text)
{
    if (result == 0) {
        text_buffer_add(buffer, text);
        free(text);
    } else {
        buffer->error = result;
    }
}

static int make_text(const struct status *status, const struct event *snapshot,
                     const struct board_rows_form *form, char **text)
{
    struct text_buffer buffer;
    char *part = NULL;
    int result;

    text_buffer_init(&buffer);
    if (status->with_link) {
        result = board_rows_link(snapshot, form, &part);
        add_part(&buffer, result, part);
        text_buffer_add(&buffer, "\n");
    }
    result = board_rows_boards(snapshot, form, &part);
    add_part(&buffer, result, part);
    return text_buffer_take(&buffer, text);
}

static int show_table(const struct status *status, const struct event *snapshot)
{
    struct cli_terminal terminal;
    struct board_rows_form form;
    char *text;
    int result;

    cli_terminal_look(&terminal);
    form = (struct board_rows_form){
        .width = terminal.width, .colours = terminal.colours, .link_remedy = cli_side_link_remedy};
    result = make_text(status, snapshot, &form, &text);
    if (result != 0) {
        return result;
    }
    if (status->watch && terminal.redraws) {
        result = cli_terminal_draw(&terminal, text);
    } else {
        result = status->has_shown ? cli_terminal_write("\n") : 0;
        result = result == 0 ? cli_terminal_write(text) : result;
    }
    free(text);
    return result;
}

/* The table of `list` has no line for it, and boards that are missing need a reason. */
static void say_link_down(const struct status *status)
{
    cli_output_error(status->verb, "the link to %s is down", cli_side_other);
    cli_output_error(status->verb, "  remedy: %s", cli_side_link_remedy);
}

/* Of a watch somebody has seen enough: who reads it, or who interrupts it. */
static bool is_enough(int result)
{
    return result == ERR_CLOSED || result == ERR_CANCELLED;
}

static void show(struct status *status)
{
    struct event snapshot;
    int result;

    stream_reader_snapshot(status->reader, &snapshot);
    result = status->json ? show_json(&snapshot) : show_table(status, &snapshot);
    status->has_shown = true;
    if (result != 0 && !(status->watch && is_enough(result))) {
        cli_terminal_restore();
        end(status, cli_output_conclude(status->verb, result));
    } else if (result != 0 || !status->watch) {
        end(status, CLI_DONE);
    }
    if (result == 0 && !status->with_link && !status->json && !snapshot.link_up) {
        say_link_down(status);
    }
}

static void on_change(void *context, struct stream_reader *reader)
{
    struct status *status = context;

    (void)reader;
    if (!status->ended) {
        uv_timer_stop(&status->timeout);
        show(status);
    }
}

static void on_closed(void *context, int error)
{
    struct status *status = context;

    status->reader = NULL;
    if (!status->ended) {
        cli_terminal_restore();
        end(status, cli_stream_explain_end(status->verb, status->path, error));
    }
}

static const struct stream_reader_callbacks reader_callbacks = {
    .on_change = on_change,
    .on_closed = on_closed,
};

static void on_timeout(uv_timer_t *timer)
{
    struct status *status = timer->data;

    cli_output_error(status->verb, "the agent at %s does not answer", status->path);
    end(status, CLI_FAILED);
}

static void on_interrupt(void *context)
{
    end(context, CLI_DONE);
}

static void show_anew(struct status *status)
{
    if (status->has_shown && status->watch && !status->json) {
        show(status);
    }
}

static void on_resize(uv_signal_t *handle, int number)
{
    (void)number;
    show_anew(handle->data);
}

/* What runs meanwhile has its terminal as it was; the window may have another size later. */
static void on_suspend(uv_signal_t *handle, int number)
{
    (void)number;
    cli_terminal_restore();
    cli_terminal_stop();
    show_anew(handle->data);
}

static void watch_signals(struct status *status)
{
    uv_signal_start(&status->resize, on_resize, SIGWINCH);
    if (cli_terminal_suspend_signal != 0) {
        uv_signal_start(&status->suspend, on_suspend, cli_terminal_suspend_signal);
    }
}

/* A signal ends what looks once as it ends any program: a shell's loop around it ends as well. */
static const int no_signals[] = {0};

static void init_handles(struct status *status)
{
    uv_timer_init(&status->loop, &status->timeout);
    status->timeout.data = status;
    interrupt_start(&status->loop, &status->interrupt,
                    status->watch ? cli_terminal_end_signals : no_signals, on_interrupt, status);
    uv_signal_init(&status->loop, &status->resize);
    status->resize.data = status;
    uv_signal_init(&status->loop, &status->suspend);
    status->suspend.data = status;
}

static int run(struct status *status)
{
    int result;

    if (uv_loop_init(&status->loop) != 0) {
        cli_output_error(status->verb, "%s", error_text(ERR_NOMEM));
        return CLI_FAILED;
    }
    init_handles(status);
    result = stream_reader_open(&status->loop, status->stream, &reader_callbacks, status,
                                status->path, &status->reader);
    if (result != 0) {
        end(status, cli_stream_explain(status->verb, status->path, result));
    } else {
        uv_timer_start(&status->timeout, on_timeout, STATUS_SNAPSHOT_MS, 0);
        watch_signals(status);
    }
    uv_run(&status->loop, UV_RUN_DEFAULT);
    uv_loop_close(&status->loop);
    return status->exit_code;
}

static int run_verb(int argc, char **argv, const char *help, struct status *status)
{
    const struct cli_option options[] = {
        {.name = "--json", .flag = &status->json},
        {.name = "--stream", .value = &status->stream},
        {.name = status->with_link ? "--watch" : NULL, .flag = &status->watch},
        {.name = NULL},
    };
    const struct cli_args args = {.verb = status->verb, .help = help, .options = options};
    int exit_code;

    return cli_args_parse(&args, argc, argv, &exit_code) ? run(status) : exit_code;
}

int verb_status(int argc, char **argv)
{
    struct status status = {.verb = "status", .with_link = true};

    return run_verb(argc, argv, status_help, &status);
}

int verb_list(int argc, char **argv)
{
    struct status status = {.verb = "list"};

    return run_verb(argc, argv, list_help, &status);
}
