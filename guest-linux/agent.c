#include "guest-linux/agent.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "guest-linux/clock_watch.h"
#include "guest-linux/host_link.h"
#include "guest-linux/privileges.h"
#include "guest-linux/requests.h"
#include "guest-linux/service_notify.h"
#include "guest-linux/shared_door.h"
#include "guest-linux/this_machine.h"
#include "guest-linux/uevent_socket.h"
#include "guest-linux/wards.h"
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

struct agent {
    const struct agent_options *options;
    char run[EVENT_RUN_SIZE];
    uv_loop_t loop;
    struct this_machine here;
    struct wards wards;
    struct uevent_socket *uevents;
    struct host_link *link;
    struct stream *stream;
    struct requests requests;
    struct clock_watch *clock;
    uv_timer_t probe_timer;
    uv_signal_t signals[STOP_SIGNAL_COUNT];
    uv_signal_t release_signal;
    uv_timer_t release_timer;
    bool has_shared_door;
    bool is_link_told; /* as up */
    bool stopping;
    int result; /* of what failed after the start */
};

static void stop(struct agent *agent);

static void on_board_told(void *context, const struct event *event)
{
    struct agent *agent = context;

    stream_publish(agent->stream, event);
}

static void on_board_report(void *context, const struct event *event)
{
    struct agent *agent = context;

    host_link_report(agent->link, event);
}

static void on_boards_released(void *context)
{
    stop(context);
}

static const struct wards_callbacks wards_callbacks = {
    .on_told = on_board_told,
    .on_report = on_board_report,
    .on_released = on_boards_released,
};

static void on_probe_timer(uv_timer_t *timer)
{
    struct agent *agent = timer->data;

    wards_probe(&agent->wards);
}

/* Either machine may have slept, and woken in another network. */
static void doubt(struct agent *agent)
{
    import_route_forget(&agent->here.route);
    wards_probe(&agent->wards);
}

static void on_clock_set(void *context)
{
    log_debug("the clock was set");
    doubt(context);
}

static void on_host_gap(void *context)
{
    doubt(context);
}

static void publish_link(struct agent *agent, bool up)
{
    struct event event = {.type = EVENT_LINK, .link_up = up};

    agent->is_link_told = up;
    text_copy(event.transport, sizeof event.transport, host_link_transport(agent->link));
    text_copy(event.peer, sizeof event.peer, host_link_peer(agent->link));
    stream_publish(agent->stream, &event);
}

static void on_host_message(void *context, const struct wire_message *message)
{
    struct agent *agent = context;

    if (agent->wards.releasing) {
        return;
    }
    switch (message->type) {
    case WIRE_RESUMED:
        doubt(agent);
        break;
    case WIRE_ANSWER:
        requests_answered(&agent->requests, message);
        break;
    default:
        wards_take(&agent->wards, message);
        break;
    }
    /* Not before: whoever reads that the link is up has heard of every board that is there. */
    if (message->type == WIRE_SNAPSHOT_END && !agent->is_link_told) {
        publish_link(agent, true);
    }
}

static void on_host_up(void *context)
{
    struct agent *agent = context;

    wards_host_up(&agent->wards);
    import_route_forget(&agent->here.route);
}

static void on_host_down(void *context)
{
    struct agent *agent = context;

    wards_host_down(&agent->wards);
    requests_host_down(&agent->requests);
    if (agent->is_link_told) {
        publish_link(agent, false);
    }
    wards_probe(&agent->wards);
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

    wards_uevent(&agent->wards, event);
}

static void on_uevents_lost(void *context)
{
    struct agent *agent = context;

    wards_look_anew(&agent->wards);
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

    log_warning("%zu boards could not be let go of in time", agent->wards.count);
    stop(agent);
}

/* For a removal, after which nobody is left to let go. */
static void on_release_signal(uv_signal_t *handle, int number)
{
    struct agent *agent = handle->data;

    log_info("signal %d: letting go of every board, then ending", number);
    uv_timer_start(&agent->release_timer, on_release_limit, RELEASE_LIMIT_MS, 0);
    wards_release(&agent->wards);
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
    wards_close(&agent->wards);
    this_machine_close(&agent->here);
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        uv_close((uv_handle_t *)&agent->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&agent->release_signal, NULL);
    uv_close((uv_handle_t *)&agent->release_timer, NULL);
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

/* Link and stream are open. */
static void tell_service_manager(void)
{
    int err = service_notify_send(SERVICE_NOTIFY_READY);

    if (err != 0) {
        log_warning("NOTIFY_SOCKET can't be told that the agent is ready: %s", error_text(err));
    }
}

/* Only by the agent that has the link: there is one for all distributions. */
static void open_shared_door(struct agent *agent)
{
    const struct agent_options *options = agent->options;

    if (options->shared_root != NULL) {
        agent->has_shared_door =
            shared_door_open(agent->stream, options->shared_root, options->config.access_group);
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
        log_error("the link can't be listened for, at %s port %u and at %s: %s",
                  config->link_address, (unsigned)config->link_port, agent->options->link_path,
                  error_text(err));
    } else {
        agent->here.machine.host = host_link_imports(agent->link);
        log_info("agent %s listens on %s port %u, its stream is %s", agent->run,
                 config->link_address, (unsigned)config->link_port, agent->options->stream_path);
        open_shared_door(agent);
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

    if (vhci_is_loaded(agent->here.machine.vhci)) {
        return open_link(agent);
    }
    return modules_load(agent->here.machine.modules, VHCI_MODULE, on_vhci_loaded, agent, &request);
}

/* Before the first thread, and after what needs more. An agent that has kept too much still does
 * its work. */
static void drop_privileges(const struct agent *agent)
{
    const struct privileges_use use = {
        .low_port = agent->options->config.link_port < 1024,
        .makes_nodes = agent->here.machine.nodes.makes_nodes,
    };
    int err = privileges_drop(&use);

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
        log_error("the stream %s can't be served: %s", path,
                  err == ERR_FULL ? "that file system is full" : error_text(err));
        return err;
    }
    requests_init(&agent->requests, agent->stream);
    err = this_machine_open(&agent->here);
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
    this_machine_init(&agent->here, &agent->loop, &agent->options->config,
                      agent->options->stream_path);
    wards_init(&agent->wards, &agent->here.machine, &wards_callbacks, agent);
    start_handles(agent);
    err = start(agent);
    if (err != 0) {
        stop(agent);
    }
    uv_run(&agent->loop, UV_RUN_DEFAULT);
    if (agent->has_shared_door) {
        shared_door_remove(agent->options->shared_root);
    }
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
    this_machine_finish(&agent->here);
    free(agent);
    return err;
}
