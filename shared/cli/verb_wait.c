#include "shared/cli/verbs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_ambiguity.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/cli_side.h"
#include "shared/cli/cli_stream.h"
#include "shared/cli/event_filter.h"
#include "shared/cli/stream_reader.h"
#include "shared/cli/wait_reason.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/match.h"

#define VERB "wait"
/* How often a vanished agent is looked for again. */
#define WAIT_RETRY_MS 250u
/* With --timeout 0, how long a connected agent has for its snapshot. */
#define WAIT_SNAPSHOT_MS 5000u
#define WAIT_TIMEOUT_MAX_S 1000000.0

static const char help[] =
    "Usage: ttyferry wait MATCH [--state ready|gone] [--timeout S] [--json] [--stream PATH]\n"
    "\n"
    "Blocks until the board is ready to be used in Linux, and prints the path of its tty and a\n"
    "line feed, nothing else: the first one if it has several, its USB node if it has none. A\n"
    "board that fits once is meant until it is removed, though it may lose its COM port.\n"
    "\n"
    "  --state gone     wait until no board fits MATCH any more; prints nothing. In the guest\n"
    "                   that is known while Windows is linked, or of a board that was there\n"
    "  --timeout S      give up after S seconds (decimals are welcome), and say what stood in\n"
    "                   the way; 0 looks once\n"
    "  --json           print a snapshot event with the fitting boards instead, on one line\n"
    /* The lines that verbs share. */
    CLI_STREAM_OPTION_HELP "\n" CLI_STREAM_MATCH_HELP "\n"
    "Exit codes: 0 done, 1 failed, 2 usage, or MATCH fits several boards, 3 timed out,\n"
    "4 no agent. Should the agent go away meanwhile, a wait with a timeout looks for it again\n"
    "until then; one without ends with 4.\n";

struct options {
    const char *match_text;
    struct match match;
    bool gone;
    bool has_timeout;
    uint64_t timeout_ms;
    bool json;
    const char *stream;
};

typedef int (*explain_fn)(const char *verb, const char *path, int error);

struct wait {
    struct options options;
    uv_loop_t loop;
    uv_timer_t timeout;
    uv_timer_t retry;
    struct stream_reader *reader; /* NULL while the agent is away */
    struct event_filter filter;   /* of the boards as the reader's last line left them */
    bool has_snapshot;            /* the reader has its boards */
    bool has_fitted;              /* one of them was meant */
    int last_error;               /* why there is no reader, or its forerunner ended; 0: none has */
    explain_fn explain;           /* says so */
    char path[CLI_STREAM_PATH_SIZE];
    bool ended; /* exit_code is settled */
    int exit_code;
};

static void end(struct wait *wait, int exit_code)
{
    if (wait->ended) {
        return;
    }
    wait->ended = true;
    wait->exit_code = exit_code;
    uv_close((uv_handle_t *)&wait->timeout, NULL);
    uv_close((uv_handle_t *)&wait->retry, NULL);
    if (wait->reader) {
        stream_reader_close(wait->reader, ERR_CANCELLED);
    }
}

static void end_after_output(struct wait *wait, int result)
{
    end(wait, cli_output_conclude(VERB, result));
}

static int print_json(struct wait *wait, const struct board_table *fitting)
{
    struct event snapshot;
    char *line;
    size_t len;
    int result;

    stream_reader_snapshot(wait->reader, &snapshot);
    snapshot.boards = fitting;
    result = event_json_from_event(&snapshot, &line, &len);
    if (result == 0) {
        result = cli_output_bytes(line, len);
        free(line);
    }
    return result;
}

static void print_node(struct wait *wait, const struct board *board)
{
    const char *node = board->ttys.count > 0 ? board->ttys.items[0].path : board->usb_node;

    if (node[0] == '\0') {
        cli_output_error(VERB, "\"%s\" is ready, but has neither a tty nor a USB node",
                         wait->options.match_text);
        end(wait, CLI_FAILED);
        return;
    }
    end_after_output(wait, cli_output_line(node, strlen(node)));
}

