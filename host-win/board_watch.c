#include "host-win/board_watch.h"

#include <stdlib.h>

#include "host-win/pnp_device.h"
#include "host-win/usbipd_health.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

/* Windows refused to enumerate its devices: how long until it is asked again. */
#define LOOK_RETRY_MS 1000

/* What is heard so soon after a look may have come while it lasted. */
#define LOOK_ECHO_NS 30000000u
#define NS_PER_MS 1000000u

/* While a board is the user's until the service ends: how often it is looked at. An update of
 * usbipd-win detaches everything, and then ends the service for a moment. */
#define SERVICE_LOOK_SOON_MS 500
#define SERVICE_LOOK_MS 5000
#define SERVICE_SOON_MS 30000

struct board_watch {
    const struct board_watch_options *options;
    const struct board_watch_callbacks *callbacks;
    void *context;
    struct pnp_scan last_scan;
    struct pnp_tracker tracker;
    struct sharing sharing;
    enum usbipd_health usbipd_health; /* as the log has it */
    uv_timer_t look_timer; /* mostly due at once: one look for all that the loop has at hand */
    uv_timer_t away_timer; /* a board that usbipd has taken away, or is giving back, may be gone */
    unsigned open_handles;
    uint64_t yielded_ms;   /* when the last board was */
    uint64_t look_from_ns; /* the last look, which kept the loop from hearing anything */
    uint64_t look_until_ns;
    bool devices_changed;
};

static void on_look(uv_timer_t *timer);
static void on_away_timer(uv_timer_t *timer);

static void schedule_look(struct board_watch *watch, uint64_t wait_ms)
{
    uv_timer_start(&watch->look_timer, on_look, wait_ms, 0);
}

