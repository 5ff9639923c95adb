#include "host-win/board_teller.h"

#include <stdlib.h>
#include <string.h>

#include "host-win/board_news.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/core/yields.h"

struct board_teller {
    struct stream *stream;
    struct guest_link *link; /* NULL: none yet, or no longer */
    const struct board_table *boards;
    const struct sharing *sharing;
    struct yields yields;
    struct board_news news;
    uv_timer_t news_timer;
};

/* Where the board stands for the readers of our stream. */
static enum board_state told_state(const struct board_teller *teller, const char *id)
{
    const struct board *told = board_table_find(stream_boards(teller->stream), id);

    return told != NULL ? told->state : BOARD_STATE_GONE;
}

static bool is_told_as_guests(const struct board_teller *teller, const char *id)
{
    enum board_state told = told_state(teller, id);

    return told == BOARD_STATE_READY || told == BOARD_STATE_ATTACHING;
}

static void publish(void *context, const struct event *event)
{
    struct board_teller *teller = context;

    stream_publish(teller->stream, event);
}

static int64_t now_ms(const struct board_teller *teller)
{
    return (int64_t)uv_now(teller->news_timer.loop);
}

static void on_news_timer(uv_timer_t *timer);

static void schedule_news(struct board_teller *teller)
{
    int64_t deadline_ms = board_news_deadline(&teller->news);
    int64_t wait_ms = deadline_ms - now_ms(teller);

    if (deadline_ms < 0) {
        uv_timer_stop(&teller->news_timer);
    } else {
        uv_timer_start(&teller->news_timer, on_news_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
    }
}

static void on_news_timer(uv_timer_t *timer)
{
    struct board_teller *teller = timer->data;

    board_news_expire(&teller->news, now_ms(teller));
    schedule_news(teller);
}

static void log_board(const char *what, const struct board *board)
{
    log_info("%04x:%04x %s%s%s %s (%s, %s, busid %s)", board->vid, board->pid, board->name,
             board->name[0] != '\0' ? " " : "", what, board->description,
             board->com_port[0] != '\0' ? board->com_port : "no COM port",
             board_state_to_name(board->state), board->busid[0] != '\0' ? board->busid : "none");
}

static void send_to_guest(struct board_teller *teller, enum wire_type type,
                          const struct board *board)
{
    if (teller->link == NULL) {
        return;
    }
    guest_link_send(teller->link, type, board, teller->sharing);
    if (type != WIRE_REMOVAL) {
        guest_link_kick(teller->link);
    }
}

/* What the user has taken from the guest stays with Windows. */
static enum board_state judge(const struct board_teller *teller, const struct board *board)
{
    return board->state == BOARD_STATE_YIELDED || yields_has(&teller->yields, board)
               ? BOARD_STATE_YIELDED
               : sharing_judge(teller->sharing, board);
}

static void hand_event(const struct board_teller *teller, enum event_type type,
                       const struct board *board, struct event *event)
{
    *event = (struct event){.type = type, .board = *board};
    if (type == EVENT_YIELDED && !yields_has(&teller->yields, board)) {
        text_copy(event->until, sizeof event->until, "replug");
    }
}

static void send_hand(struct board_teller *teller, const struct event *event)
{
    if (teller->link != NULL) {
        guest_link_send_event(teller->link,
                              event->type == EVENT_YIELDED ? WIRE_YIELDED : WIRE_TAKEN, event);
    }
}

/* Tells that the board is the user's, or no longer. While the guest has it, its `detached` comes
 * first on our stream, and settle_yielded after that. */
static void tell_hand(struct board_teller *teller, enum event_type type, const struct board *board)
{
    struct event event;

    hand_event(teller, type, board, &event);
    if (type != EVENT_YIELDED || !is_told_as_guests(teller, board->id)) {
        stream_publish(teller->stream, &event);
    }
    send_hand(teller, &event);
    send_to_guest(teller, WIRE_UPDATE, board);
}

static void settle_yielded(struct board_teller *teller, const struct board *board)
{
    struct event event;

    if (board->state == BOARD_STATE_YIELDED && !is_told_as_guests(teller, board->id) &&
        told_state(teller, board->id) != BOARD_STATE_YIELDED) {
        hand_event(teller, EVENT_YIELDED, board, &event);
        stream_publish(teller->stream, &event);
    }
}

static void tell_arrival(struct board_teller *teller, struct board *board)
{
    struct event event;

    board->state = yields_has(&teller->yields, board) ? BOARD_STATE_YIELDED
                                                      : sharing_judge(teller->sharing, board);
    log_board("came:", board);
    board_news_arrival(&teller->news, board);
    send_to_guest(teller, WIRE_ARRIVAL, board);
    if (board->state == BOARD_STATE_YIELDED) { /* As the arrival says on our own stream. */
        hand_event(teller, EVENT_YIELDED, board, &event);
        send_hand(teller, &event);
    }
}

static void tell_update(struct board_teller *teller, struct board *board)
{
    enum board_state was = board->state;

    board->state = judge(teller, board);
    log_board("is now:", board);
    board_news_update(&teller->news, board,
                      board->state == BOARD_STATE_NEEDS_SHARING &&
                          was != BOARD_STATE_NEEDS_SHARING &&
                          !is_told_as_guests(teller, board->id));
    if (board->state == BOARD_STATE_YIELDED && was != BOARD_STATE_YIELDED) {
        tell_hand(teller, EVENT_YIELDED, board); /* Its name has come late. */
    } else {
        send_to_guest(teller, WIRE_UPDATE, board);
    }
}

static void tell_removal(struct board_teller *teller, const struct board *board)
{
    bool awaits_detached = teller->link != NULL && guest_link_is_up(teller->link) &&
                           told_state(teller, board->id) == BOARD_STATE_READY;

    log_board("went:", board);
    send_to_guest(teller, WIRE_REMOVAL, board);
    board_news_removal(&teller->news, board->id, awaits_detached, now_ms(teller));
    schedule_news(teller);
}

/* The guest need not wait for its next try. */
static void tell_return(struct board_teller *teller, const struct board *board)
{
    log_board("is Windows' again:", board);
    send_to_guest(teller, WIRE_ARRIVAL, board);
}

/* `usbipd detach`: somebody wants it at Windows. When the service ends it detaches everything in
 * the same way, and wants nothing. */
static void tell_given_up(struct board_teller *teller, struct board *board)
{
    if (board->state != BOARD_STATE_WAITING || !teller->sharing->running) {
        tell_return(teller, board);
        return;
    }
    board->state = BOARD_STATE_YIELDED;
    log_board("was detached by hand and stays with Windows until it is plugged in anew:", board);
    tell_hand(teller, EVENT_YIELDED, board);
}

void board_teller_change(struct board_teller *teller, enum pnp_change change, struct board *board)
{
    switch (change) {
    case PNP_CHANGE_ARRIVAL:
        tell_arrival(teller, board);
        break;
    case PNP_CHANGE_UPDATE:
        tell_update(teller, board);
        break;
    case PNP_CHANGE_RETURN:
        tell_return(teller, board);
        break;
    case PNP_CHANGE_GIVEN_UP:
        tell_given_up(teller, board);
        break;
    case PNP_CHANGE_REMOVAL:
        tell_removal(teller, board);
        break;
    }
}

/* Somebody else got or gave up the board that the guest is after. */
static void tell_other_client(struct board_teller *teller, const struct board *board,
                              bool has_other)
{
    if (told_state(teller, board->id) == BOARD_STATE_FAILED) {
        send_to_guest(teller, has_other ? WIRE_UPDATE : WIRE_ARRIVAL, board);
    }
}

void board_teller_judge_anew(struct board_teller *teller, struct board *board, bool was_attached)
{
    bool is_attached = sharing_attached_to(teller->sharing, board->id)[0] != '\0';

    if (board->state == BOARD_STATE_YIELDED && !teller->sharing->running &&
        !yields_has(&teller->yields, board)) {
        board->state = sharing_judge(teller->sharing, board);
        log_board("is taken again, for usbipd's service has ended:", board);
        tell_hand(teller, EVENT_TAKEN, board);
    } else if (judge(teller, board) != board->state) {
        tell_update(teller, board);
    } else if (board->state == BOARD_STATE_WAITING && is_attached != was_attached) {
        tell_other_client(teller, board, is_attached);
    }
}

void board_teller_report(struct board_teller *teller, const struct event *event,
                         struct board *board)
{
    /* A guest says so of every board that it has not. */
    if (event->type == EVENT_DETACHED && !is_told_as_guests(teller, event->board.id)) {
        return;
    }
    board_news_report(&teller->news, event);
    schedule_news(teller);
    if (board != NULL) {
        settle_yielded(teller, board);
    }
    if (event->type == EVENT_READY && board != NULL && board->is_hidden &&
        event->board.ttys.count > 0) {
        board->is_hidden = false;
        board->kind = BOARD_KIND_SERIAL;
        tell_update(teller, board);
    }
}

static void yield_board(struct board_teller *teller, struct board *board,
                        struct request_outcome *outcome)
{
    if (board->state != BOARD_STATE_WAITING && board->state != BOARD_STATE_YIELDED) {
        request_refuse(outcome, "not_attached",
                       "the board is not in the guest nor wanted there: Windows has it already",
                       NULL);
        return;
    }
    if (yields_add(&teller->yields, board) != 0) {
        request_refuse(outcome, "full", "too many boards are yielded", "Take some of them again.");
        return;
    }
    for (size_t i = 0; i < teller->boards->count; i++) {
        struct board *each = teller->boards->items[i];

        if (yields_has(&teller->yields, each) &&
            (each == board || each->state == BOARD_STATE_WAITING)) {
            each->state = BOARD_STATE_YIELDED;
            log_board("was yielded and stays with Windows until it is taken:", each);
            tell_hand(teller, EVENT_YIELDED, each);
        }
    }
}

static void take_back(struct board_teller *teller, struct board *board)
{
    board->state = sharing_judge(teller->sharing, board);
    log_board("was taken again:", board);
    tell_hand(teller, EVENT_TAKEN, board);
    if (board->state != BOARD_STATE_WAITING) {
        board_news_update(&teller->news, board, board->state == BOARD_STATE_NEEDS_SHARING);
    }
}

static void take_board(struct board_teller *teller, struct board *board,
                       struct request_outcome *outcome)
{
    char name[BOARD_NAME_SIZE];

    if (board->state == BOARD_STATE_WAITING) {
        return; /* It is the guest's as it is. */
    }
    if (board->state != BOARD_STATE_YIELDED) {
        request_refuse(outcome, "not_yielded", "nobody has yielded the board",
                       board->state == BOARD_STATE_NEEDS_SHARING
                           ? "Share it: usbipd may not export it."
                           : "Name it in the section boards of the configuration.");
        return;
    }
    text_copy(name, sizeof name, board->name);
    yields_remove(&teller->yields, board);
    for (size_t i = 0; i < teller->boards->count; i++) {
        struct board *each = teller->boards->items[i];

        if (each->state == BOARD_STATE_YIELDED &&
            (each == board || (name[0] != '\0' && strcmp(each->name, name) == 0))) {
            take_back(teller, each);
        }
    }
}

void board_teller_request(struct board_teller *teller, enum request_type type, const char *board_id,
                          struct request_outcome *outcome)
{
    struct board *board = board_table_find(teller->boards, board_id);

    if (board == NULL) {
        request_refuse(outcome, "unknown_board", "Windows has no such board now", NULL);
    } else if (type == REQUEST_YIELD) {
        yield_board(teller, board, outcome);
    } else {
        take_board(teller, board, outcome);
    }
}

void board_teller_send_yields(struct board_teller *teller)
{
    for (size_t i = 0; i < teller->boards->count; i++) {
        struct event event;

        if (teller->boards->items[i]->state == BOARD_STATE_YIELDED) {
            hand_event(teller, EVENT_YIELDED, teller->boards->items[i], &event);
            send_hand(teller, &event);
        }
    }
}

void board_teller_link_down(struct board_teller *teller)
{
    board_news_expire(&teller->news, INT64_MAX);
    schedule_news(teller);
}

void board_teller_set_link(struct board_teller *teller, struct guest_link *link)
{
    teller->link = link;
}

int board_teller_open(uv_loop_t *loop, struct stream *stream, const struct board_table *boards,
                      const struct sharing *sharing, struct board_teller **teller)
{
    struct board_teller *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->stream = stream;
    opened->boards = boards;
    opened->sharing = sharing;
    board_news_init(&opened->news, boards, sharing, publish, opened);
    uv_timer_init(loop, &opened->news_timer); /* Never fails. */
    opened->news_timer.data = opened;
    *teller = opened;
    return 0;
}

static void on_news_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void board_teller_close(struct board_teller *teller)
{
    uv_close((uv_handle_t *)&teller->news_timer, on_news_timer_closed);
}
