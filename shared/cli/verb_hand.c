/* `yield`, `take` and `kick`: what a user asks of the agent. */
#include "shared/cli/verbs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_ambiguity.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/stream_reader.h"
#include "shared/core/error.h"
#include "shared/core/match.h"
#include "shared/core/text.h"

/* For the snapshot, the answer, and until the guest has let go of a board: the kernel may take
 * long over one that does not answer. */
#define HAND_LIMIT_MS 40000u

#define HAND_EXIT_HELP                                                                             \
    "Exit codes: 0 done, 1 failed, 2 usage, or MATCH fits several boards, 3 not done within\n"     \
    "40 s, 4 no agent.\n"

static const char yield_help[] =
    "Usage: ttyferry yield MATCH [--stream PATH]\n\n"
    "Gives a board to Windows, and returns when the guest has let go of it; Windows has it about\n"
    "a second later. It stays there, over resets and replugs and with all identities of its\n"
    "name, until \"ttyferry take\" or the end of the agent at Windows.\n\n" CLI_STREAM_OPTION_HELP
    "\n" CLI_STREAM_MATCH_HELP "\n" HAND_EXIT_HELP;

static const char take_help[] =
    "Usage: ttyferry take MATCH [--stream PATH]\n\n"
    "Gives a board that was yielded to the guest again; \"ttyferry wait\" tells when it is "
    "ready.\n\n" CLI_STREAM_OPTION_HELP "\n" CLI_STREAM_MATCH_HELP "\n" HAND_EXIT_HELP;

static const char kick_help[] =
    "Usage: ttyferry kick [--stream PATH]\n\n"
    "Makes the agent look for the guest at once.\n\n" CLI_STREAM_OPTION_HELP "\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 4 no agent.\n";

struct hand {
    const char *verb;
    struct request request;
    const char *match_text; /* NULL: the request is about no board */
    struct match match;
    const char *stream;
    uv_loop_t loop;
    uv_timer_t limit;
    struct stream_reader *reader;
    char path[CLI_STREAM_PATH_SIZE];
    bool has_asked;
    bool is_granted;
    bool ended; /* exit_code is settled */
    int exit_code;
};

static void end(struct hand *hand, int exit_code)
{
    if (hand->ended) {
        return;
    }
    hand->ended = true;
    hand->exit_code = exit_code;
    uv_close((uv_handle_t *)&hand->limit, NULL);
    if (hand->reader) {
        stream_reader_close(hand->reader, ERR_CANCELLED);
    }
}

/* Returns true when the request names the one board that is meant. */
static bool find_board(struct hand *hand)
{
    const struct board_table *boards = stream_reader_boards(hand->reader);
    const struct board *found = NULL;
    size_t count = 0;

    for (size_t i = 0; i < boards->count; i++) {
        if (match_check(&hand->match, boards->items[i])) {
            found = boards->items[i];
            count++;
        }
    }
    if (count == 0) {
        cli_output_error(hand->verb, "no board fits \"%s\" (see \"ttyferry list\")",
                         hand->match_text);
        end(hand, CLI_FAILED);
    } else if (count > 1) {
        cli_ambiguity_say(hand->verb, hand->match_text, &hand->match, boards);
        end(hand, CLI_USAGE);
    } else {
        text_copy(hand->request.board, sizeof hand->request.board, found->id);
    }
    return count == 1;
}

static void end_when_settled(struct hand *hand)
{
    const struct board *board =
        board_table_find(stream_reader_boards(hand->reader), hand->request.board);
    bool is_with_guest =
        board && (board->state == BOARD_STATE_READY || board->state == BOARD_STATE_ATTACHING);

    if (hand->is_granted && (hand->request.type != REQUEST_YIELD || !is_with_guest)) {
        end(hand, CLI_DONE);
    }
}

static void on_change(void *context, struct stream_reader *reader)
{
    struct hand *hand = context;

    if (hand->ended) {
        return;
    }
    if (hand->has_asked) {
        end_when_settled(hand);
    } else if (!hand->match_text || find_board(hand)) {
        hand->has_asked = true;
        stream_reader_ask(reader, &hand->request); /* A failure ends in on_closed. */
    }
}

static void on_reply(void *context, struct stream_reader *reader, const struct reply *reply)
{
    struct hand *hand = context;
    const struct request_outcome *outcome = &reply->outcome;

    (void)reader;
    if (hand->ended) {
        return;
    }
    if (outcome->code[0] == '\0') {
        hand->is_granted = true;
        end_when_settled(hand);
        return;
    }
    cli_output_error(hand->verb, "%s%s%s", outcome->message, outcome->remedy[0] != '\0' ? ": " : "",
                     outcome->remedy);
    end(hand, CLI_FAILED);
}

static void on_closed(void *context, int error)
{
    struct hand *hand = context;

    hand->reader = NULL;
    if (!hand->ended) {
        end(hand, cli_stream_explain_end(hand->verb, hand->path, error));
    }
}

static const struct stream_reader_callbacks reader_callbacks = {
    .on_change = on_change,
    .on_reply = on_reply,
    .on_closed = on_closed,
};

static void on_limit(uv_timer_t *timer)
{
    struct hand *hand = timer->data;

    cli_output_error(hand->verb, "%s",
                     hand->is_granted ? "the guest has not let go of the board yet"
                                      : "the agent does not answer");
    end(hand, CLI_TIMED_OUT);
}

static int run(struct hand *hand)
{
    int result;

    if (uv_loop_init(&hand->loop) != 0) {
        cli_output_error(hand->verb, "%s", error_text(ERR_NOMEM));
        return CLI_FAILED;
    }
    uv_timer_init(&hand->loop, &hand->limit);
    hand->limit.data = hand;
    result = stream_reader_open(&hand->loop, hand->stream, &reader_callbacks, hand, hand->path,
                                &hand->reader);
    if (result != 0) {
        end(hand, cli_stream_explain(hand->verb, hand->path, result));
    } else {
        uv_timer_start(&hand->limit, on_limit, HAND_LIMIT_MS, 0);
    }
    uv_run(&hand->loop, UV_RUN_DEFAULT);
    uv_loop_close(&hand->loop);
    return hand->exit_code;
}

static int run_verb(int argc, char **argv, const char *help, bool has_match, struct hand *hand)
{
    const struct cli_option options[] = {
        {.name = "--stream", .value = &hand->stream},
        {.name = NULL},
    };
    const struct cli_args args = {
        .verb = hand->verb,
        .help = help,
        .options = options,
        .operand_name = has_match ? "MATCH" : NULL,
        .operand = &hand->match_text,
    };
    const char *reason;
    int exit_code;

    if (!cli_args_parse(&args, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (has_match && match_from_text(hand->match_text, &hand->match, &reason) != 0) {
        return cli_args_refuse(hand->verb, reason, hand->match_text);
    }
    return run(hand);
}

int verb_yield(int argc, char **argv)
{
    struct hand hand = {.verb = "yield", .request = {.type = REQUEST_YIELD}};

    return run_verb(argc, argv, yield_help, true, &hand);
}

int verb_take(int argc, char **argv)
{
    struct hand hand = {.verb = "take", .request = {.type = REQUEST_TAKE}};

    return run_verb(argc, argv, take_help, true, &hand);
}

int verb_kick(int argc, char **argv)
{
    struct hand hand = {.verb = "kick", .request = {.type = REQUEST_KICK}};

    return run_verb(argc, argv, kick_help, false, &hand);
}