static void check_ready(struct wait *wait, const struct board_table *fitting)
{
    if (fitting->count > 1) {
        cli_ambiguity_say(VERB, wait->options.match_text, &wait->options.match, fitting);
        end(wait, CLI_USAGE);
    } else if (fitting->count == 0 || fitting->items[0]->state != BOARD_STATE_READY) {
        return;
    } else if (wait->options.json) {
        end_after_output(wait, print_json(wait, fitting));
    } else {
        print_node(wait, fitting->items[0]);
    }
}

/* Where boards are heard of over the link, that there is none may only mean that it is down: a
 * guest agent that has just started knows of no board until Windows has told. One that this very
 * stream has told of, and taken back, has gone. */
static bool is_known_to_be_gone(const struct wait *wait)
{
    struct event snapshot;

    stream_reader_snapshot(wait->reader, &snapshot);
    return cli_side_sees_boards || snapshot.link_up || wait->has_fitted;
}

static void check_gone(struct wait *wait, const struct board_table *fitting)
{
    if (fitting->count > 0) {
        wait->has_fitted = true;
    } else if (is_known_to_be_gone(wait)) {
        end_after_output(wait, wait->options.json ? print_json(wait, fitting) : 0);
    }
}

static void say_why(struct wait *wait)
{
    struct event snapshot;

    stream_reader_snapshot(wait->reader, &snapshot);
    snapshot.boards = &wait->filter.fitting;
    wait_reason_say(VERB, wait->options.match_text, wait->options.gone, &snapshot);
}

/* Nothing is known of any board: why not. */
static void say_unknown(const struct wait *wait)
{
    cli_output_error(VERB, "\"%s\" is not %s as far as is known:", wait->options.match_text,
                     wait->options.gone ? "gone" : "ready");
    if (wait->last_error != 0) {
        wait->explain(VERB, wait->path, wait->last_error);
    } else {
        cli_output_error(VERB, "the agent at %s does not answer", wait->path);
    }
}

static void time_out(struct wait *wait)
{
    if (wait->has_snapshot) {
        say_why(wait);
    } else {
        say_unknown(wait);
    }
    end(wait, CLI_TIMED_OUT);
}

static void on_change(void *context, struct stream_reader *reader)
{
    struct wait *wait = context;

    if (wait->ended) {
        return;
    }
    wait->has_snapshot = true;
    wait->last_error = 0;
    if (event_filter_follow(&wait->filter, stream_reader_boards(reader)) != 0) {
        cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
        end(wait, CLI_FAILED);
    } else if (wait->options.gone) {
        check_gone(wait, &wait->filter.fitting);
    } else {
        check_ready(wait, &wait->filter.fitting);
    }
    if (!wait->ended && wait->options.has_timeout && wait->options.timeout_ms == 0) {
        time_out(wait);
    }
}

static void on_timeout(uv_timer_t *timer)
{
    struct wait *wait = timer->data;

    if (wait->options.timeout_ms == 0) {
        cli_output_error(VERB, "the agent at %s does not answer", wait->path);
        end(wait, CLI_FAILED);
    } else {
        time_out(wait);
    }
}

static void on_retry(uv_timer_t *timer);

/* Whether it is worth looking for the agent again: an agent that is being restarted goes away for
 * a moment, a stream that makes no sense stays as it is. */
static bool may_come_back(const struct wait *wait, int error)
{
    return wait->options.has_timeout && wait->options.timeout_ms > 0 &&
           (error == ERR_CLOSED || error == ERR_NOT_FOUND || error == ERR_REFUSED ||
            error == ERR_BUSY);
}

/* The stream is of no use, or not there. */
static void lose_stream(struct wait *wait, int error, explain_fn explain)
{
    if (may_come_back(wait, error)) {
        wait->last_error = error;
        wait->explain = explain;
        uv_timer_start(&wait->retry, on_retry, WAIT_RETRY_MS, 0);
    } else {
        end(wait, explain(VERB, wait->path, error));
    }
}

