#include "host-win/agent.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "host-win/board_teller.h"
#include "host-win/board_watch.h"
#include "host-win/distribution.h"
#include "host-win/guest_link.h"
#include "host-win/host_notice.h"
#include "host-win/pnp_listener.h"
#include "host-win/session.h"
#include "shared/core/board_names.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/stream/stream.h"

/* libuv gives the console's ways of saying "end" these names: Ctrl-C, Ctrl-Break, and the closing
 * of the window. */
static const int stop_signals[] = {SIGINT, SIGBREAK, SIGHUP};

enum { STOP_SIGNAL_COUNT = sizeof stop_signals / sizeof stop_signals[0] };

struct agent {
    const struct agent_options *options;
    char run[EVENT_RUN_SIZE];
    uv_loop_t loop;
    struct inbox *inbox;
    struct pnp_listener *listener;
    struct usbipd_watch *usbipd_watch;
    struct stream *stream;
    struct board_watch *watch;
    struct board_names names;
    struct board_teller *teller;
    struct guest_link *link;
    struct distribution *distribution;
    bool is_away; /* another session is the active one */
    uv_signal_t signals[STOP_SIGNAL_COUNT];
    bool stopping;
};

static void stop(struct agent *agent);

/* What tells its family may come after the board itself. */
static void name_board(struct agent *agent, enum pnp_change change, struct board *board)
{
    const struct board_family *worn =
        board_names_give(&agent->names, board_watch_boards(agent->watch), board);

    if (worn != NULL && change == PNP_CHANGE_ARRIVAL) {
        log_warning("%04x:%04x at %s may be \"%s\" too, which is another board's name now: tell "
                    "them apart with \"serial\" or \"port\" in the configuration",
                    board->vid, board->pid, board->busid, worn->name);
    }
}

static void tend_distribution(struct agent *agent, bool has_come)
{
    if (agent->distribution != NULL && !agent->stopping) {
        distribution_boards_changed(agent->distribution, has_come);
    }
}

static void on_change(void *context, enum pnp_change change, struct board *board)
{
    struct agent *agent = context;

    if (change == PNP_CHANGE_ARRIVAL || (change == PNP_CHANGE_UPDATE && board->name[0] == '\0')) {
        name_board(agent, change, board);
    }
    board_teller_change(agent->teller, change, board);
    tend_distribution(agent, change == PNP_CHANGE_ARRIVAL);
}

static void on_sharing(void *context, struct board *board, bool was_attached)
{
    struct agent *agent = context;

    board_teller_judge_anew(agent->teller, board, was_attached);
    tend_distribution(agent, false);
}

static const struct board_watch_callbacks watch_callbacks = {
    .on_change = on_change,
    .on_sharing = on_sharing,
};

/* This machine slept, or the guest's did: what is attached may be attached to nothing. */
static void on_link_gap(void *context)
{
    struct agent *agent = context;

    log_info("there was a gap in time; the guest looks whether its boards still answer");
    board_watch_doubt(agent->watch);
    guest_link_send_resumed(agent->link);
}

/* The other user's agent is to have what comes now. What is attached stays so: it may be in use,
 * and the keeper goes on with what it holds, but nothing is started. */
static void set_away(struct agent *agent, bool is_away)
{
    if (agent->is_away == is_away) {
        return;
    }
    agent->is_away = is_away;
    log_info(is_away ? "another session is the active one: letting the link go until this one is"
                     : "this session is the active one: looking for the guest");
    if (agent->link != NULL) {
        guest_link_rest(agent->link, is_away);
    }
    if (agent->distribution != NULL) {
        distribution_set_away(agent->distribution, is_away);
    }
}

static void on_notice(void *context, const void *item)
{
    struct agent *agent = context;
    const struct host_notice *notice = item;

    if (agent->stopping) {
        return;
    }
    if (notice->type == HOST_NOTICE_STOP) {
        log_info("asked to end");
        stop(agent);
        return;
    }
    if (notice->type == HOST_NOTICE_SESSION_ACTIVE || notice->type == HOST_NOTICE_SESSION_AWAY) {
        set_away(agent, notice->type == HOST_NOTICE_SESSION_AWAY);
        return;
    }
    if (notice->type == HOST_NOTICE_RESUMED) {
        on_link_gap(agent);
    }
    board_watch_notice(agent->watch, notice);
}

