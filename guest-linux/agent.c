#include "guest-linux/agent.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <uv.h>

#include "guest-linux/board_keeper.h"
#include "guest-linux/clock_watch.h"
#include "guest-linux/host_link.h"
#include "guest-linux/machine.h"
#include "guest-linux/privileges.h"
#include "guest-linux/requests.h"
#include "guest-linux/service_notify.h"
#include "guest-linux/uevent_socket.h"
#include "shared/core/board_table.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/stream/stream.h"

/* Not every way in which a peer can fall silent gives a sign; so often the boards are asked without
 * one. */
#define PROBE_PERIOD_MS 8000

/* A board whose peer is silent takes the kernel some 4 s to let go of, one after the other. */
#define RELEASE_LIMIT_MS 15000

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

enum { STOP_SIGNAL_COUNT = sizeof stop_signals / sizeof stop_signals[0] };

/* A board that the host has named. */
struct ward {
    struct board_keeper *keeper;
    bool is_named;    /* in the snapshot that is coming in */
    bool is_reported; /* over the link that is up */
    bool was_lost;    /* a detachment that no host has heard of */
};

struct agent {
    const struct agent_options *options;
    char run[EVENT_RUN_SIZE];
    char modules_root[SYSFS_PATH_SIZE];
    uv_loop_t loop;
    struct machine machine;
    struct import_route route;
    struct vhci *vhci;
    struct modules *modules;
    struct uevent_socket *uevents;
    struct host_link *link;
    struct stream *stream;
    struct requests requests;
    struct ward wards[BOARD_TABLE_MAX];
    size_t ward_count;
    struct clock_watch *clock;
    uv_timer_t probe_timer;
    uv_timer_t reap_timer; /* due at once: a keeper can't be closed from within its telling */
    uv_signal_t signals[STOP_SIGNAL_COUNT];
    uv_signal_t release_signal;
    uv_timer_t release_timer;
    bool has_host;
    bool releasing; /* every board, and nobody may bring one back */
    bool stopping;
    int result; /* of what failed after the start */
};

static void stop(struct agent *agent);

static struct ward *find_ward(struct agent *agent, const char *board_id)
{
    for (size_t i = 0; i < agent->ward_count; i++) {
        if (text_equal_nocase(board_keeper_board_id(agent->wards[i].keeper), board_id)) {
            return &agent->wards[i];
        }
    }
    return NULL;
}

static void on_reap(uv_timer_t *timer)
{
    struct agent *agent = timer->data;

    for (size_t i = agent->ward_count; i > 0; i--) {
        if (board_keeper_is_over(agent->wards[i - 1].keeper)) {
            board_keeper_close(agent->wards[i - 1].keeper);
            agent->wards[i - 1] = agent->wards[--agent->ward_count];
        }
    }
    if (agent->releasing && agent->ward_count == 0) {
        stop(agent);
    }
}

static void log_event(const struct event *event)
{
    const struct board *board = &event->board;

    if (event->type == EVENT_READY) {
        log_info("%s: ready as %s after %lld ms", board->id,
                 board->ttys.count > 0 ? board->ttys.items[0].path : board->usb_node,
                 (long long)event->took.total_ms);
    } else {
        log_info("%s: %s", board->id, event_type_to_name(event->type));
    }
}

static void report(void *context, const struct event *event)
{
    struct agent *agent = context;

    host_link_report(agent->link, event);
}

/* The host knows it already, or has said so itself. */
static bool is_the_hosts(enum event_type type)
{
    return type == EVENT_ARRIVAL || type == EVENT_UPDATE || type == EVENT_YIELDED ||
           type == EVENT_TAKEN;
}

static void on_told(void *context, const struct event *event)
{
    struct agent *agent = context;
    struct ward *ward = find_ward(agent, event->board.id);

    log_event(event);
    stream_publish(agent->stream, event);
    if (!is_the_hosts(event->type)) {
        report(agent, event);
        if (ward != NULL) {
            ward->is_reported = true;
        }
    }
    if (ward != NULL && event->type == EVENT_DETACHED && !agent->has_host) {
        ward->was_lost = true;
    }
    if (event->type == EVENT_REMOVAL) {
        uv_timer_start(&agent->reap_timer, on_reap, 0, 0);
    }
}

