#include "shared/core/pnp_tracker.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
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

static void remove_board(struct pnp_tracker *tracker, struct board *board, pnp_tracker_fn on_change,
                         void *context)
{
    on_change(context, PNP_CHANGE_REMOVAL, board);
    pnp_claims_drop(&tracker->claims, board->id);
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
    text_copy(now->name, sizeof(now->name), known->name);
    if (now->busid[0] == '\0')
        text_copy(now->busid, sizeof(now->busid), known->busid);
    if (now->description[0] == '\0')
        text_copy(now->description, sizeof(now->description), known->description);
    if (now->kind == BOARD_KIND_OTHER)
        now->kind = known->kind;
}

/* What one event is taken in with. */
struct look {
    struct pnp_tracker *tracker;
    const struct pnp_event *event;
    struct board_table present; /* what the scan shows, without what is on its way out */
    pnp_tracker_fn on_change;
    void *context;
};

static void tell_removal(struct look *look, struct board *board)
{
    remove_board(look->tracker, board, look->on_change, look->context);
}

/* A device in another mode (a bootloader) has another id, and shows that the former one is gone. */
static bool is_place_taken(const struct look *look, const struct board *known)
{
    for (size_t i = 0; i < look->present.count; i++) {
        const struct board *other = look->present.items[i];

        if (known->busid[0] != '\0' && strcmp(other->busid, known->busid) == 0 &&
            !text_equal_nocase(other->id, known->id))
            return true;
    }
    return false;
}

/* Returns true if the board's stub is there, and remembers it. */
static bool is_captured(struct look *look, const struct board *known)
{
    const struct pnp_node *stub = pnp_scan_find_stub(look->event->scan, known);
    struct pnp_claim *claim;

    if (stub == NULL || look->tracker->believes_windows || pnp_scan_is_stub(known->id) ||
        pnp_notices_is_leaving(&look->tracker->notices, stub->instance_id))
        return false;
    claim = pnp_claims_get(&look->tracker->claims, known->id);
    if (claim != NULL)
        pnp_claim_capture(claim, stub->instance_id);
    return true;
}

/* The scan does not show the board. Returns true if that is its end. */
static bool is_gone(struct look *look, const struct board *known)
{
    struct pnp_claim *claim;

    if (is_captured(look, known))
        return false;
    claim = pnp_claims_find(&look->tracker->claims, known->id);
    if (!pnp_claim_excuses(claim) || is_place_taken(look, known))
        return true;
    pnp_claim_miss(claim, look->event->now_ms);
    return pnp_claim_is_over(claim, look->event->now_ms);
}

static void tell_removals(struct look *look)
{
    struct pnp_tracker *tracker = look->tracker;

    for (size_t i = tracker->boards.count; i > 0; i--) {
        struct board *known = tracker->boards.items[i - 1];
        const struct board *now = board_table_find(&look->present, known->id);
        bool moved = now != NULL && has_moved(known, now);

        if (moved)
            pnp_notices_see_return(&tracker->notices, known->id);
        if (moved || (now == NULL && is_gone(look, known)))
            tell_removal(look, known);
    }
}

/* The board itself is there, whatever was before. */
static void tell_return(struct look *look, struct board *known)
{
    struct pnp_claim *claim = pnp_claims_find(&look->tracker->claims, known->id);
    bool was_elsewhere;

    if (claim == NULL)
        return;
    was_elsewhere = claim->is_captured || claim->is_away;
    claim->is_captured = false;
    claim->is_away = false;
    /* The guest's report is still to come, and says what the return is part of. */
    if (claim->phase != PNP_CLAIM_NONE) {
        claim->has_returned = was_elsewhere && claim->phase == PNP_CLAIM_HELD;
        return;
    }
    was_elsewhere = was_elsewhere && !claim->has_failed;
    pnp_claims_drop(&look->tracker->claims, known->id);
    if (was_elsewhere)
        look->on_change(look->context, PNP_CHANGE_RETURN, known);
}