static void on_overflow(void *context, uint64_t lost)
{
    struct agent *agent = context;

    if (agent->stopping) {
        return;
    }
    log_warning("%llu notices of Windows came too fast; looking at everything anew",
                (unsigned long long)lost);
    board_watch_notices_lost(agent->watch);
    set_away(agent, !session_is_active());
}

static void publish_link(struct agent *agent, bool up)
{
    struct event event = {.type = EVENT_LINK, .link_up = up};

    text_copy(event.transport, sizeof event.transport, guest_link_transport(agent->link));
    text_copy(event.peer, sizeof event.peer, guest_link_peer(agent->link));
    stream_publish(agent->stream, &event);
}

static void on_link_up(void *context)
{
    struct agent *agent = context;

    publish_link(agent, true);
    board_teller_send_yields(agent->teller);
    guest_link_send_snapshot(agent->link, board_watch_boards(agent->watch),
                             board_watch_sharing(agent->watch));
    board_teller_send_yields(agent->teller);
}

/* The boards stay as they were told: a lost link loses no attachment. */
static void on_link_down(void *context)
{
    struct agent *agent = context;

    board_teller_link_down(agent->teller);
    board_watch_doubt(agent->watch);
    publish_link(agent, false);
}

static void on_link_report(void *context, const struct event *event)
{
    struct agent *agent = context;
    struct board *board = board_table_find(board_watch_boards(agent->watch), event->board.id);

    board_teller_report(agent->teller, event, board);
    board_watch_report(agent->watch, event);
    tend_distribution(agent, false);
}

static void on_link_request(void *context, const struct wire_message *message)
{
    struct agent *agent = context;
    struct request_outcome outcome = {.code = ""};

    board_teller_request(agent->teller, message->type == WIRE_YIELD ? REQUEST_YIELD : REQUEST_TAKE,
                         message->event.board.id, &outcome);
    guest_link_answer(agent->link, message->request, &outcome);
}

static void on_stream_request(void *context, uint64_t client, const struct request *request)
{
    struct agent *agent = context;
    struct request_outcome outcome = {.code = ""};

    if (agent->stopping || agent->link == NULL) {
        request_refuse(&outcome, "busy", "the agent is starting or ending", NULL);
    } else if (request->type == REQUEST_KICK) {
        log_info("asked to look for the guest at once");
        guest_link_kick(agent->link);
    } else {
        board_teller_request(agent->teller, request->type, request->board, &outcome);
    }
    stream_reply(agent->stream, client, request, &outcome);
}

static const struct guest_link_callbacks link_callbacks = {
    .on_up = on_link_up,
    .on_report = on_link_report,
    .on_request = on_link_request,
    .on_gap = on_link_gap,
    .on_down = on_link_down,
};

static void on_stop_signal(uv_signal_t *handle, int number)
{
    log_info("signal %d: ending", number);
    stop(handle->data);
}

/* What the link tells its last to. */
static void close_boards(struct agent *agent)
{
    if (agent->watch != NULL) {
        board_watch_close(agent->watch);
    }
    if (agent->teller != NULL) {
        board_teller_close(agent->teller);
    }
    if (agent->stream != NULL) {
        stream_close(agent->stream, NULL, NULL);
    }
}

static void on_link_closed(void *context)
{
    struct agent *agent = context;

    agent->link = NULL;
    close_boards(agent);
}

/* Closes what was opened, in reverse; the loop ends when the last handle has closed. Serves a
 * start that failed halfway too. */
static void stop(struct agent *agent)
{
    if (agent->stopping) {
        return;
    }
    agent->stopping = true;
    if (agent->listener != NULL) {
        pnp_listener_close(agent->listener);
    }
    if (agent->usbipd_watch != NULL) {
        usbipd_watch_close(agent->usbipd_watch);
    }
    if (agent->inbox != NULL) {
        inbox_close(agent->inbox);
    }
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        uv_close((uv_handle_t *)&agent->signals[i], NULL);
    }
    if (agent->link != NULL) {
        guest_link_close(agent->link, on_link_closed);
    } else {
        close_boards(agent);
    }
    if (agent->distribution != NULL) { /* A link that is closing starts no bridge any more. */
        distribution_close(agent->distribution);
    }
}

