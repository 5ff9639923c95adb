#include "host-win/agent.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "host-win/board_news.h"
#include "host-win/guest_link.h"
#include "host-win/host_notice.h"
#include "host-win/pnp_device.h"
#include "host-win/pnp_listener.h"
#include "host-win/usbipd_health.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/pnp_tracker.h"
#include "shared/core/text.h"
#include "shared/stream/stream.h"

/* libuv gives the console's ways of saying "end" these names: Ctrl-C, Ctrl-Break, and the closing
 * of the window. */
static const int stop_signals[] = {SIGINT, SIGBREAK, SIGHUP};

/* Windows refused to enumerate its devices: how long until it is asked again. */
#define LOOK_RETRY_MS 1000

/* While a board is the user's until the service ends: how often it is looked at. An update of
 * usbipd-win detaches everything, and then ends the service for a moment. */
#define SERVICE_LOOK_SOON_MS 500
#define SERVICE_LOOK_MS 5000
#define SERVICE_SOON_MS 30000

enum { STOP_SIGNAL_COUNT = sizeof stop_signals / sizeof stop_signals[0] };

struct agent {
    const struct agent_options *options;
    char run[EVENT_RUN_SIZE];
    uv_loop_t loop;
    struct inbox *inbox;
    struct pnp_listener *listener;
    struct usbipd_watch *watch;
    struct guest_link *link;
    struct stream *stream;
    struct pnp_scan last_scan;
    struct pnp_tracker tracker; /* its boards' state is that of sharing_judge */
    struct sharing sharing;
    enum usbipd_health usbipd_health; /* as the log has it */
    struct board_news news;
    uv_timer_t look_timer; /* mostly due at once: one look for all the notices of a drain */
    uv_timer_t news_timer;
    uv_timer_t away_timer; /* a board that usbipd has taken away, or is giving back, may be gone */
    uv_signal_t signals[STOP_SIGNAL_COUNT];
    uint64_t yielded_ms; /* when the last board was */
    bool devices_changed;
    bool stopping;
};

static void stop(struct agent *agent);

/* Where the board stands for the readers of our stream. */
static enum board_state told_state(const struct agent *agent, const char *id)
{
    const struct board *told = board_table_find(stream_boards(agent->stream), id);

    return told != NULL ? told->state : BOARD_STATE_GONE;
}

static void publish(void *context, const struct event *event)
{
    struct agent *agent = context;

    stream_publish(agent->stream, event);
}

static void on_news_timer(uv_timer_t *timer);

static void schedule_news(struct agent *agent)
{
    int64_t deadline_ms = board_news_deadline(&agent->news);
    int64_t now_ms = (int64_t)uv_now(&agent->loop);

    if (deadline_ms < 0 || agent->stopping) {
        uv_timer_stop(&agent->news_timer);
    } else {
        uv_timer_start(&agent->news_timer, on_news_timer,
                       deadline_ms > now_ms ? (uint64_t)(deadline_ms - now_ms) : 0, 0);
    }
}

static void on_news_timer(uv_timer_t *timer)
{
    struct agent *agent = timer->data;

    board_news_expire(&agent->news, (int64_t)uv_now(&agent->loop));
    schedule_news(agent);
}

static void log_board(const char *what, const struct board *board)
{
    log_info("%04x:%04x %s %s (%s, %s, busid %s)", board->vid, board->pid, what, board->description,
             board->com_port[0] != '\0' ? board->com_port : "no COM port",
             board_state_to_name(board->state), board->busid[0] != '\0' ? board->busid : "none");
}

static void send_to_guest(struct agent *agent, enum wire_type type, const struct board *board)
{
    if (agent->link == NULL) {
        return; /* The first scan: the snapshot will tell. */
    }
    guest_link_send(agent->link, type, board, &agent->sharing);
    if (type != WIRE_REMOVAL) {
        guest_link_kick(agent->link);
    }
}

static void on_look(uv_timer_t *timer);