static void tell_updates(struct look *look)
{
    struct pnp_tracker *tracker = look->tracker;

    for (size_t i = 0; i < tracker->boards.count; i++) {
        struct board *known = tracker->boards.items[i];
        struct board *now = board_table_find(&look->present, known->id);

        if (now == NULL)
            continue; /* Captured, or away: nothing new is known of it. */
        keep_known(known, now);
        if (!same_facts(known, now)) {
            *known = *now;
            look->on_change(look->context, PNP_CHANGE_UPDATE, known);
        }
        tell_return(look, known);
    }
}

static int tell_arrival(struct look *look, const struct board *board)
{
    struct pnp_tracker *tracker = look->tracker;
    int error = board_table_put(&tracker->boards, board);

    if (error == 0)
        look->on_change(look->context, PNP_CHANGE_ARRIVAL,
                        board_table_find(&tracker->boards, board->id));
    return error;
}

static int tell_arrivals(struct look *look)
{
    for (size_t i = 0; i < look->present.count; i++) {
        const struct board *now = look->present.items[i];
        int error = 0;

        if (board_table_find(&look->tracker->boards, now->id) == NULL)
            error = tell_arrival(look, now);
        if (error != 0)
            return error;
    }
    return 0;
}

/* Boards that were captured before anybody here knew them. */
static int tell_captured(struct look *look)
{
    const struct pnp_event *event = look->event;

    for (size_t i = 0; i < event->capture_count && !look->tracker->believes_windows; i++) {
        const struct pnp_capture *capture = &event->captures[i];
        const struct pnp_node *stub = pnp_scan_find(event->scan, capture->stub_id);
        struct board board;
        int error;

        if (stub == NULL || board_table_find(&look->tracker->boards, capture->id) != NULL ||
            pnp_scan_board_from_stub(stub, capture->id, capture->description, &board) != 0)
            continue;
        error = tell_arrival(look, &board);
        if (error != 0)
            return error;
        (void)is_captured(look, &board);
    }
    return 0;
}

/* Holds the boards and stubs against the notices, and leaves out the boards on their way out. */
static void compare_with_notices(struct look *look)
{
    struct pnp_notices *notices = &look->tracker->notices;
    struct board_table *present = &look->present;
    const struct pnp_scan *scan = look->event->scan;

    pnp_notices_begin(notices, look->event->now_ms);
    for (size_t i = 0; i < present->count; i++)
        pnp_notices_see(notices, present->items[i]->id);
    for (size_t i = 0; i < scan->count; i++) {
        if (pnp_scan_is_stub(scan->nodes[i].instance_id))
            pnp_notices_see(notices, scan->nodes[i].instance_id);
    }
    pnp_notices_end(notices);
    for (size_t i = present->count; i > 0; i--) {
        const char *id = present->items[i - 1]->id;

        if (pnp_notices_is_leaving(notices, id))
            board_table_remove(present, id);
    }
}

/* True if somebody is behind the stub: the guest, or a client that usbipd has noted. */
static bool is_somebodys(const struct look *look, const struct pnp_node *stub)
{
    const struct pnp_event *event = look->event;

    for (size_t i = 0; i < event->capture_count; i++) {
        if (text_equal_nocase(event->captures[i].stub_id, stub->instance_id))
            return true;
    }
    for (size_t i = 0; i < look->tracker->boards.count; i++) {
        const struct board *board = look->tracker->boards.items[i];

        if (!pnp_scan_is_stub(board->id) && pnp_scan_find_stub(event->scan, board) == stub)
            return true;
    }
    return false;
}