/* What libuv documents never to fail. */
static void start_signals(struct agent *agent)
{
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        uv_signal_init(&agent->loop, &agent->signals[i]);
        agent->signals[i].data = agent;
        uv_signal_start(&agent->signals[i], on_stop_signal, stop_signals[i]);
    }
}

static int failed(const char *what, int error)
{
    if (error != 0 && error != ERR_EXISTS) {
        log_error("%s: %s", what, error_text(error));
    }
    return error;
}

static int open_boards(struct agent *agent)
{
    int error = board_watch_open(&agent->loop, &agent->options->boards, &watch_callbacks, agent,
                                 &agent->watch);

    if (error == 0) {
        error = board_teller_open(&agent->loop, agent->stream, board_watch_boards(agent->watch),
                                  board_watch_sharing(agent->watch), &agent->teller);
    }
    return failed("the boards can't be watched", error);
}

static int listen_to_windows(struct agent *agent)
{
    int error = inbox_open(&agent->loop, sizeof(struct host_notice), HOST_NOTICE_INBOX_SIZE,
                           on_notice, on_overflow, agent, &agent->inbox);

    if (error == 0) {
        error =
            usbipd_watch_open(agent->options->boards.usbipd, agent->inbox, &agent->usbipd_watch);
    }
    if (error == 0) {
        error = pnp_listener_open(agent->inbox, &agent->listener);
    }
    return failed("Windows can't be listened to", error);
}

static int open_distribution(struct agent *agent)
{
    int error =
        distribution_open(&agent->loop, &agent->options->config, stream_boards(agent->stream),
                          agent->is_away, &agent->distribution);

    return failed("WSL can't be looked after", error);
}

static int open_link(struct agent *agent)
{
    const struct guest_link_options options = {
        .config = &agent->options->config,
        .key = &agent->options->key,
        .run = agent->run,
        .bridge = distribution_bridge(agent->distribution),
        .rests = agent->is_away,
    };
    int error = guest_link_open(&agent->loop, &options, &link_callbacks, agent, &agent->link);

    if (error == 0) {
        board_teller_set_link(agent->teller, agent->link);
        distribution_set_link(agent->distribution, agent->link);
    }
    return failed("the link to the guest can't be opened", error);
}

/* The stream comes first, for it tells whether there is an agent already. Everything that is
 * known is known before the guest hears of it: an empty snapshot would make it let go of boards. */
static int start(struct agent *agent)
{
    int error = stream_make_run(agent->run);

    if (error == 0) {
        error = stream_open(&agent->loop, agent->options->stream_path, NULL, agent->run,
                            &agent->stream);
    }
    if (error == 0) {
        stream_hear(agent->stream, on_stream_request, agent);
    }
    if (failed("the event stream can't be served", error) != 0 ||
        (error = open_boards(agent)) != 0 || (error = listen_to_windows(agent)) != 0) {
        return error;
    }
    board_watch_look(agent->watch);
    set_away(agent, !session_is_active());
    error = open_distribution(agent);
    return error != 0 ? error : open_link(agent);
}

static int run_loop(struct agent *agent)
{
    int error = uv_loop_init(&agent->loop) == 0 ? 0 : ERR_NOMEM;

    if (error != 0) {
        return failed("the event loop can't be made", error);
    }
    start_signals(agent);
    error = start(agent);
    if (error != 0) {
        stop(agent);
    } else {
        log_info("agent %s runs, its stream is %s", agent->run, agent->options->stream_path);
    }
    uv_run(&agent->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&agent->loop) != 0) {
        log_error("the event loop ended with handles still open; please report this");
        error = error != 0 ? error : ERR_IO;
    }
    return error;
}

int agent_run(const struct agent_options *options)
{
    struct agent *agent = calloc(1, sizeof *agent);
    int error;

    if (agent == NULL) {
        return ERR_NOMEM;
    }
    agent->options = options;
    board_names_init(&agent->names, &options->config.families);
    error = run_loop(agent);
    free(agent);
    return error;
}