/* The ward of that board, a new one if there is none; NULL if there can't be one. */
static struct ward *get_ward(struct agent *agent, const char *board_id)
{
    struct ward *ward = find_ward(agent, board_id);
    int err = ERR_FULL;

    if (ward != NULL) {
        return ward;
    }
    if (agent->ward_count < BOARD_TABLE_MAX) {
        ward = &agent->wards[agent->ward_count];
        *ward = (struct ward){.keeper = NULL};
        err = board_keeper_open(&agent->machine, board_id, on_told, agent, &ward->keeper);
    }
    if (err != 0) {
        log_error("%s: one board too many: %s", board_id, error_text(err));
        return NULL;
    }
    agent->ward_count++;
    return ward;
}

static void begin_snapshot(struct agent *agent)
{
    for (size_t i = 0; i < agent->ward_count; i++) {
        agent->wards[i].is_named = false;
    }
}

/* What the snapshot has not named is gone. What the host has not heard since it linked, it hears
 * now. */
static void end_snapshot(struct agent *agent)
{
    for (size_t i = 0; i < agent->ward_count; i++) {
        if (!agent->wards[i].is_named) {
            board_keeper_removed(agent->wards[i].keeper);
        } else if (!agent->wards[i].is_reported) {
            board_keeper_repeat(agent->wards[i].keeper, report, agent);
        }
    }
}

/* A host that has outlived its link, or us, may believe the board to be ready. */
static void admit_loss(struct agent *agent, struct ward *ward, const struct board *board)
{
    struct event event = {.type = EVENT_DETACHED, .reason = REASON_LOST};

    if (ward->was_lost || !board_keeper_may_hold(ward->keeper, board)) {
        text_copy(event.board.id, sizeof event.board.id, board->id);
        report(agent, &event);
    }
    ward->was_lost = false;
}

/* A board that was captured before the host agent began, and whose ids do not tell what it is, is
 * kept if it is held; the host learns from its nodes what it is. */
static bool is_wanted(struct ward *ward, const struct wire_message *message)
{
    const struct board *board = &message->event.board;

    return message->wanted || (board->is_hidden && board_keeper_may_hold(ward->keeper, board));
}

static void take_board(struct agent *agent, const struct wire_message *message)
{
    struct ward *ward = get_ward(agent, message->event.board.id);

    if (ward == NULL) {
        return;
    }
    ward->is_named = true;
    if (message->type == WIRE_PRESENT) {
        admit_loss(agent, ward, &message->event.board);
    }
    if (message->type == WIRE_ARRIVAL) {
        board_keeper_arrived(ward->keeper, &message->event.board, is_wanted(ward, message),
                             message->attached_to);
    } else {
        board_keeper_seen(ward->keeper, &message->event.board, is_wanted(ward, message),
                          message->attached_to);
    }
}

/* Somebody may have gone without a word: does every attached board still answer? */
static void probe_boards(struct agent *agent)
{
    for (size_t i = 0; i < agent->ward_count; i++) {
        board_keeper_probe(agent->wards[i].keeper);
    }
}

static void on_probe_timer(uv_timer_t *timer)
{
    probe_boards(timer->data);
}

static void on_clock_set(void *context)
{
    log_debug("the clock was set");
    probe_boards(context);
}

static void on_host_gap(void *context)
{
    probe_boards(context);
}

