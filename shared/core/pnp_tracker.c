#include "shared/core/pnp_tracker.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

void pnp_tracker_init(struct pnp_tracker *tracker)
{
    memset(tracker, 0, sizeof(*tracker));
    board_table_init(&tracker->boards);
}

void pnp_tracker_finish(struct pnp_tracker *tracker)
{
    board_table_finish(&tracker->boards);
}

/* The place of `id` among the ids, PNP_TRACKER_IDS_MAX if it is not one of them. */
static size_t find_id(const struct pnp_tracker_ids *ids, const char *id)
{
    size_t i = 0;

    while (i < PNP_TRACKER_IDS_MAX && !text_equal_nocase(ids->items[i], id))
        i++;
    return i;
}

static bool has_id(const struct pnp_tracker_ids *ids, const char *id)
{
    return find_id(ids, id) < PNP_TRACKER_IDS_MAX;
}

/* Returns true if it was there. */
static bool forget_id(struct pnp_tracker_ids *ids, const char *id)
{
    size_t i = find_id(ids, id);

    if (i == PNP_TRACKER_IDS_MAX)
        return false;
    ids->items[i][0] = '\0';
    return true;
}

static void remember_id(struct pnp_tracker_ids *ids, const char *id)
{
    if (has_id(ids, id))
        return;
    text_copy(ids->items[ids->next], BOARD_ID_SIZE, id);
    ids->next = (ids->next + 1) % PNP_TRACKER_IDS_MAX;
}

static void remove_board(struct pnp_tracker *tracker, struct board *board, pnp_tracker_fn on_change,
                         void *context)
{
    on_change(context, PNP_CHANGE_REMOVAL, board);
    board_table_remove(&tracker->boards, board->id);
}

static bool same_facts(const struct board *a, const struct board *b)
{
    return a->kind == b->kind && strcmp(a->com_port, b->com_port) == 0 &&
           strcmp(a->busid, b->busid) == 0 && strcmp(a->description, b->description) == 0;
}

/* The same board at another place has been away in between, even if nobody saw it. */
static bool has_moved(const struct board *known, const struct board *now)
{
    return known->busid[0] != '\0' && now->busid[0] != '\0' &&
           strcmp(known->busid, now->busid) != 0;
}

/* During a replug the properties come and go one by one; what was known once stays known as long as
 * the board is here. Its kind may rest on a child node alone, which goes before the board does. */
static void keep_known(const struct board *known, struct board *now)
{
    now->state = known->state;
    if (now->busid[0] == '\0')
        text_copy(now->busid, sizeof(now->busid), known->busid);
    if (now->description[0] == '\0')
        text_copy(now->description, sizeof(now->description), known->description);
    if (now->kind == BOARD_KIND_OTHER)
        now->kind = known->kind;
}

static void tell_removals(struct pnp_tracker *tracker, const struct board_table *present,
                          pnp_tracker_fn on_change, void *context)
{
    for (size_t i = tracker->boards.count; i > 0; i--) {
        struct board *known = tracker->boards.items[i - 1];
        const struct board *now = board_table_find(present, known->id);

        if (now == NULL || has_moved(known, now)) {
            remember_id(&tracker->owed, known->id);
            remove_board(tracker, known, on_change, context);
        }
    }
}

static void tell_updates(struct pnp_tracker *tracker, const struct board_table *present,
                         pnp_tracker_fn on_change, void *context)
{
    for (size_t i = 0; i < tracker->boards.count; i++) {
        struct board *known = tracker->boards.items[i];
        struct board *now = board_table_find(present, known->id);

        keep_known(known, now);
        if (!same_facts(known, now)) {
            *known = *now;
            on_change(context, PNP_CHANGE_UPDATE, known);
        }
    }
}

static int tell_arrivals(struct pnp_tracker *tracker, const struct board_table *present,
                         pnp_tracker_fn on_change, void *context)
{
    for (size_t i = 0; i < present->count; i++) {
        struct board *now = present->items[i];
        int error;

        if (board_table_find(&tracker->boards, now->id) != NULL ||
            has_id(&tracker->leaving, now->id))
            continue;
        error = board_table_put(&tracker->boards, now);
        if (error != 0)
            return error;
        on_change(context, PNP_CHANGE_ARRIVAL, board_table_find(&tracker->boards, now->id));
    }
    return 0;
}

static int handle_scan(struct pnp_tracker *tracker, const struct pnp_scan *scan,
                       pnp_tracker_fn on_change, void *context)
{
    struct board_table present;
    int result;
    int error;

    board_table_init(&present);
    result = pnp_scan_to_boards(scan, &present);
    if (result == ERR_NOMEM)
        goto finish;
    for (size_t i = 0; i < PNP_TRACKER_IDS_MAX; i++) {
        if (pnp_scan_find(scan, tracker->leaving.items[i]) == NULL)
            tracker->leaving.items[i][0] = '\0';
    }
    tell_removals(tracker, &present, on_change, context);
    tell_updates(tracker, &present, on_change, context);
    error = tell_arrivals(tracker, &present, on_change, context);
    if (error != 0)
        result = error;
finish:
    board_table_finish(&present);
    return result;
}

static void handle_removed(struct pnp_tracker *tracker, const char *id, pnp_tracker_fn on_change,
                           void *context)
{
    struct board *known = board_table_find(&tracker->boards, id);

    if (forget_id(&tracker->owed, id))
        return; /* Of the life that a scan has seen the end of; this may be the next one. */
    remember_id(&tracker->leaving, id);
    if (known != NULL)
        remove_board(tracker, known, on_change, context);
}

int pnp_tracker_handle(struct pnp_tracker *tracker, const struct pnp_event *event,
                       pnp_tracker_fn on_change, void *context)
{
    switch (event->type) {
    case PNP_EVENT_ARRIVED:
        forget_id(&tracker->leaving, event->id);
        forget_id(&tracker->owed, event->id);
        return 0;
    case PNP_EVENT_REMOVED:
        handle_removed(tracker, event->id, on_change, context);
        return 0;
    case PNP_EVENT_SCANNED:
        return handle_scan(tracker, event->scan, on_change, context);
    case PNP_EVENT_NOTICES_LOST:
        memset(&tracker->leaving, 0, sizeof(tracker->leaving));
        memset(&tracker->owed, 0, sizeof(tracker->owed));
        return 0;
    }
    return ERR_INVALID;
}
