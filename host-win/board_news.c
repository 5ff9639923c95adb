#include "host-win/board_news.h"

#include <string.h>

#include "shared/core/text.h"

void board_news_init(struct board_news *news, const struct board_table *boards,
                     const struct sharing *sharing, board_news_publish_fn publish, void *context)
{
    memset(news, 0, sizeof *news);
    news->boards = boards;
    news->sharing = sharing;
    news->publish = publish;
    news->context = context;
}

static struct board_departure *find_departure(struct board_news *news, const char *id)
{
    for (size_t i = 0; i < news->departure_count; i++) {
        if (text_equal_nocase(news->departures[i].id, id)) {
            return &news->departures[i];
        }
    }
    return NULL;
}

static void tell(struct board_news *news, enum event_type type, const struct board *board)
{
    struct event event = {.type = type};

    event.board = *board;
    news->publish(news->context, &event);
}

static void tell_needs_sharing(struct board_news *news, const struct board *board)
{
    struct event event = {.type = EVENT_NEEDS_SHARING};

    event.board = *board;
    sharing_remedy(news->sharing, board, event.remedy);
    news->publish(news->context, &event);
}

static void tell_arrival(struct board_news *news, const struct board *board)
{
    tell(news, EVENT_ARRIVAL, board);
    if (board->state == BOARD_STATE_NEEDS_SHARING) {
        tell_needs_sharing(news, board);
    }
}

static void tell_removal(struct board_news *news, const char *id)
{
    struct event event = {.type = EVENT_REMOVAL};

    text_copy(event.board.id, sizeof event.board.id, id);
    news->publish(news->context, &event);
}

/* Tells what the departure has held back, and forgets it. */
static void tell_departure(struct board_news *news, struct board_departure *departure)
{
    struct board_departure told = *departure;
    const struct board *board;

    *departure = news->departures[--news->departure_count];
    tell_removal(news, told.id);
    board = told.returned ? board_table_find(news->boards, told.id) : NULL;
    if (board != NULL) {
        tell_arrival(news, board);
    }
}

void board_news_arrival(struct board_news *news, const struct board *board)
{
    struct board_departure *departure = find_departure(news, board->id);

    if (departure != NULL) {
        departure->returned = true;
    } else {
        tell_arrival(news, board);
    }
}

void board_news_update(struct board_news *news, const struct board *board, bool newly_refused)
{
    if (find_departure(news, board->id) != NULL) {
        return; /* Its arrival is still to be told and will have it all. */
    }
    tell(news, EVENT_UPDATE, board);
    if (newly_refused) {
        tell_needs_sharing(news, board);
    }
}

void board_news_removal(struct board_news *news, const char *id, bool awaits_detached,
                        int64_t now_ms)
{
    struct board_departure *departure = find_departure(news, id);

    if (departure != NULL) {
        departure->returned = false;
    } else if (awaits_detached && news->departure_count < BOARD_TABLE_MAX) {
        departure = &news->departures[news->departure_count++];
        text_copy(departure->id, sizeof departure->id, id);
        departure->deadline_ms = now_ms + BOARD_NEWS_PATIENCE_MS;
        departure->returned = false;
    } else {
        tell_removal(news, id);
    }
}

void board_news_report(struct board_news *news, const struct event *event)
{
    struct board_departure *departure = find_departure(news, event->board.id);
    const struct board *board;

    if (departure != NULL && event->type == EVENT_DETACHED) {
        news->publish(news->context, event);
        tell_departure(news, departure);
        return;
    }
    if (departure != NULL) { /* The guest is at the board's next life already. */
        tell_departure(news, departure);
    }
    news->publish(news->context, event);
    board = board_table_find(news->boards, event->board.id);
    /* Sharing was withdrawn while the guest had the board: it is told when the guest has not. */
    if (board != NULL && board->state == BOARD_STATE_NEEDS_SHARING &&
        (event->type == EVENT_DETACHED || event->type == EVENT_FAILED)) {
        tell_needs_sharing(news, board);
    }
}

int64_t board_news_deadline(const struct board_news *news)
{
    int64_t deadline_ms = -1;

    for (size_t i = 0; i < news->departure_count; i++) {
        if (deadline_ms < 0 || news->departures[i].deadline_ms < deadline_ms) {
            deadline_ms = news->departures[i].deadline_ms;
        }
    }
    return deadline_ms;
}

void board_news_expire(struct board_news *news, int64_t now_ms)
{
    /* From the end, for telling one moves the last into its place. */
    for (size_t i = news->departure_count; i > 0; i--) {
        if (news->departures[i - 1].deadline_ms <= now_ms) {
            tell_departure(news, &news->departures[i - 1]);
        }
    }
}
