#include "shared/cli/wait_reason.h"

#include <stddef.h>

#include "shared/cli/cli_output.h"
#include "shared/cli/cli_side.h"
#include "shared/core/board_remark.h"
#include "shared/core/board_table.h"

/* More boards than that are a matter for `list`. */
#define ROWS_MAX 4u

static bool is_wanted(const struct board *board)
{
    return board->state != BOARD_STATE_AVAILABLE && board->state != BOARD_STATE_NEEDS_SHARING &&
           board->state != BOARD_STATE_YIELDED;
}

/* Without the link one side hears of no board, and the other gets none across. */
static bool is_link_missed(bool gone, const struct event *snapshot)
{
    const struct board_table *fitting = snapshot->boards;

    if (snapshot->link_up) {
        return false;
    }
    return !cli_side_sees_boards || (!gone && fitting->count > 0 && is_wanted(fitting->items[0]));
}

static void say_link_remedy(const char *verb)
{
    cli_output_error(verb, "  remedy: %s", cli_side_link_remedy);
}

static void say_remarks(const char *verb, const struct board *board)
{
    struct board_remark remarks[BOARD_REMARKS_MAX];
    size_t count = board_remarks(board, remarks);

    for (size_t i = 0; i < count; i++) {
        cli_output_error(verb, "  %s%s", remarks[i].label, remarks[i].text);
    }
}

static void say_boards(const char *verb, const struct board_table *boards)
{
    for (size_t i = 0; i < boards->count && i < ROWS_MAX; i++) {
        const struct board *board = boards->items[i];

        cli_output_error(verb, "  %04x:%04x port=%s %s: %s", board->vid, board->pid,
                         board->busid[0] != '\0' ? board->busid : "(unknown)", board->description,
                         board_state_to_name(board->state));
    }
    if (boards->count > ROWS_MAX) {
        cli_output_error(verb, "  and %zu more (see \"ttyferry list\")", boards->count - ROWS_MAX);
    }
}

static void say_nothing_fits(const char *verb, const char *match_text, bool gone, bool link_missed)
{
    if (link_missed) {
        cli_output_error(verb, "\"%s\" is not %s: the link to %s is down", match_text,
                         gone ? "known to be gone" : "ready", cli_side_other);
        say_link_remedy(verb);
    } else {
        cli_output_error(verb,
                         "\"%s\" is not %s: no board fits; \"ttyferry list\" shows what is there",
                         match_text, gone ? "gone" : "ready");
    }
}

void wait_reason_say(const char *verb, const char *match_text, bool gone,
                     const struct event *snapshot)
{
    const struct board_table *fitting = snapshot->boards;
    const char *wanted = gone ? "gone" : "ready";
    bool link_missed = is_link_missed(gone, snapshot);

    if (fitting->count == 0) {
        say_nothing_fits(verb, match_text, gone, link_missed);
        return;
    }
    if (fitting->count == 1) {
        cli_output_error(verb, "\"%s\" is not %s, its state is %s", match_text, wanted,
                         board_state_to_name(fitting->items[0]->state));
        if (!gone) {
            say_remarks(verb, fitting->items[0]);
        }
    } else {
        cli_output_error(verb, "\"%s\" is not %s, %zu boards fit:", match_text, wanted,
                         fitting->count);
        say_boards(verb, fitting);
    }
    if (link_missed) {
        cli_output_error(verb, "  the link to %s is down", cli_side_other);
        say_link_remedy(verb);
    }
}