/* What the user has taken from the guest stays with Windows. */
static enum board_state judge(const struct agent *agent, const struct board *board)
{
    return board->state == BOARD_STATE_YIELDED ? BOARD_STATE_YIELDED
                                               : sharing_judge(&agent->sharing, board);
}

static void handle_arrival(struct agent *agent, struct board *board)
{
    board->state = sharing_judge(&agent->sharing, board);
    log_board("came:", board);
    board_news_arrival(&agent->news, board);
    send_to_guest(agent, WIRE_ARRIVAL, board);
}

static void handle_update(struct agent *agent, struct board *board)
{
    enum board_state was = board->state;
    enum board_state told = told_state(agent, board->id);
    bool is_guests = told == BOARD_STATE_READY || told == BOARD_STATE_ATTACHING;

    board->state = judge(agent, board);
    log_board("is now:", board);
    board_news_update(&agent->news, board,
                      board->state == BOARD_STATE_NEEDS_SHARING &&
                          was != BOARD_STATE_NEEDS_SHARING && !is_guests);
    send_to_guest(agent, WIRE_UPDATE, board);
}

static void handle_removal(struct agent *agent, const struct board *board)
{
    bool awaits_detached = agent->link != NULL && guest_link_is_up(agent->link) &&
                           told_state(agent, board->id) == BOARD_STATE_READY;

    log_board("went:", board);
    send_to_guest(agent, WIRE_REMOVAL, board);
    board_news_removal(&agent->news, board->id, awaits_detached, (int64_t)uv_now(&agent->loop));
    schedule_news(agent);
}

/* The guest need not wait for its next try. */
static void handle_return(struct agent *agent, const struct board *board)
{
    log_board("is Windows' again:", board);
    send_to_guest(agent, WIRE_ARRIVAL, board);
}

/* Tells on our stream and the guest's that the board is the user's, or no longer. */
static void tell_hand(struct agent *agent, enum event_type type, const struct board *board)
{
    struct event event = {.type = type, .board = *board};

    text_copy(event.until, sizeof event.until, type == EVENT_YIELDED ? "replug" : "");
    stream_publish(agent->stream, &event);
    guest_link_send_event(agent->link, type == EVENT_YIELDED ? WIRE_YIELDED : WIRE_TAKEN, &event);
    send_to_guest(agent, WIRE_UPDATE, board);
}

/* `usbipd detach`: somebody wants it at Windows. When the service ends it detaches everything in
 * the same way, and wants nothing. */
static void handle_given_up(struct agent *agent, struct board *board)
{
    if (board->state != BOARD_STATE_WAITING || !agent->sharing.running) {
        handle_return(agent, board);
        return;
    }
    board->state = BOARD_STATE_YIELDED;
    log_board("was detached by hand and stays with Windows until it is plugged in anew:", board);
    tell_hand(agent, EVENT_YIELDED, board);
    agent->yielded_ms = uv_now(&agent->loop);
    uv_timer_start(&agent->look_timer, on_look, SERVICE_LOOK_SOON_MS, 0);
}

static void on_change(void *context, enum pnp_change change, struct board *board)
{
    struct agent *agent = context;

    switch (change) {
    case PNP_CHANGE_ARRIVAL:
        handle_arrival(agent, board);
        break;
    case PNP_CHANGE_UPDATE:
        handle_update(agent, board);
        break;
    case PNP_CHANGE_RETURN:
        handle_return(agent, board);
        break;
    case PNP_CHANGE_GIVEN_UP:
        handle_given_up(agent, board);
        break;
    case PNP_CHANGE_REMOVAL:
        handle_removal(agent, board);
        break;
    }
}

static void on_away_timer(uv_timer_t *timer);

static void track(struct agent *agent, struct pnp_event event)
{
    int64_t now_ms = (int64_t)uv_now(&agent->loop);
    int64_t deadline_ms;
    int error;

    event.now_ms = now_ms;
    error = pnp_tracker_handle(&agent->tracker, &event, on_change, agent);
    if (error != 0) {
        log_error("some boards can't be followed: %s", error_text(error));
    }
    deadline_ms = pnp_tracker_deadline(&agent->tracker);
    if (deadline_ms == PNP_CLAIMS_NEVER || agent->stopping) {
        uv_timer_stop(&agent->away_timer);
    } else {
        uv_timer_start(&agent->away_timer, on_away_timer,
                       deadline_ms > now_ms ? (uint64_t)(deadline_ms - now_ms) : 0, 0);
    }
}

