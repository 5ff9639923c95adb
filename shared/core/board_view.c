#include "shared/core/board_view.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

static const enum board_state state_after[] = {
    [EVENT_NEEDS_SHARING] = BOARD_STATE_NEEDS_SHARING,
    [EVENT_ATTACHING] = BOARD_STATE_ATTACHING,
    [EVENT_READY] = BOARD_STATE_READY,
    [EVENT_FAILED] = BOARD_STATE_FAILED,
    [EVENT_DETACHED] = BOARD_STATE_DETACHED,
    [EVENT_YIELDED] = BOARD_STATE_YIELDED,
    [EVENT_TAKEN] = BOARD_STATE_WAITING,
    [EVENT_REMOVAL] = BOARD_STATE_GONE,
};

static bool are_ttys_equal(const struct board_ttys *a, const struct board_ttys *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        const struct board_tty *x = &a->items[i];
        const struct board_tty *y = &b->items[i];

        if (x->interface != y->interface || strcmp(x->path, y->path) != 0 ||
            strcmp(x->by_id, y->by_id) != 0 || strcmp(x->by_path, y->by_path) != 0 ||
            strcmp(x->link, y->link) != 0) {
            return false;
        }
    }
    return true;
}

static void set_nodes(struct board *board, const struct board *from)
{
    board->ttys = from->ttys;
    memcpy(board->usb_node, from->usb_node, sizeof board->usb_node);
}

static int apply_arrival(struct board_table *boards, struct event *event)
{
    return board_table_put(boards, &event->board);
}

/* The states that follow from what is known of the board alone, before anything was tried. */
static bool is_untried(enum board_state state)
{
    return state == BOARD_STATE_AVAILABLE || state == BOARD_STATE_NEEDS_SHARING ||
           state == BOARD_STATE_WAITING;
}

static int apply_update(struct board *known, struct event *event)
{
    struct board updated = event->board;

    if (!is_untried(known->state) || !is_untried(updated.state)) {
        updated.state = known->state;
    }
    set_nodes(&updated, known);
    if (updated.state == known->state) {
        updated.note = known->note;
    }
    *known = updated;
    return 0;
}

static bool is_ready_with(const struct board *known, const struct board *board)
{
    return known->state == BOARD_STATE_READY && are_ttys_equal(&known->ttys, &board->ttys) &&
           strcmp(known->usb_node, board->usb_node) == 0;
}

static bool is_with_guest(const struct board *board)
{
    return board->state == BOARD_STATE_ATTACHING || board->state == BOARD_STATE_READY;
}

static int apply_ready(struct board *known, const struct event *event)
{
    if (is_ready_with(known, &event->board)) {
        return ERR_EXISTS;
    }
    set_nodes(known, &event->board);
    known->note = (struct board_note){.code = ""};
    known->state = BOARD_STATE_READY;
    return 0;
}

/* The event's texts are empty but for those of its type. */
static void set_note(struct board *known, const struct event *event)
{
    known->note = (struct board_note){.code = ""};
    switch (event->type) {
    case EVENT_FAILED:
        text_copy(known->note.code, sizeof known->note.code, event->code);
        text_copy(known->note.message, sizeof known->note.message, event->message);
        text_copy(known->note.remedy, sizeof known->note.remedy, event->remedy);
        break;
    case EVENT_NEEDS_SHARING:
        text_copy(known->note.remedy, sizeof known->note.remedy, event->remedy);
        break;
    case EVENT_YIELDED:
        text_copy(known->note.until, sizeof known->note.until, event->until);
        break;
    default:
        break;
    }
}

static int apply_state(struct board *known, const struct event *event)
{
    static const struct board without_nodes = {0};

    /* A guest agent that has been restarted takes over what is attached, which changes nothing. */
    if (event->type == EVENT_ATTACHING && is_with_guest(known)) {
        return ERR_EXISTS;
    }
    /* The guest says so of each board that it has not, whatever we believed. */
    if (event->type == EVENT_DETACHED && !is_with_guest(known)) {
        return ERR_EXISTS;
    }
    set_nodes(known, &without_nodes);
    known->state = state_after[event->type];
    set_note(known, event);
    return 0;
}

int board_view_apply(struct board_table *boards, struct event *event)
{
    struct board *known;
    int result;

    if (event->type == EVENT_LINK) {
        return 0;
    }
    if (event->type == EVENT_SNAPSHOT || event->type == EVENT_DROPPED) {
        return ERR_INVALID;
    }
    if (event->type == EVENT_ARRIVAL) {
        return apply_arrival(boards, event);
    }
    known = board_table_find(boards, event->board.id);
    if (!known) {
        return ERR_NOT_FOUND;
    }
    if (event->type == EVENT_UPDATE) {
        result = apply_update(known, event);
    } else if (event->type == EVENT_READY) {
        result = apply_ready(known, event);
    } else {
        result = apply_state(known, event);
    }
    if (result == 0) {
        event->board = *known;
        if (event->type == EVENT_REMOVAL) {
            board_table_remove(boards, known->id);
        }
    }
    return result;
}

size_t board_view_missing(const struct board_table *boards, const struct event *event,
                          enum event_type missing[BOARD_VIEW_MISSING_MAX])
{
    const struct board *known = board_table_find(boards, event->board.id);
    bool is_outcome = event->type == EVENT_READY || event->type == EVENT_FAILED;
    size_t count = 0;

    if (!known || (!is_outcome && event->type != EVENT_REMOVAL) ||
        (event->type == EVENT_READY && is_ready_with(known, &event->board))) {
        return 0;
    }
    if (known->state == BOARD_STATE_READY) {
        missing[count++] = EVENT_DETACHED;
    }
    if (is_outcome && known->state != BOARD_STATE_ATTACHING) {
        missing[count++] = EVENT_ATTACHING;
    }
    return count;
}