static void on_host_message(void *context, const struct wire_message *message)
{
    struct agent *agent = context;
    struct ward *ward;

    if (agent->releasing) {
        return;
    }
    switch (message->type) {
    case WIRE_SNAPSHOT_BEGIN:
        begin_snapshot(agent);
        break;
    case WIRE_SNAPSHOT_END:
        end_snapshot(agent);
        break;
    case WIRE_REMOVAL:
        ward = find_ward(agent, message->event.board.id);
        if (ward != NULL) {
            board_keeper_removed(ward->keeper);
        }
        break;
    case WIRE_YIELDED:
    case WIRE_TAKEN:
        ward = find_ward(agent, message->event.board.id);
        if (ward != NULL) {
            board_keeper_handed(ward->keeper, &message->event);
        }
        break;
    case WIRE_RESUMED:
        probe_boards(agent);
        break;
    case WIRE_ANSWER:
        requests_answered(&agent->requests, message);
        break;
    default:
        take_board(agent, message);
        break;
    }
}

static void publish_link(struct agent *agent, bool up)
{
    struct event event = {.type = EVENT_LINK, .link_up = up};

    text_copy(event.transport, sizeof event.transport, host_link_transport(agent->link));
    text_copy(event.peer, sizeof event.peer, host_link_peer(agent->link));
    stream_publish(agent->stream, &event);
}

static void on_host_up(void *context)
{
    struct agent *agent = context;

    for (size_t i = 0; i < agent->ward_count; i++) {
        agent->wards[i].is_reported = false;
    }
    agent->has_host = true;
    import_route_forget(&agent->route);
    publish_link(agent, true);
}

/* A lost link loses no attachment: the next snapshot settles what has changed. */
static void on_host_down(void *context)
{
    struct agent *agent = context;

    agent->has_host = false;
    requests_host_down(&agent->requests);
    publish_link(agent, false);
    probe_boards(agent);
}

static const struct host_link_callbacks link_callbacks = {
    .on_up = on_host_up,
    .on_message = on_host_message,
    .on_gap = on_host_gap,
    .on_down = on_host_down,
};

static void on_uevent(void *context, const struct uevent *event)
{
    struct agent *agent = context;

    for (size_t i = 0; i < agent->ward_count; i++) {
        board_keeper_uevent(agent->wards[i].keeper, event);
    }
    /* Once each has dealt with its own. */
    for (size_t i = 0; i < agent->ward_count && strcmp(event->action, "remove") == 0; i++) {
        board_keeper_room(agent->wards[i].keeper);
    }
}

static void on_uevents_lost(void *context)
{
    struct agent *agent = context;

    for (size_t i = 0; i < agent->ward_count; i++) {
        board_keeper_look_anew(agent->wards[i].keeper);
    }
}

static const struct uevent_socket_callbacks uevent_callbacks = {
    .on_event = on_uevent,
    .on_overrun = on_uevents_lost,
};

static void on_stop_signal(uv_signal_t *handle, int number)
{
    log_info("signal %d: ending; attached boards stay attached", number);
    stop(handle->data);
}

static void on_release_limit(uv_timer_t *timer)
{
    struct agent *agent = timer->data;

    log_warning("%zu boards could not be let go of in time", agent->ward_count);
    stop(agent);
}

/* For a removal, after which nobody is left to let go. */
static void on_release_signal(uv_signal_t *handle, int number)
{
    struct agent *agent = handle->data;

    log_info("signal %d: letting go of every board, then ending", number);
    agent->releasing = true;
    for (size_t i = 0; i < agent->ward_count; i++) {
        board_keeper_removed(agent->wards[i].keeper);
    }
    uv_timer_start(&agent->release_timer, on_release_limit, RELEASE_LIMIT_MS, 0);
    /* There may be none. */
    uv_timer_start(&agent->reap_timer, on_reap, 0, 0);
}

static void on_link_closed(void *context)
{
    struct agent *agent = context;

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
    (void)service_notify_send(SERVICE_NOTIFY_STOPPING);
    if (agent->uevents != NULL) {
        uevent_socket_close(agent->uevents);
    }
    for (size_t i = 0; i < agent->ward_count; i++) {
        board_keeper_close(agent->wards[i].keeper);
    }
    agent->ward_count = 0;
    if (agent->modules != NULL) {
        modules_close(agent->modules);
    }
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        uv_close((uv_handle_t *)&agent->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&agent->release_signal, NULL);
    uv_close((uv_handle_t *)&agent->release_timer, NULL);
    uv_close((uv_handle_t *)&agent->reap_timer, NULL);
    uv_close((uv_handle_t *)&agent->probe_timer, NULL);
    if (agent->clock != NULL) {
        clock_watch_close(agent->clock);
    }
    agent->requests.link = NULL;
    if (agent->link != NULL) {
        host_link_close(agent->link, on_link_closed);
    } else if (agent->stream != NULL) {
        stream_close(agent->stream, NULL, NULL);
    }
}

