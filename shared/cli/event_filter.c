#include "shared/cli/event_filter.h"

#include "shared/core/error.h"
#include "shared/core/event_json.h"

void event_filter_init(struct event_filter *filter, const struct match *match)
{
    filter->match = *match;
    board_table_init(&filter->fitting);
}

void event_filter_finish(struct event_filter *filter)
{
    board_table_finish(&filter->fitting);
}

static bool does_fit(const struct event_filter *filter, const struct board *board)
{
    return match_check(&filter->match, board) || board_table_find(&filter->fitting, board->id);
}

static int look_at_board(struct event_filter *filter, const struct event *event, bool *passes)
{
    *passes = does_fit(filter, &event->board);
    if (*passes && event->type == EVENT_REMOVAL) {
        board_table_remove(&filter->fitting, event->board.id);
    } else if (*passes) {
        int result = board_table_put(&filter->fitting, &event->board);

        /* No agent has so many; without a place it is known by what its own line says. */
        return result == ERR_FULL ? 0 : result;
    }
    return 0;
}

/* The boards that it does not name are gone, whether their removal was told or not. */
static int look_at_snapshot(struct event_filter *filter, struct event *event, char **rewritten,
                            size_t *len)
{
    const struct board_table *all = event->boards;
    struct board_table fitting;
    int result = 0;

    board_table_init(&fitting);
    for (size_t i = 0; i < all->count && result == 0; i++) {
        if (does_fit(filter, all->items[i])) {
            result = board_table_put(&fitting, all->items[i]);
        }
    }
    if (result == 0) {
        event->boards = &fitting;
        result = event_json_from_event(event, rewritten, len);
        event->boards = all;
    }
    if (result != 0) {
        board_table_finish(&fitting);
        return result;
    }
    board_table_finish(&filter->fitting);
    filter->fitting = fitting;
    return 0;
}

static int look_at_event(struct event_filter *filter, struct event *event, bool *passes,
                         char **rewritten, size_t *rewritten_len)
{
    *passes = true;
    switch (event->type) {
    case EVENT_SNAPSHOT:
        return look_at_snapshot(filter, event, rewritten, rewritten_len);
    case EVENT_LINK:
    case EVENT_DROPPED:
        return 0;
    default:
        return look_at_board(filter, event, passes);
    }
}

int event_filter_look(struct event_filter *filter, const char *line, size_t len, bool *passes,
                      char **rewritten, size_t *rewritten_len)
{
    struct board_table boards;
    struct event event;
    int result;

    *passes = filter->match.kind == MATCH_ANY;
    *rewritten = NULL;
    if (*passes) {
        return 0;
    }
    board_table_init(&boards);
    result = event_json_to_event(line, len, &event, &boards);
    if (result == 0) {
        result = look_at_event(filter, &event, passes, rewritten, rewritten_len);
    } else if (result == ERR_UNSUPPORTED) {
        result = 0;
    }
    board_table_finish(&boards);
    return result;
}