/* Makes boards of the stubs that nobody is behind. */
static int add_orphans(struct look *look)
{
    struct pnp_orphans *orphans = &look->tracker->orphans;
    const struct pnp_scan *scan = look->event->scan;
    int result = 0;

    pnp_orphans_begin(orphans, look->event->now_ms);
    for (size_t i = 0; i < scan->count; i++) {
        const struct pnp_node *node = &scan->nodes[i];
        struct board board;

        if (!pnp_scan_is_stub(node->instance_id) || is_somebodys(look, node) ||
            pnp_notices_is_leaving(&look->tracker->notices, node->instance_id) ||
            !pnp_orphans_see(orphans, node->instance_id))
            continue;
        pnp_scan_board_of_stub(node, &board);
        result = board_table_put(&look->present, &board);
    }
    pnp_orphans_end(orphans);
    return result;
}

static int handle_scan(struct look *look)
{
    int result;
    int error;

    board_table_init(&look->present);
    result = pnp_scan_to_boards(look->event->scan, &look->present);
    if (result == ERR_NOMEM)
        goto finish;
    compare_with_notices(look);
    if (!look->tracker->believes_windows && add_orphans(look) == ERR_NOMEM)
        result = ERR_NOMEM;
    tell_removals(look);
    tell_updates(look);
    error = tell_arrivals(look);
    if (error == 0)
        error = tell_captured(look);
    if (error != 0)
        result = error;
finish:
    board_table_finish(&look->present);
    return result;
}

static int handle_removed(struct look *look)
{
    struct pnp_tracker *tracker = look->tracker;
    const char *id = look->event->id;
    struct board *known = board_table_find(&tracker->boards, id);
    struct pnp_claim *claim = pnp_claims_find(&tracker->claims, id);
    struct pnp_claim *captured = pnp_claims_find_stub(&tracker->claims, id);

    if (!pnp_notices_hear(&tracker->notices, id, PNP_NOTICE_REMOVED, look->event->now_ms))
        return 0; /* A scan has shown this end, and maybe what has come since. */
    if (known != NULL && !pnp_claim_excuses(claim))
        tell_removal(look, known);
    else if (known != NULL)
        pnp_claim_miss(claim, look->event->now_ms); /* The scan that follows may see the stub. */
    else if (captured != NULL)
        pnp_claim_miss(captured, look->event->now_ms);
    return 0;
}

static int handle_arrived(struct look *look)
{
    (void)pnp_notices_hear(&look->tracker->notices, look->event->id, PNP_NOTICE_ARRIVED,
                           look->event->now_ms);
    return 0;
}

static int handle_notices_lost(struct look *look)
{
    memset(&look->tracker->notices, 0, sizeof(look->tracker->notices));
    return 0;
}

static int handle_request(struct look *look)
{
    const struct pnp_event *event = look->event;
    struct pnp_claim *claim = NULL;

    if (!look->tracker->believes_windows &&
        board_table_find(&look->tracker->boards, event->id) != NULL)
        claim = pnp_claims_get(&look->tracker->claims, event->id);
    if (claim == NULL)
        return 0; /* Not a board of ours. */
    pnp_claim_set_phase(claim, event->type == PNP_EVENT_ASKED ? PNP_CLAIM_ASKED : PNP_CLAIM_HELD,
                        event->now_ms);
    return 0;
}

/* What the end of the guest's claim says about the board. */
static void tell_end(struct look *look, struct board *board, const struct pnp_claim *claim)
{
    enum pnp_event_type end = look->event->type;
    int64_t lost_ms = look->event->now_ms - look->event->leaving_ms;

    if (end == PNP_EVENT_LOST && claim->is_given_up)
        log_debug("%s: lost %lld ms after usbipd had deleted its note", board->id,
                  (long long)(lost_ms - claim->given_up_ms));
    if (end == PNP_EVENT_LOST && pnp_claim_is_given_up(claim, lost_ms) &&
        lost_ms >= look->tracker->doubted_until_ms)
        look->on_change(look->context, PNP_CHANGE_GIVEN_UP, board);
    else if (end != PNP_EVENT_FAILED && claim->has_returned)
        look->on_change(look->context, PNP_CHANGE_RETURN, board);
}