static void on_away_timer(uv_timer_t *timer)
{
    track(timer->data, (struct pnp_event){.type = PNP_EVENT_TICK});
}

/* Returns true if the scan says something. */
static bool scan_devices(const struct agent *agent, struct pnp_scan *scan)
{
    int error = pnp_device_scan(&agent->last_scan, scan);

    if (error != 0) {
        log_error("the scan of the USB devices failed: %s", error_text(error));
    }
    return error == 0 || error == ERR_FULL;
}

/* Somebody else got or gave up the board that the guest is after. */
static void handle_other_client(struct agent *agent, const struct board *board)
{
    enum board_state told = told_state(agent, board->id);
    bool has_other = sharing_attached_to(&agent->sharing, board->id)[0] != '\0';

    if (told == BOARD_STATE_FAILED) {
        send_to_guest(agent, has_other ? WIRE_UPDATE : WIRE_ARRIVAL, board);
    }
}

static void judge_anew(struct agent *agent, struct board *board, bool was_attached)
{
    bool is_attached = sharing_attached_to(&agent->sharing, board->id)[0] != '\0';

    if (board->state == BOARD_STATE_YIELDED && !agent->sharing.running) {
        board->state = sharing_judge(&agent->sharing, board);
        log_board("is taken again, for usbipd's service has ended:", board);
        tell_hand(agent, EVENT_TAKEN, board);
    } else if (judge(agent, board) != board->state) {
        handle_update(agent, board);
    } else if (board->state == BOARD_STATE_WAITING && is_attached != was_attached) {
        handle_other_client(agent, board);
    }
}

static void read_sharing(struct agent *agent)
{
    struct board_table *boards = &agent->tracker.boards;
    bool was_attached[BOARD_TABLE_MAX] = {false};

    for (size_t i = 0; i < boards->count; i++) {
        was_attached[i] = sharing_attached_to(&agent->sharing, boards->items[i]->id)[0] != '\0';
    }
    usbipd_read(agent->options->usbipd, &agent->sharing);
    for (size_t i = 0; i < boards->count; i++) {
        judge_anew(agent, boards->items[i], was_attached[i]);
    }
}

static void note_clients(struct agent *agent)
{
    track(agent, (struct pnp_event){.type = PNP_EVENT_NOTED,
                                    .captures = agent->sharing.captures,
                                    .capture_count = agent->sharing.capture_count});
}

static bool has_yielded_boards(const struct agent *agent)
{
    for (size_t i = 0; i < agent->tracker.boards.count; i++) {
        if (agent->tracker.boards.items[i]->state == BOARD_STATE_YIELDED) {
            return true;
        }
    }
    return false;
}

/* Sharing is read in any case, for the notice of a change may still be on its way, and of the
 * service's end there is none; and after the devices, so that a board which was shared before it
 * came is never told as one that is not. */
static void look(struct agent *agent)
{
    struct pnp_scan scan;
    bool has_scan;

    pnp_scan_init(&scan);
    has_scan = agent->devices_changed && scan_devices(agent, &scan);
    read_sharing(agent);
    usbipd_health_tell(&agent->sharing, &agent->usbipd_health);
    if (has_scan) {
        agent->devices_changed = false;
        track(agent, (struct pnp_event){.type = PNP_EVENT_SCANNED,
                                        .scan = &scan,
                                        .captures = agent->sharing.captures,
                                        .capture_count = agent->sharing.capture_count});
        pnp_scan_finish(&agent->last_scan);
        agent->last_scan = scan;
        note_clients(agent);
        return;
    }
    note_clients(agent);
    pnp_scan_finish(&scan);
    if (agent->devices_changed) {
        uv_timer_start(&agent->look_timer, on_look, LOOK_RETRY_MS, 0);
    }
}

