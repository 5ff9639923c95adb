#include "shared/cli/verbs.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/cli_stream.h"
#include "shared/cli/event_filter.h"
#include "shared/cli/interrupt.h"
#include "shared/cli/output_watch.h"
#include "shared/core/board_table.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/match.h"
#include "shared/core/request.h"

#define VERB "events"
#define RESUME_ID "since"
/* How long an agent has to answer whether it goes on where it was asked to. */
#define EVENTS_ANSWER_MS 5000u
/* How far behind the present an agent is asked for what was before the line that was seen last: as
 * far as it keeps events (docs/events.md), less those that may come before it reads the question.
 */
#define EVENTS_HISTORY 1000u
/* What is held until then: a snapshot, and what happens meanwhile. */
#define EVENTS_HELD_MAX (2 * (size_t)EVENT_JSON_LINE_MAX)
/* The agent's last line is short, and that of a board is not: they are told apart unread. */
#define DROPPED_LINE_MAX 256u

static const char help[] =
    "Usage: ttyferry events [--match MATCH] [--since RUN:SEQ] [--stream PATH]\n\n"
    "Prints the live event stream of this machine's agent until it is interrupted: one JSON\n"
    "object a line, first a snapshot of all boards, then every change.\n\n"
    "  --match MATCH    only the boards that fit; \"snapshot\" and \"link\" always come\n"
    "  --since RUN:SEQ  go on behind the line that has this \"run\" and \"seq\": prints what was\n"
    "                   missed instead of a snapshot. Where the agent can't (it was restarted, or\n"
    "                   more than 1,024 events ago), stderr says so, and the snapshot comes.\n"
    "                   With a MATCH by COM port or name, which change, a board that arrived\n"
    "                   longer ago than that may have fitted, and passes until it is removed\n"
    /* The lines that verbs share. */
    CLI_STREAM_OPTION_HELP "\n" CLI_STREAM_MATCH_HELP "\n"
    "Exit codes: 0 interrupted, or nobody reads its output any more; 1 failed, 2 usage,\n"
    "4 no agent, or it has ended.\n";

/* The lines that have come before it is known what they are good for, each with its LF. */
struct held {
    char *text;
    size_t len;
    size_t size;
};

struct options {
    struct match match;
    bool has_since;
    struct request since;
    const char *path;
};

struct events {
    struct options options;
    uv_loop_t loop;
    struct interrupt interrupt;
    uv_timer_t answer_limit;
    struct output_watch output;
    struct conn *conn;
    char path[CLI_STREAM_PATH_SIZE];
    struct event_filter filter;
    bool asking;        /* the agent has not answered yet whether it can resume */
    uint64_t asked_seq; /* and behind which line, 0: it has not been asked */
    bool is_learning;   /* what comes was seen, and tells which boards have fitted */
    struct held held;
    int last_word; /* what the agent's last line meant, 0: it has not said any */
    bool ended;    /* exit_code is settled */
    int exit_code;
};

static void end(struct events *events, int exit_code)
{
    if (events->ended) {
        return;
    }
    events->ended = true;
    events->exit_code = exit_code;
    interrupt_stop(&events->interrupt);
    uv_close((uv_handle_t *)&events->answer_limit, NULL);
    output_watch_stop(&events->output);
    if (events->conn) {
        conn_close(events->conn, ERR_CANCELLED);
    }
}

static void print(struct events *events, const char *line, size_t len)
{
    int result = cli_output_line(line, len);

    /* That the reader has heard enough is a good end, as for any filter in a pipeline. */
    if (result == ERR_CLOSED || result == ERR_CANCELLED) {
        end(events, CLI_DONE);
    } else if (result != 0) {
        end(events, cli_output_conclude(VERB, result));
    }
}

/* Lets the filter see the line. Returns true if it is to be printed: as it is, or as `*rewritten`.
 */
static bool filter_line(struct events *events, const char *line, size_t len, char **rewritten,
                        size_t *rewritten_len)
{
    bool passes;
    int result = event_filter_look(&events->filter, line, len, &passes, rewritten, rewritten_len);

    if (result != 0) {
        cli_output_error(VERB, "the agent sent a line that makes no sense here: %s",
                         error_text(result));
        end(events, CLI_FAILED);
        return false;
    }
    return passes;
}