static void schedule_away(struct board_watch *watch, int64_t now_ms)
{
    int64_t deadline_ms = pnp_tracker_deadline(&watch->tracker);
    int64_t wait_ms = deadline_ms - now_ms;

    if (deadline_ms == PNP_CLAIMS_NEVER) {
        uv_timer_stop(&watch->away_timer);
    } else {
        uv_timer_start(&watch->away_timer, on_away_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
    }
}

static void track(struct board_watch *watch, struct pnp_event event)
{
    int64_t now_ms = (int64_t)uv_now(watch->look_timer.loop);
    int error;

    if (event.now_ms == 0) {
        event.now_ms = now_ms;
    }
    error =
        pnp_tracker_handle(&watch->tracker, &event, watch->callbacks->on_change, watch->context);
    if (error != 0) {
        log_error("some boards can't be followed: %s", error_text(error));
    }
    schedule_away(watch, now_ms);
}

static void on_away_timer(uv_timer_t *timer)
{
    struct board_watch *watch = timer->data;

    track(watch, (struct pnp_event){.type = PNP_EVENT_TICK});
    watch->devices_changed = true;
    schedule_look(watch, 0);
}

/* Returns true if the scan says something. */
static bool scan_devices(const struct board_watch *watch, struct pnp_scan *scan)
{
    int error = pnp_device_scan(&watch->last_scan, scan);

    if (error != 0) {
        log_error("the scan of the USB devices failed: %s", error_text(error));
    }
    return error == 0 || error == ERR_FULL;
}

static bool is_attached(const struct board_watch *watch, const struct board *board)
{
    return sharing_attached_to(&watch->sharing, board->id)[0] != '\0';
}

static void read_sharing(struct board_watch *watch)
{
    struct board_table *boards = &watch->tracker.boards;
    bool was_attached[BOARD_TABLE_MAX] = {false};

    for (size_t i = 0; i < boards->count; i++) {
        was_attached[i] = is_attached(watch, boards->items[i]);
    }
    usbipd_read(watch->options->usbipd, &watch->sharing);
    for (size_t i = 0; i < boards->count; i++) {
        watch->callbacks->on_sharing(watch->context, boards->items[i], was_attached[i]);
    }
}

/* `heard_ms`: when the registry's change was heard of, 0 for now. */
static void note_clients(struct board_watch *watch, int64_t heard_ms)
{
    track(watch, (struct pnp_event){.type = PNP_EVENT_NOTED,
                                    .now_ms = heard_ms,
                                    .captures = watch->sharing.captures,
                                    .capture_count = watch->sharing.capture_count});
}

static size_t count_yielded(const struct board_watch *watch)
{
    size_t count = 0;

    for (size_t i = 0; i < watch->tracker.boards.count; i++) {
        count += watch->tracker.boards.items[i]->state == BOARD_STATE_YIELDED;
    }
    return count;
}

static void take_scan(struct board_watch *watch, const struct pnp_scan *scan)
{
    track(watch, (struct pnp_event){.type = PNP_EVENT_SCANNED,
                                    .scan = scan,
                                    .captures = watch->sharing.captures,
                                    .capture_count = watch->sharing.capture_count});
    pnp_scan_finish(&watch->last_scan);
    watch->last_scan = *scan;
}

/* Sharing is read in any case, for the notice of a change may still be on its way, and of the
 * service's end there is none; and after the devices, so that a board which was shared before it
 * came is never told as one that is not. */
void board_watch_look(struct board_watch *watch)
{
    struct pnp_scan scan;
    bool has_scan;

    pnp_scan_init(&scan);
    watch->look_from_ns = uv_hrtime();
    has_scan = watch->devices_changed && scan_devices(watch, &scan);
    read_sharing(watch);
    usbipd_health_tell(&watch->sharing, &watch->usbipd_health);
    if (has_scan) {
        watch->devices_changed = false;
        take_scan(watch, &scan);
    } else {
        pnp_scan_finish(&scan);
    }
    note_clients(watch, 0);
    watch->look_until_ns = uv_hrtime();
    if (watch->devices_changed) {
        schedule_look(watch, LOOK_RETRY_MS);
    }
}

/* Windows does not tell that the service has ended. */
static void watch_service(struct board_watch *watch)
{
    bool is_soon = uv_now(watch->look_timer.loop) - watch->yielded_ms < SERVICE_SOON_MS;

    if (count_yielded(watch) > 0 && !uv_is_active((uv_handle_t *)&watch->look_timer)) {
        schedule_look(watch, is_soon ? SERVICE_LOOK_SOON_MS : SERVICE_LOOK_MS);
    }
}

static void on_look(uv_timer_t *timer)
{
    board_watch_look(timer->data);
    watch_service(timer->data);
}

void board_watch_notice(struct board_watch *watch, const struct host_notice *notice)
{
    switch (notice->type) {
    case HOST_NOTICE_BOARD_ARRIVED:
        track(watch, (struct pnp_event){.type = PNP_EVENT_ARRIVED, .id = notice->id});
        watch->devices_changed = true;
        break;
    case HOST_NOTICE_BOARD_REMOVED:
        track(watch, (struct pnp_event){.type = PNP_EVENT_REMOVED, .id = notice->id});
        watch->devices_changed = true;
        break;
    case HOST_NOTICE_SHARING_CHANGED:
        /* Read at once, for what goes first, a board or the note of its client, says why it goes.
         */
        read_sharing(watch);
        note_clients(watch, notice->heard_ms);
        break;
    default:
        watch->devices_changed = true;
        break;
    }
    schedule_look(watch, 0);
}

void board_watch_notices_lost(struct board_watch *watch)
{
    track(watch, (struct pnp_event){.type = PNP_EVENT_NOTICES_LOST});
    watch->devices_changed = true;
    schedule_look(watch, 0);
}

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

/* How long ago the loop may have missed what it hears now, for it was looking: Windows can take
 * hundreds of milliseconds for that while it is busy with its devices. */
static int64_t missed_ms(const struct board_watch *watch)
{
    uint64_t now_ns = uv_hrtime();

    return now_ns - watch->look_until_ns < LOOK_ECHO_NS
               ? (int64_t)((now_ns - watch->look_from_ns) / NS_PER_MS)
               : 0;
}

void board_watch_report(struct board_watch *watch, const struct event *report)
{
    size_t yielded = count_yielded(watch);

    track(watch, (struct pnp_event){.type = pnp_event_from_report(report),
                                    .id = report->board.id,
                                    .leaving_ms = report->leaving_ms + missed_ms(watch)});
    if (count_yielded(watch) > yielded) {
        watch->yielded_ms = uv_now(watch->look_timer.loop);
        schedule_look(watch, SERVICE_LOOK_SOON_MS);
    }
}

void board_watch_doubt(struct board_watch *watch)
{
    track(watch, (struct pnp_event){.type = PNP_EVENT_DOUBTED});
}

struct board_table *board_watch_boards(struct board_watch *watch)
{
    return &watch->tracker.boards;
}

const struct sharing *board_watch_sharing(const struct board_watch *watch)
{
    return &watch->sharing;
}

int board_watch_open(uv_loop_t *loop, const struct board_watch_options *options,
                     const struct board_watch_callbacks *callbacks, void *context,
                     struct board_watch **watch)
{
    struct board_watch *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->options = options;
    opened->callbacks = callbacks;
    opened->context = context;
    opened->devices_changed = true;
    pnp_scan_init(&opened->last_scan);
    pnp_tracker_init(&opened->tracker);
    opened->tracker.believes_windows = options->believes_windows;
    uv_timer_init(loop, &opened->look_timer); /* Never fails. */
    uv_timer_init(loop, &opened->away_timer);
    opened->look_timer.data = opened;
    opened->away_timer.data = opened;
    opened->open_handles = 2;
    *watch = opened;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct board_watch *watch = handle->data;

    if (--watch->open_handles == 0) {
        pnp_tracker_finish(&watch->tracker);
        pnp_scan_finish(&watch->last_scan);
        free(watch);
    }
}

void board_watch_close(struct board_watch *watch)
{
    uv_close((uv_handle_t *)&watch->look_timer, on_handle_closed);
    uv_close((uv_handle_t *)&watch->away_timer, on_handle_closed);
}