/* What libuv documents never to fail. */
static void start_handles(struct agent *agent)
{
    uv_timer_init(&agent->loop, &agent->reap_timer);
    agent->reap_timer.data = agent;
    uv_timer_init(&agent->loop, &agent->probe_timer);
    agent->probe_timer.data = agent;
    uv_timer_start(&agent->probe_timer, on_probe_timer, PROBE_PERIOD_MS, PROBE_PERIOD_MS);
    uv_timer_init(&agent->loop, &agent->release_timer);
    agent->release_timer.data = agent;
    uv_signal_init(&agent->loop, &agent->release_signal);
    agent->release_signal.data = agent;
    uv_signal_start(&agent->release_signal, on_release_signal, SIGUSR1);
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        uv_signal_init(&agent->loop, &agent->signals[i]);
        agent->signals[i].data = agent;
        uv_signal_start(&agent->signals[i], on_stop_signal, stop_signals[i]);
    }
}

/* This machine's own places. */
static void init_machine(struct agent *agent)
{
    struct machine *machine = &agent->machine;
    const struct group *group = getgrnam(agent->options->config.access_group);
    struct utsname kernel;

    if (uname(&kernel) != 0) {
        strcpy(kernel.release, "unknown"); /* EFAULT is all that uname knows. */
    }
    snprintf(agent->modules_root, sizeof agent->modules_root, "/lib/modules/%s", kernel.release);
    machine->loop = &agent->loop;
    machine->config = &agent->options->config;
    import_route_init(&agent->route, agent->options->config.usbipd_import);
    machine->route = &agent->route;
    machine->sysfs_root = "/sys";
    machine->nodes = (struct tty_node_paths){
        .dev_root = "/dev",
        .udev_root = "/run/udev",
        .group = group != NULL ? group->gr_gid : TTY_NODE_NO_GROUP,
    };
    machine->address =
        (struct windows_address_paths){.wslinfo = "/usr/bin/wslinfo", .route = "/proc/net/route"};
}

/* Link and stream are open. */
static void tell_service_manager(void)
{
    int err = service_notify_send(SERVICE_NOTIFY_READY);

    if (err != 0) {
        log_warning("NOTIFY_SOCKET can't be told that the agent is ready: %s", error_text(err));
    }
}

static int open_link(struct agent *agent)
{
    const struct config *config = &agent->options->config;
    const struct host_link_doors doors = {.path = agent->options->link_path,
                                          .key = &agent->options->key};
    int err = host_link_open(&agent->loop, config, &doors, agent->run, &link_callbacks, agent,
                             &agent->link);

    agent->requests.link = err == 0 ? agent->link : NULL;
    if (err == ERR_BUSY) {
        log_error("%s is in use already: by an agent whose stream is elsewhere in that folder; "
                  "name another folder with --stream",
                  agent->options->link_path);
    } else if (err == ERR_EXISTS) {
        log_error("port %u of %s is in use already: by an agent in another distribution (one is "
                  "enough for all), or by another program; \"link\": {\"port\": ...} in the "
                  "configuration of both sides names another port",
                  (unsigned)config->link_port, config->link_address);
    } else if (err != 0) {
        log_error("%s port %u can't be listened on: %s", config->link_address,
                  (unsigned)config->link_port, error_text(err));
    } else {
        agent->machine.host = host_link_imports(agent->link);
        log_info("agent %s listens on %s port %u, its stream is %s", agent->run,
                 config->link_address, (unsigned)config->link_port, agent->options->stream_path);
        if (agent->options->on_ready != NULL) {
            agent->options->on_ready(agent->options->ready_context);
        }
        tell_service_manager();
    }
    return err;
}

