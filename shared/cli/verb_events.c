#include "shared/cli/verbs.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/cli_stream.h"
#include "shared/core/board_table.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/match.h"

#define VERB "events"

static const char help[] =
    "Usage: ttyferry events [--match MATCH]\n\n"
    "Prints the live event stream of this machine's agent until it is interrupted: one JSON\n"
    "object a line, first a snapshot of all boards, then every change.\n\n"
    "  --match MATCH   only the boards that fit; \"snapshot\" and \"link\" always come\n"
    /* The lines that verbs share. */
    CLI_STREAM_OPTION_HELP "\n" CLI_STREAM_MATCH_HELP;

struct events {
    uv_loop_t loop;
    uv_signal_t interrupt;
    struct conn *conn;
    char path[CLI_STREAM_PATH_SIZE];
    struct match match;
    bool ended; /* exit_code is settled */
    int exit_code;
};

static void end(struct events *events, int exit_code)
{
    if (events->ended) {
        return;
    }
    events->ended = true;
    events->exit_code = exit_code;
    uv_close((uv_handle_t *)&events->interrupt, NULL);
    if (events->conn) {
        conn_close(events->conn, ERR_CANCELLED);
    }
}

static void print(struct events *events, const char *line, size_t len)
{
    int result = cli_output_line(line, len);

    /* That the reader has heard enough is a good end, as for any filter in a pipeline. */
    if (result == ERR_CLOSED) {
        end(events, CLI_DONE);
    } else if (result != 0) {
        cli_output_error(VERB, "cannot write to stdout: %s", error_text(result));
        end(events, CLI_FAILED);
    }
}

static int filter_boards(const struct match *match, const struct board_table *all,
                         struct board_table *fitting)
{
    int result = 0;

    for (size_t i = 0; i < all->count && result == 0; i++) {
        if (match_check(match, all->items[i])) {
            result = board_table_put(fitting, all->items[i]);
        }
    }
    return result;
}

static void print_snapshot(struct events *events, struct event *event)
{
    struct board_table fitting;
    char *line = NULL;
    size_t len = 0;
    int result;

    board_table_init(&fitting);
    result = filter_boards(&events->match, event->boards, &fitting);
    if (result == 0) {
        const struct board_table *all = event->boards;

        event->boards = &fitting;
        result = event_json_from_event(event, &line, &len);
        event->boards = all;
    }
    if (result == 0) {
        print(events, line, len - 1);
    } else {
        cli_output_error(VERB, "cannot print the snapshot: %s", error_text(result));
        end(events, CLI_FAILED);
    }
    free(line);
    board_table_finish(&fitting);
}

static void print_if_fitting(struct events *events, const char *line, size_t len)
{
    struct board_table boards;
    struct event event;
    int result;

    board_table_init(&boards);
    result = event_json_to_event(line, len, &event, &boards);
    if (result != 0 && result != ERR_UNSUPPORTED) {
        cli_output_error(VERB, "the agent sent a line that makes no sense here: %s",
                         error_text(result));
        end(events, CLI_FAILED);
    } else if (result == 0 && event.type == EVENT_SNAPSHOT) {
        print_snapshot(events, &event);
    } else if (result == 0 &&
               (event.type == EVENT_LINK || match_check(&events->match, &event.board))) {
        print(events, line, len);
    }
    board_table_finish(&boards);
}

static void on_line(void *context, char *line, size_t len)
{
    struct events *events = context;

    if (events->match.kind == MATCH_ANY) {
        print(events, line, len);
    } else {
        print_if_fitting(events, line, len);
    }
}

static void on_closed(void *context, int error)
{
    struct events *events = context;

    events->conn = NULL;
    if (!events->ended) {
        cli_output_error(VERB, "the agent at %s has gone (%s)", events->path, error_text(error));
        end(events, CLI_FAILED);
    }
}

static const struct conn_callbacks conn_callbacks = {.on_line = on_line, .on_closed = on_closed};

static void on_interrupt(uv_signal_t *handle, int signal_number)
{
    (void)signal_number;
    end(handle->data, CLI_DONE);
}

static int run(struct events *events, const char *path)
{
    int result;

    if (uv_loop_init(&events->loop) != 0) {
        cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
        return CLI_FAILED;
    }
    uv_signal_init(&events->loop, &events->interrupt);
    events->interrupt.data = events;
    result =
        cli_stream_open(&events->loop, path, &conn_callbacks, events, events->path, &events->conn);
    if (result != 0) {
        end(events, cli_stream_explain(VERB, events->path, result));
    } else {
        uv_signal_start(&events->interrupt, on_interrupt, SIGINT);
    }
    uv_run(&events->loop, UV_RUN_DEFAULT);
    uv_loop_close(&events->loop);
    return events->exit_code;
}

int verb_events(int argc, char **argv)
{
    const char *match_text = NULL;
    const char *path = NULL;
    const char *reason;
    const struct cli_option options[] = {
        {.name = "--match", .value = &match_text},
        {.name = "--stream", .value = &path},
        {.name = NULL},
    };
    const struct cli_args args = {.verb = VERB, .help = help, .options = options};
    struct events *events;
    int exit_code;

    if (!cli_args_parse(&args, argc, argv, &exit_code)) {
        return exit_code;
    }
    events = calloc(1, sizeof *events);
    if (!events) {
        cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
        return CLI_FAILED;
    }
    if (match_text && match_from_text(match_text, &events->match, &reason) != 0) {
        exit_code = cli_args_refuse(VERB, reason, match_text);
    } else {
        exit_code = run(events, path);
    }
    free(events);
    return exit_code;
}