static void on_closed(void *context, int error)
{
    struct wait *wait = context;

    wait->reader = NULL;
    wait->has_snapshot = false;
    wait->has_fitted = false;
    if (!wait->ended) {
        lose_stream(wait, error, cli_stream_explain_end);
    }
}

static const struct stream_reader_callbacks reader_callbacks = {
    .on_change = on_change,
    .on_closed = on_closed,
};

static int connect_reader(struct wait *wait)
{
    return stream_reader_open(&wait->loop, wait->options.stream, &reader_callbacks, wait,
                              wait->path, &wait->reader);
}

static void on_retry(uv_timer_t *timer)
{
    struct wait *wait = timer->data;
    int result = connect_reader(wait);

    if (result != 0) {
        lose_stream(wait, result, cli_stream_explain);
    }
}

static int run(struct wait *wait)
{
    int result;

    if (uv_loop_init(&wait->loop) != 0) {
        cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
        return CLI_FAILED;
    }
    uv_timer_init(&wait->loop, &wait->timeout);
    uv_timer_init(&wait->loop, &wait->retry);
    wait->timeout.data = wait;
    wait->retry.data = wait;
    result = connect_reader(wait);
    if (result != 0) {
        end(wait, cli_stream_explain(VERB, wait->path, result));
    } else if (wait->options.has_timeout) {
        uint64_t timeout_ms = wait->options.timeout_ms;

        uv_timer_start(&wait->timeout, on_timeout, timeout_ms ? timeout_ms : WAIT_SNAPSHOT_MS, 0);
    }
    uv_run(&wait->loop, UV_RUN_DEFAULT);
    uv_loop_close(&wait->loop);
    return wait->exit_code;
}

static int read_timeout(const char *text, struct options *options)
{
    char *rest;
    double seconds = strtod(text, &rest);

    if (rest == text || *rest != '\0' || !(seconds >= 0 && seconds <= WAIT_TIMEOUT_MAX_S)) {
        return cli_args_refuse(VERB, "--timeout wants seconds, such as 10 or 0.5", text);
    }
    options->has_timeout = true;
    options->timeout_ms = (uint64_t)(seconds * 1000);
    if (seconds > 0 && options->timeout_ms == 0) {
        options->timeout_ms = 1;
    }
    return CLI_DONE;
}

static int read_state(const char *text, struct options *options)
{
    options->gone = strcmp(text, "gone") == 0;
    return options->gone || strcmp(text, "ready") == 0
               ? CLI_DONE
               : cli_args_refuse(VERB, "--state wants ready or gone", text);
}

/* Returns true to go on; false when the verb ends with `*exit_code`. */
static bool read_options(int argc, char **argv, struct options *options, int *exit_code)
{
    const char *state = "ready";
    const char *timeout = NULL;
    const char *reason;
    const struct cli_option table[] = {
        {.name = "--state", .value = &state},
        {.name = "--timeout", .value = &timeout},
        {.name = "--json", .flag = &options->json},
        {.name = "--stream", .value = &options->stream},
        {.name = NULL},
    };
    const struct cli_args args = {
        .verb = VERB,
        .help = help,
        .options = table,
        .operand_name = "MATCH",
        .operand = &options->match_text,
    };

    if (!cli_args_parse(&args, argc, argv, exit_code)) {
        return false;
    }
    if (match_from_text(options->match_text, &options->match, &reason) != 0) {
        *exit_code = cli_args_refuse(VERB, reason, options->match_text);
        return false;
    }
    *exit_code = read_state(state, options);
    if (*exit_code == CLI_DONE && timeout) {
        *exit_code = read_timeout(timeout, options);
    }
    return *exit_code == CLI_DONE;
}

int verb_wait(int argc, char **argv)
{
    struct wait *wait = calloc(1, sizeof *wait);
    int exit_code;

    if (!wait) {
        cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
        return CLI_FAILED;
    }
    if (read_options(argc, argv, &wait->options, &exit_code)) {
        event_filter_init(&wait->filter, &wait->options.match);
        exit_code = run(wait);
        event_filter_finish(&wait->filter);
    }
    free(wait);
    return exit_code;
}