static void show(struct events *events, const char *line, size_t len)
{
    char *rewritten;
    size_t rewritten_len;

    if (filter_line(events, line, len, &rewritten, &rewritten_len)) {
        print(events, rewritten ? rewritten : line, rewritten ? rewritten_len - 1 : len);
        free(rewritten);
    }
}

/* --- Resuming --------------------------------------------------------------------------------- */

static void hold(struct events *events, const char *line, size_t len)
{
    struct held *held = &events->held;
    size_t needed = held->len + len + 1;

    if (needed > held->size) {
        size_t size = needed > 2 * held->size ? needed : 2 * held->size;
        char *grown = needed <= EVENTS_HELD_MAX ? realloc(held->text, size) : NULL;

        if (!grown) {
            cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
            end(events, CLI_FAILED);
            return;
        }
        held->text = grown;
        held->size = size;
    }
    memcpy(held->text + held->len, line, len);
    held->text[held->len + len] = '\n';
    held->len = needed;
}

static void forget_held(struct events *events)
{
    free(events->held.text);
    events->held = (struct held){.text = NULL};
}

static void show_held(struct events *events)
{
    const char *line = events->held.text;
    const char *end_of_text = line + events->held.len;

    while (line < end_of_text && !events->ended) {
        const char *line_end = memchr(line, '\n', (size_t)(end_of_text - line));

        show(events, line, (size_t)(line_end - line));
        line = line_end + 1;
    }
    forget_held(events);
}

/* If it fails, the connection is closing. */
static int ask(struct events *events, uint64_t seq)
{
    struct request request = events->options.since;
    char *line;
    size_t len;
    int result;

    request.seq = seq;
    events->asked_seq = seq;
    result = request_to_line(&request, &line, &len);
    if (result == 0) {
        result = conn_write(events->conn, line, len);
        free(line);
    } else {
        conn_close(events->conn, result);
    }
    return result;
}

static void settle(struct events *events, const struct reply *reply)
{
    const struct request *since = &events->options.since;
    bool is_refused = reply->outcome.code[0] != '\0';

    if (is_refused && events->asked_seq < since->seq) {
        ask(events, since->seq);
        return;
    }
    events->asking = false;
    uv_timer_stop(&events->answer_limit);
    if (is_refused) {
        cli_output_error(VERB, "cannot go on behind %s:%llu, beginning from a snapshot: %s (%s)",
                         since->run, (unsigned long long)since->seq, reply->outcome.message,
                         reply->outcome.code);
        show_held(events);
        return;
    }
    events->is_learning = events->asked_seq < since->seq;
    event_filter_resume(&events->filter);
    forget_held(events); /* It counts as not said. */
}

/* Reads the stamp of a line. Returns false for one that has none. */
static bool read_stamp(const char *line, size_t len, struct event_stamp *stamp)
{
    struct board_table boards;
    struct event event;
    bool is_read;

    board_table_init(&boards);
    is_read = event_json_to_event(line, len, &event, &boards) == 0;
    board_table_finish(&boards);
    if (is_read) {
        *stamp = event.stamp;
    }
    return is_read;
}

/* Where to go on from, so that it is told too which boards have fitted. `line` is the first that
 * the agent sent, and says how far it is. */
static uint64_t find_start(const struct events *events, const char *line, size_t len)
{
    const struct request *since = &events->options.since;
    struct event_stamp now;
    uint64_t start;

    if (!read_stamp(line, len, &now) || strcmp(now.run, since->run) != 0 || now.seq < since->seq) {
        return since->seq;
    }
    start = now.seq > EVENTS_HISTORY ? now.seq - EVENTS_HISTORY : 1;
    return start < since->seq ? start : since->seq;
}

static void take_while_asking(struct events *events, const char *line, size_t len)
{
    struct reply reply;

    if (reply_from_line(line, len, &reply) == 0) {
        settle(events, &reply);
        return;
    }
    hold(events, line, len);
    if (events->asked_seq == 0 && !events->ended) {
        ask(events, find_start(events, line, len));
    }
}

/* Returns true for a line that was seen before. */
static bool learn(struct events *events, const char *line, size_t len)
{
    struct event_stamp stamp;
    char *rewritten;
    size_t unused;

    if (!events->is_learning) {
        return false;
    }
    if (read_stamp(line, len, &stamp) && stamp.seq > events->options.since.seq) {
        events->is_learning = false;
        return false;
    }
    if (filter_line(events, line, len, &rewritten, &unused)) {
        free(rewritten);
    }
    return true;
}