static int handle_end(struct look *look)
{
    struct pnp_tracker *tracker = look->tracker;
    const struct pnp_event *event = look->event;
    struct board *known = board_table_find(&tracker->boards, event->id);
    struct pnp_claim *claim = pnp_claims_find(&tracker->claims, event->id);

    if (known == NULL || claim == NULL)
        return 0;
    pnp_claim_set_phase(claim, PNP_CLAIM_NONE, event->now_ms);
    claim->has_failed = event->type == PNP_EVENT_FAILED;
    tell_end(look, known, claim);
    claim->has_returned = false;
    claim->is_given_up = false;
    if (!pnp_claim_excuses(claim))
        pnp_claims_drop(&tracker->claims, event->id);
    return 0;
}

static const struct pnp_capture *find_capture(const struct pnp_event *event, const char *id)
{
    for (size_t i = 0; i < event->capture_count; i++) {
        if (text_equal_nocase(event->captures[i].id, id))
            return &event->captures[i];
    }
    return NULL;
}

/* usbipd-win notes a board that it has captured, so the removal notice of the board itself is about
 * that even if no scan has come in between. Later notes say nothing more: the board may have
 * returned since. */
static void take_note(struct pnp_claim *claim, const struct pnp_capture *capture)
{
    bool is_new = !claim->is_noted && claim->phase != PNP_CLAIM_NONE;

    claim->is_forced = text_equal_nocase(capture->stub_id, claim->id);
    if (is_new && !claim->is_forced)
        pnp_claim_capture(claim, capture->stub_id);
}

static int handle_noted(struct look *look)
{
    struct pnp_claims *claims = &look->tracker->claims;

    for (size_t i = 0; i < claims->count; i++) {
        struct pnp_claim *claim = &claims->items[i];
        const struct pnp_capture *capture = find_capture(look->event, claim->id);

        if (capture != NULL)
            take_note(claim, capture);
        pnp_claim_set_noted(claim, capture != NULL, look->event->now_ms);
    }
    return 0;
}

static int handle_doubted(struct look *look)
{
    look->tracker->doubted_until_ms = look->event->now_ms + PNP_TRACKER_DOUBT_MS;
    return 0;
}

static int handle_tick(struct look *look)
{
    struct pnp_tracker *tracker = look->tracker;

    tracker->orphans.now_ms = look->event->now_ms; /* The scan that follows tells them. */

    for (size_t i = tracker->boards.count; i > 0; i--) {
        struct board *known = tracker->boards.items[i - 1];
        const struct pnp_claim *claim = pnp_claims_find(&tracker->claims, known->id);

        if (claim != NULL && pnp_claim_is_over(claim, look->event->now_ms))
            tell_removal(look, known);
    }
    return 0;
}

int64_t pnp_tracker_deadline(const struct pnp_tracker *tracker)
{
    int64_t claims_ms = pnp_claims_deadline(&tracker->claims);
    int64_t orphans_ms = pnp_orphans_deadline(&tracker->orphans);

    return claims_ms < orphans_ms ? claims_ms : orphans_ms;
}

int pnp_tracker_handle(struct pnp_tracker *tracker, const struct pnp_event *event,
                       pnp_tracker_fn on_change, void *context)
{
    static int (*const handlers[])(struct look *) = {
        [PNP_EVENT_ARRIVED] = handle_arrived, [PNP_EVENT_REMOVED] = handle_removed,
        [PNP_EVENT_SCANNED] = handle_scan,    [PNP_EVENT_NOTICES_LOST] = handle_notices_lost,
        [PNP_EVENT_ASKED] = handle_request,   [PNP_EVENT_HELD] = handle_request,
        [PNP_EVENT_FAILED] = handle_end,      [PNP_EVENT_RELEASED] = handle_end,
        [PNP_EVENT_LOST] = handle_end,        [PNP_EVENT_NOTED] = handle_noted,
        [PNP_EVENT_DOUBTED] = handle_doubted, [PNP_EVENT_TICK] = handle_tick,
    };
    struct look look = {
        .tracker = tracker, .event = event, .on_change = on_change, .context = context};

    return handlers[event->type](&look);
}