/* Windows does not tell that the service has ended. */
static void watch_service(struct agent *agent)
{
    bool is_soon = uv_now(&agent->loop) - agent->yielded_ms < SERVICE_SOON_MS;

    if (has_yielded_boards(agent) && !uv_is_active((uv_handle_t *)&agent->look_timer)) {
        uv_timer_start(&agent->look_timer, on_look,
                       is_soon ? SERVICE_LOOK_SOON_MS : SERVICE_LOOK_MS, 0);
    }
}

static void on_look(uv_timer_t *timer)
{
    look(timer->data);
    watch_service(timer->data);
}

/* This machine slept, or the guest's did: what went meanwhile was nobody's wish, and what is
 * attached may be attached to nothing. */
static void on_link_gap(void *context)
{
    struct agent *agent = context;

    log_info("there was a gap in time; the guest looks whether its boards still answer");
    track(agent, (struct pnp_event){.type = PNP_EVENT_DOUBTED});
    guest_link_send_resumed(agent->link);
}

static void on_notice(void *context, const void *item)
{
    struct agent *agent = context;
    const struct host_notice *notice = item;

    if (agent->stopping) {
        return;
    }
    switch (notice->type) {
    case HOST_NOTICE_BOARD_ARRIVED:
        track(agent, (struct pnp_event){.type = PNP_EVENT_ARRIVED, .id = notice->id});
        agent->devices_changed = true;
        break;
    case HOST_NOTICE_BOARD_REMOVED:
        track(agent, (struct pnp_event){.type = PNP_EVENT_REMOVED, .id = notice->id});
        agent->devices_changed = true;
        break;
    case HOST_NOTICE_DEVICES_CHANGED:
        agent->devices_changed = true;
        break;
    case HOST_NOTICE_SHARING_CHANGED:
        /* Read at once, for what goes first, a board or the note of its client, says why it goes.
         */
        read_sharing(agent);
        note_clients(agent);
        break;
    case HOST_NOTICE_RESUMED:
        on_link_gap(agent);
        agent->devices_changed = true;
        break;
    case HOST_NOTICE_STOP:
        log_info("asked to end");
        stop(agent);
        return;
    }
    uv_timer_start(&agent->look_timer, on_look, 0, 0);
}

static void on_overflow(void *context, uint64_t lost)
{
    struct agent *agent = context;

    if (agent->stopping) {
        return;
    }
    log_warning("%llu notices of Windows came too fast; looking at everything anew",
                (unsigned long long)lost);
    track(agent, (struct pnp_event){.type = PNP_EVENT_NOTICES_LOST});
    agent->devices_changed = true;
    uv_timer_start(&agent->look_timer, on_look, 0, 0);
}

static void publish_link(struct agent *agent, bool up)
{
    struct event event = {.type = EVENT_LINK, .link_up = up, .transport = "tcp"};

    text_copy(event.peer, sizeof event.peer, guest_link_peer(agent->link));
    stream_publish(agent->stream, &event);
}

static void on_link_up(void *context)
{
    struct agent *agent = context;

    publish_link(agent, true);
    guest_link_send_snapshot(agent->link, &agent->tracker.boards, &agent->sharing);
}

/* The boards stay as they were told: a lost link loses no attachment. */
static void on_link_down(void *context)
{
    struct agent *agent = context;

    board_news_expire(&agent->news, INT64_MAX);
    schedule_news(agent);
    track(agent, (struct pnp_event){.type = PNP_EVENT_DOUBTED});
    publish_link(agent, false);
}

/* What the guest does with a board explains what Windows shows of it. */
static enum pnp_event_type pnp_event_from_report(const struct event *report)
{
    switch (report->type) {
    case EVENT_ATTACHING:
        return PNP_EVENT_ASKED;
    case EVENT_READY:
        return PNP_EVENT_HELD;
    case EVENT_FAILED:
        return PNP_EVENT_FAILED;
    default:
        return report->reason == REASON_SERVER_LOST ? PNP_EVENT_LOST : PNP_EVENT_RELEASED;
    }
}