static void on_answer_limit(uv_timer_t *timer)
{
    struct events *events = timer->data;

    cli_output_error(VERB, "the agent at %s does not answer", events->path);
    end(events, CLI_FAILED);
}

/* Only where a board may have lost what it fitted by, what was before matters. */
static int begin_to_ask(struct events *events)
{
    events->asking = true;
    uv_timer_start(&events->answer_limit, on_answer_limit, EVENTS_ANSWER_MS, 0);
    return match_can_lose(&events->options.match) ? 0 : ask(events, events->options.since.seq);
}

/* --- The stream ------------------------------------------------------------------------------- */

static bool is_last_word(struct events *events, const char *line, size_t len)
{
    struct board_table boards;
    struct event event;
    bool is_it;

    if (len > DROPPED_LINE_MAX) {
        return false;
    }
    board_table_init(&boards);
    is_it = event_json_to_event(line, len, &event, &boards) == 0 && event.type == EVENT_DROPPED;
    board_table_finish(&boards);
    if (is_it) {
        events->last_word = cli_stream_dropped(&event);
    }
    return is_it;
}

static void on_line(void *context, char *line, size_t len)
{
    struct events *events = context;

    bool is_last = is_last_word(events, line, len);

    if (!is_last && events->asking) {
        take_while_asking(events, line, len);
    } else if (is_last || !learn(events, line, len)) {
        show(events, line, len);
    }
}

static void on_closed(void *context, int error)
{
    struct events *events = context;

    events->conn = NULL;
    if (!events->ended) {
        int why = events->last_word != 0 ? events->last_word : error;

        end(events, cli_stream_explain_end(VERB, events->path, why));
    }
}

static const struct conn_callbacks conn_callbacks = {.on_line = on_line, .on_closed = on_closed};

static void on_enough(void *context)
{
    end(context, CLI_DONE);
}

static int run(struct events *events)
{
    static const int signals[] = {SIGINT, 0};
    int result;

    if (uv_loop_init(&events->loop) != 0) {
        cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
        return CLI_FAILED;
    }
    interrupt_start(&events->loop, &events->interrupt, signals, on_enough, events);
    uv_timer_init(&events->loop, &events->answer_limit);
    events->answer_limit.data = events;
    output_watch_start(&events->loop, &events->output, on_enough, events);
    result = cli_stream_open(&events->loop, events->options.path, &conn_callbacks, events,
                             events->path, &events->conn);
    if (result == 0 && events->options.has_since) {
        result = begin_to_ask(events);
    }
    if (result != 0) {
        end(events, cli_stream_explain(VERB, events->path, result));
    }
    uv_run(&events->loop, UV_RUN_DEFAULT);
    uv_loop_close(&events->loop);
    return events->exit_code;
}

/* Returns true to go on; false when the verb ends with `*exit_code`. */
static bool read_options(int argc, char **argv, struct options *options, int *exit_code)
{
    const char *match = NULL;
    const char *since = NULL;
    const char *reason;
    const struct cli_option table[] = {
        {.name = "--match", .value = &match},
        {.name = "--since", .value = &since},
        {.name = "--stream", .value = &options->path},
        {.name = NULL},
    };
    const struct cli_args args = {.verb = VERB, .help = help, .options = table};

    if (!cli_args_parse(&args, argc, argv, exit_code)) {
        return false;
    }
    if (match && match_from_text(match, &options->match, &reason) != 0) {
        *exit_code = cli_args_refuse(VERB, reason, match);
        return false;
    }
    if (since && request_resume_from_text(since, RESUME_ID, &options->since) != 0) {
        *exit_code = cli_args_refuse(VERB,
                                     "--since wants \"run\" and \"seq\" of a line of the stream, "
                                     "such as 8c1f6a0be97d2c43:41",
                                     since);
        return false;
    }
    options->has_since = since != NULL;
    return true;
}

int verb_events(int argc, char **argv)
{
    struct events *events = calloc(1, sizeof *events);
    int exit_code;

    if (!events) {
        cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
        return CLI_FAILED;
    }
    if (read_options(argc, argv, &events->options, &exit_code)) {
        event_filter_init(&events->filter, &events->options.match);
        exit_code = run(events);
        event_filter_finish(&events->filter);
    }
    free(events->held.text);
    free(events);
    return exit_code;
}
