/* Tells the boards' lives in the order that docs/events.md promises, although plug-and-play and
 * the guest each report at a pace of their own: a ready board that is unplugged is `detached`
 * before it is removed, and what comes back meanwhile arrives after that. Pure. */
#ifndef TTYFERRY_HOST_WIN_BOARD_NEWS_H
#define TTYFERRY_HOST_WIN_BOARD_NEWS_H

#include "shared/core/board_table.h"
#include "shared/core/event.h"
#include "shared/core/sharing.h"

/* How long a removal waits for the guest's word. */
#define BOARD_NEWS_PATIENCE_MS 3000

typedef void (*board_news_publish_fn)(void *context, const struct event *event);

/* A board that is gone from Windows while the guest still has to let go of it. */
struct board_departure {
    char id[BOARD_ID_SIZE];
    int64_t deadline_ms;
    bool returned;
};

struct board_news {
    const struct board_table *boards; /* that are here, each with its state by sharing_judge */
    const struct sharing *sharing;
    board_news_publish_fn publish;
    void *context;
    struct board_departure departures[BOARD_TABLE_MAX];
    size_t departure_count;
};

/* `boards`, `sharing` and `context` must outlive the news. */
void board_news_init(struct board_news *news, const struct board_table *boards,
                     const struct sharing *sharing, board_news_publish_fn publish, void *context);

/* A board of `boards` came; one whose facts or whose state changed. `newly_refused`: usbipd's leave
 * is missing from now on, and the guest does not hold the board. */
void board_news_arrival(struct board_news *news, const struct board *board);
void board_news_update(struct board_news *news, const struct board *board, bool newly_refused);

/* The board went. `awaits_detached`: the guest has it and will say when it has let go. `now_ms` is
 * of any clock that never goes back. */
void board_news_removal(struct board_news *news, const char *id, bool awaits_detached,
                        int64_t now_ms);

/* The guest reported; `event` is EVENT_ATTACHING, _READY, _FAILED or _DETACHED. */
void board_news_report(struct board_news *news, const struct event *event);

/* When board_news_expire is due next, or -1. */
int64_t board_news_deadline(const struct board_news *news);

/* Tells the removals that have waited until `now_ms`; INT64_MAX means all, for the guest will not
 * say any more. */
void board_news_expire(struct board_news *news, int64_t now_ms);

#endif