static bool is_told_as_guests(const struct agent *agent, const char *id)
{
    enum board_state told = told_state(agent, id);

    return told == BOARD_STATE_READY || told == BOARD_STATE_ATTACHING;
}

static void on_link_report(void *context, const struct event *event)
{
    struct agent *agent = context;

    /* A guest says so of every board that it has not. */
    if (event->type != EVENT_DETACHED || is_told_as_guests(agent, event->board.id)) {
        board_news_report(&agent->news, event);
        schedule_news(agent);
    }
    track(agent, (struct pnp_event){.type = pnp_event_from_report(event),
                                    .id = event->board.id,
                                    .leaving_ms = event->leaving_ms});
}

static const struct guest_link_callbacks link_callbacks = {
    .on_up = on_link_up,
    .on_report = on_link_report,
    .on_gap = on_link_gap,
    .on_down = on_link_down,
};

static void on_stop_signal(uv_signal_t *handle, int number)
{
    log_info("signal %d: ending", number);
    stop(handle->data);
}

static void on_link_closed(void *context)
{
    struct agent *agent = context;

    agent->link = NULL;
    stream_close(agent->stream, NULL, NULL);
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
    if (agent->watch != NULL) {
        usbipd_watch_close(agent->watch);
    }
    if (agent->inbox != NULL) {
        inbox_close(agent->inbox);
    }
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        uv_close((uv_handle_t *)&agent->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&agent->look_timer, NULL);
    uv_close((uv_handle_t *)&agent->news_timer, NULL);
    uv_close((uv_handle_t *)&agent->away_timer, NULL);
    if (agent->link != NULL) {
        guest_link_close(agent->link, on_link_closed);
    } else if (agent->stream != NULL) {
        stream_close(agent->stream, NULL, NULL);
    }
}

/* What libuv documents never to fail. */
static void start_handles(struct agent *agent)
{
    uv_timer_init(&agent->loop, &agent->look_timer);
    uv_timer_init(&agent->loop, &agent->news_timer);
    uv_timer_init(&agent->loop, &agent->away_timer);
    agent->look_timer.data = agent;
    agent->news_timer.data = agent;
    agent->away_timer.data = agent;
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

/* The stream comes first, for it tells whether there is an agent already. Everything that is
 * known is known before the guest hears of it: an empty snapshot would make it let go of boards. */
static int start(struct agent *agent)
{
    const struct agent_options *options = agent->options;
    int error = stream_make_run(agent->run);

    if (error != 0 || (error = stream_open(&agent->loop, options->stream_path, NULL, agent->run,
                                           &agent->stream)) != 0) {
        return failed("the event stream can't be served", error);
    }
    error = inbox_open(&agent->loop, sizeof(struct host_notice), HOST_NOTICE_INBOX_SIZE, on_notice,
                       on_overflow, agent, &agent->inbox);
    if (error != 0 ||
        (error = usbipd_watch_open(options->usbipd, agent->inbox, &agent->watch)) != 0 ||
        (error = pnp_listener_open(agent->inbox, &agent->listener)) != 0) {
        return failed("Windows can't be listened to", error);
    }
    agent->devices_changed = true;
    look(agent);
    error = guest_link_open(&agent->loop, &options->config, agent->run, &link_callbacks, agent,
                            &agent->link);
    return failed("the link to the guest can't be opened", error);
}

static int run_loop(struct agent *agent)
{
    int error = uv_loop_init(&agent->loop) == 0 ? 0 : ERR_NOMEM;

    if (error != 0) {
        return failed("the event loop can't be made", error);
    }
    start_handles(agent);
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
    pnp_scan_init(&agent->last_scan);
    pnp_tracker_init(&agent->tracker);
    agent->tracker.believes_windows = options->believes_windows;
    board_news_init(&agent->news, &agent->tracker.boards, &agent->sharing, publish, agent);
    error = run_loop(agent);
    pnp_tracker_finish(&agent->tracker);
    pnp_scan_finish(&agent->last_scan);
    free(agent);
    return error;
}
