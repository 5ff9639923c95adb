#include "guest-linux/wards.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

static struct ward *find(struct wards *wards, const char *board_id)
{
    for (size_t i = 0; i < wards->count; i++) {
        if (text_equal_nocase(board_keeper_board_id(wards->items[i].keeper), board_id)) {
            return &wards->items[i];
        }
    }
    return NULL;
}

static void on_reap(uv_timer_t *timer)
{
    struct wards *wards = timer->data;

    for (size_t i = wards->count; i > 0; i--) {
        if (board_keeper_is_over(wards->items[i - 1].keeper)) {
            board_keeper_close(wards->items[i - 1].keeper);
            wards->items[i - 1] = wards->items[--wards->count];
        }
    }
    if (wards->releasing && wards->count == 0) {
        wards->callbacks->on_released(wards->context);
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

/* The host knows it already, or has said so itself. */
static bool is_the_hosts(enum event_type type)
{
    return type == EVENT_ARRIVAL || type == EVENT_UPDATE || type == EVENT_YIELDED ||
           type == EVENT_TAKEN;
}

static void on_told(void *context, const struct event *event)
{
    struct wards *wards = context;
    struct ward *ward = find(wards, event->board.id);

    log_event(event);
    wards->callbacks->on_told(wards->context, event);
    if (!is_the_hosts(event->type)) {
        wards->callbacks->on_report(wards->context, event);
        if (ward != NULL) {
            ward->is_reported = true;
        }
    }
    if (ward != NULL && event->type == EVENT_DETACHED && !wards->has_host) {
        ward->was_lost = true;
    }
    if (event->type == EVENT_REMOVAL) {
        uv_timer_start(&wards->reap_timer, on_reap, 0, 0);
    }
}

void wards_init(struct wards *wards, const struct machine *machine,
                const struct wards_callbacks *callbacks, void *context)
{
    *wards = (struct wards){.machine = machine, .callbacks = callbacks, .context = context};
    uv_timer_init(machine->loop, &wards->reap_timer); /* Never fails. */
    wards->reap_timer.data = wards;
}

/* The ward of that board, a new one if there is none; NULL if there can't be one. */
static struct ward *get(struct wards *wards, const char *board_id)
{
    struct ward *ward = find(wards, board_id);
    int err = ERR_FULL;

    if (ward != NULL) {
        return ward;
    }
    if (wards->count < BOARD_TABLE_MAX) {
        ward = &wards->items[wards->count];
        *ward = (struct ward){.keeper = NULL};
        err = board_keeper_open(wards->machine, board_id, on_told, wards, &ward->keeper);
    }
    if (err != 0) {
        log_error("%s: one board too many: %s", board_id, error_text(err));
        return NULL;
    }
    wards->count++;
    return ward;
}

void wards_host_up(struct wards *wards)
{
    for (size_t i = 0; i < wards->count; i++) {
        wards->items[i].is_reported = false;
    }
    wards->has_host = true;
}

void wards_host_down(struct wards *wards)
{
    wards->has_host = false;
}

static void begin_snapshot(struct wards *wards)
{
    for (size_t i = 0; i < wards->count; i++) {
        wards->items[i].is_named = false;
    }
}

/* Of a former run, and of no board that the host has named. */
static void let_go_of_left_over(struct wards *wards)
{
    size_t count = held_ports_let_go(wards->machine->held, wards->machine->vhci);

    if (count > 0) {
        log_info("let go of %zu that a former run had attached", count);
    }
}

/* What the snapshot has not named is gone. What the host has not heard since it linked, it hears
 * now. */
static void end_snapshot(struct wards *wards)
{
    for (size_t i = 0; i < wards->count; i++) {
        if (!wards->items[i].is_named) {
            board_keeper_removed(wards->items[i].keeper);
        } else if (!wards->items[i].is_reported) {
            board_keeper_repeat(wards->items[i].keeper, wards->callbacks->on_report,
                                wards->context);
        }
    }
    /* While a port's device is still coming, a board that is named may be waiting for it. */
    if (!vhci_awaits_former(wards->machine->vhci)) {
        let_go_of_left_over(wards);
    }
}

/* A host that has outlived its link, or us, may believe the board to be ready. */
static void admit_loss(struct wards *wards, struct ward *ward, const struct board *board)
{
    struct event event = {.type = EVENT_DETACHED, .reason = REASON_LOST};

    if (ward->was_lost || !board_keeper_may_hold(ward->keeper, board)) {
        text_copy(event.board.id, sizeof event.board.id, board->id);
        wards->callbacks->on_report(wards->context, &event);
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

static void take_board(struct wards *wards, const struct wire_message *message)
{
    struct ward *ward = get(wards, message->event.board.id);

    if (ward == NULL) {
        return;
    }
    ward->is_named = true;
    if (message->type == WIRE_PRESENT) {
        admit_loss(wards, ward, &message->event.board);
    }
    if (message->type == WIRE_ARRIVAL) {
        board_keeper_arrived(ward->keeper, &message->event.board, is_wanted(ward, message),
                             message->attached_to);
    } else {
        board_keeper_seen(ward->keeper, &message->event.board, is_wanted(ward, message),
                          message->attached_to);
    }
}

void wards_take(struct wards *wards, const struct wire_message *message)
{
    struct ward *ward;

    switch (message->type) {
    case WIRE_SNAPSHOT_BEGIN:
        begin_snapshot(wards);
        break;
    case WIRE_SNAPSHOT_END:
        end_snapshot(wards);
        break;
    case WIRE_REMOVAL:
        ward = find(wards, message->event.board.id);
        if (ward != NULL) {
            board_keeper_removed(ward->keeper);
        }
        break;
    case WIRE_YIELDED:
    case WIRE_TAKEN:
        ward = find(wards, message->event.board.id);
        if (ward != NULL) {
            board_keeper_handed(ward->keeper, &message->event);
        }
        break;
    default:
        take_board(wards, message);
        break;
    }
}

void wards_probe(struct wards *wards)
{
    for (size_t i = 0; i < wards->count; i++) {
        board_keeper_probe(wards->items[i].keeper);
    }
}

void wards_uevent(struct wards *wards, const struct uevent *event)
{
    for (size_t i = 0; i < wards->count; i++) {
        board_keeper_uevent(wards->items[i].keeper, event);
    }
    /* Once each has dealt with its own. */
    for (size_t i = 0; i < wards->count && strcmp(event->action, "remove") == 0; i++) {
        board_keeper_room(wards->items[i].keeper);
    }
    if (strcmp(event->action, "remove") == 0 && strcmp(event->subsystem, "tty") == 0) {
        dev_links_sweep(wards->machine->links);
    }
}

void wards_look_anew(struct wards *wards)
{
    for (size_t i = 0; i < wards->count; i++) {
        board_keeper_look_anew(wards->items[i].keeper);
    }
    dev_links_sweep(wards->machine->links);
}

void wards_release(struct wards *wards)
{
    wards->releasing = true;
    for (size_t i = 0; i < wards->count; i++) {
        board_keeper_removed(wards->items[i].keeper);
    }
    let_go_of_left_over(wards);
    dev_links_drop_former(wards->machine->links);
    /* There may be none. */
    uv_timer_start(&wards->reap_timer, on_reap, 0, 0);
}

void wards_close(struct wards *wards)
{
    for (size_t i = 0; i < wards->count; i++) {
        board_keeper_close(wards->items[i].keeper);
    }
    wards->count = 0;
    uv_close((uv_handle_t *)&wards->reap_timer, NULL);
}