static void on_vhci_loaded(void *context, int err, const char *detail)
{
    struct agent *agent = context;

    if (err != 0) {
        log_warning("vhci_hcd could not be loaded (%s); the first board will ask again", detail);
    }
    agent->result = open_link(agent);
    if (agent->result != 0) {
        stop(agent);
    }
}

/* The link comes when vhci_hcd has been loaded: a board that arrives then need not wait for it, and
 * never meets the module halfway through its start, where the kernel does not guard its files. */
static int load_vhci(struct agent *agent)
{
    struct modules_request *request;

    if (vhci_is_loaded(agent->vhci)) {
        return open_link(agent);
    }
    return modules_load(agent->modules, VHCI_MODULE, on_vhci_loaded, agent, &request);
}

static int open_kernel(struct agent *agent)
{
    const struct modules_config config = {
        .modprobe = "/sbin/modprobe",
        .loader = {agent->modules_root, agent->machine.sysfs_root, module_loader_insert, NULL},
    };
    int err = vhci_create(agent->machine.sysfs_root, &agent->vhci);

    if (err == 0) {
        err = tty_links_open(agent->machine.nodes.dev_root, &agent->machine.links);
    }
    if (err == 0) {
        err = modules_open(&agent->loop, &config, &agent->modules);
    }
    agent->machine.vhci = agent->vhci;
    agent->machine.modules = agent->modules;
    return err;
}

/* Before the first thread, and after what needs more. An agent that has kept too much still does
 * its work. */
static void drop_privileges(const struct agent *agent)
{
    int err = privileges_drop(agent->options->config.link_port < 1024);

    if (err != 0) {
        log_warning("not every privilege could be given up: %s", error_text(err));
    }
}

/* The stream comes first, for it tells whether there is an agent already. */
static int start(struct agent *agent)
{
    const char *path = agent->options->stream_path;
    const char *group = agent->options->config.access_group;
    int err = stream_make_run(agent->run);

    if (err == 0) {
        err = stream_open(&agent->loop, path, group, agent->run, &agent->stream);
    }
    if (err == ERR_EXISTS) {
        log_error("another agent serves %s already: end it first, or name another socket with "
                  "--stream",
                  path);
        return err;
    }
    if (err != 0) {
        log_error("the stream %s can't be served: %s", path, error_text(err));
        return err;
    }
    requests_init(&agent->requests, agent->stream);
    err = open_kernel(agent);
    if (err == 0) {
        err = uevent_socket_open(&agent->loop, &uevent_callbacks, agent, &agent->uevents);
    }
    if (err == 0) {
        err = clock_watch_open(&agent->loop, on_clock_set, agent, &agent->clock);
    }
    if (err != 0) {
        log_error("the kernel can't be listened to: %s", error_text(err));
        return err;
    }
    drop_privileges(agent);
    return load_vhci(agent);
}

static int run_loop(struct agent *agent)
{
    int err = uv_loop_init(&agent->loop) == 0 ? 0 : ERR_NOMEM;

    if (err != 0) {
        log_error("the event loop can't be made: %s", error_text(err));
        return err;
    }
    init_machine(agent);
    start_handles(agent);
    err = start(agent);
    if (err != 0) {
        stop(agent);
    }
    uv_run(&agent->loop, UV_RUN_DEFAULT);
    err = err != 0 ? err : agent->result;
    if (uv_loop_close(&agent->loop) != 0) {
        log_error("the event loop ended with handles still open; please report this");
        err = err != 0 ? err : ERR_IO;
    }
    return err;
}

int agent_run(const struct agent_options *options)
{
    struct agent *agent = calloc(1, sizeof *agent);
    int err;

    if (agent == NULL) {
        return ERR_NOMEM;
    }
    agent->options = options;
    err = run_loop(agent);
    vhci_destroy(agent->vhci);
    tty_links_close(agent->machine.links);
    free(agent);
    return err;
}
