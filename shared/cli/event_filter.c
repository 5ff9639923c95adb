#include "shared/cli/event_filter.h"

#include "shared/core/error.h"
#include "shared/core/event_json.h"

void event_filter_init(struct event_filter *filter, const struct match *match)
{
    filter->match = *match;
    filter->is_resumed = false;
    board_table_init(&filter->fitting);
    board_table_init(&filter->newcomers);
}

void event_filter_finish(struct event_filter *filter)
{
    board_table_finish(&filter->fitting);
    board_table_finish(&filter->newcomers);
}

void event_filter_resume(struct event_filter *filter)
{
    filter->is_resumed = true;
}

static bool may_have_fitted(const struct event_filter *filter, const struct board *board)
{
    return filter->is_resumed && match_can_lose(&filter->match) &&
           !board_table_find(&filter->newcomers, board->id);
}

static bool does_fit(const struct event_filter *filter, const struct board *board)
{
    return match_check(&filter->match, board) || board_table_find(&filter->fitting, board->id) ||
           may_have_fitted(filter, board);
}

/* No agent has so many boards; without a place one is known by what its own line says. */
static int remember(struct board_table *table, const struct board *board)
{
    int result = board_table_put(table, board);

    return result == ERR_FULL ? 0 : result;
}

static int look_at_board(struct event_filter *filter, const struct event *event, bool *passes)
{
    int result = 0;

    if (filter->is_resumed && event->type == EVENT_ARRIVAL) {
        result = remember(&filter->newcomers, &event->board);
    }
    *passes = does_fit(filter, &event->board);
    if (event->type == EVENT_REMOVAL) {
        board_table_remove(&filter->fitting, event->board.id);
        board_table_remove(&filter->newcomers, event->board.id);
    } else if (*passes && result == 0) {
        result = remember(&filter->fitting, &event->board);
    }
    return result;
}

/* Those that it does not name are gone, whether their removal was told or not. */
int event_filter_follow(struct event_filter *filter, const struct board_table *boards)
{
    struct board_table fitting;
    int result = 0;

    board_table_init(&fitting);
    for (size_t i = 0; i < boards->count && result == 0; i++) {
        if (does_fit(filter, boards->items[i])) {
            result = board_table_put(&fitting, boards->items[i]);
        }
    }
    if (result != 0) {
        board_table_finish(&fitting);
        return result;
    }
    board_table_finish(&filter->fitting);
    filter->fitting = fitting;
    return 0;
}

static int look_at_snapshot(struct event_filter *filter, struct event *event, char **rewritten,
                            size_t *len)
{
    const struct board_table *all = event->boards;
    int result = event_filter_follow(filter, all);

    if (result == 0) {
        event->boards = &filter->fitting;
        result = event_json_from_event(event, rewritten, len);
        event->boards = all;
    }
    return result;
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
