#include "host-win/distribution.h"

#include <stdlib.h>

#include "host-win/wsl.h"
#include "host-win/wsl_bridge.h"
#include "host-win/wsl_keeper.h"
#include "shared/core/error.h"

struct distribution {
    const struct board_table *boards;
    struct wsl *wsl;
    struct wsl_keeper *keeper;
    struct wsl_bridge *bridge;
    uv_timer_t timer; /* due at once: the boards are counted when all is said about them */
    bool has_come;    /* a board, since then */
};

static void on_timer(uv_timer_t *timer)
{
    struct distribution *distribution = timer->data;

    wsl_keeper_update(distribution->keeper, distribution->boards, distribution->has_come);
    distribution->has_come = false;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Also of one that has been opened halfway. Wsl and keeper go in one turn of the loop: a look of
 * the one would call the other. */
void distribution_close(struct distribution *distribution)
{
    if (distribution->wsl != NULL) {
        wsl_close(distribution->wsl, NULL, NULL);
    }
    if (distribution->keeper != NULL) {
        wsl_keeper_close(distribution->keeper, NULL, NULL);
    }
    if (distribution->bridge != NULL) {
        wsl_bridge_close(distribution->bridge);
    }
    uv_close((uv_handle_t *)&distribution->timer, on_timer_closed);
}

static int open_parts(uv_loop_t *loop, const struct config *config,
                      struct distribution *distribution)
{
    char program[WSL_PROGRAM_SIZE];
    int error = wsl_program_path(program);

    if (error == 0) {
        error = wsl_open(loop, program, config->wsl_distribution, &distribution->wsl);
    }
    if (error == 0) {
        error = wsl_keeper_open(loop, distribution->wsl, config, &distribution->keeper);
    }
    return error == 0 ? wsl_bridge_open(loop, config->wsl_distribution, &distribution->bridge)
                      : error;
}

int distribution_open(uv_loop_t *loop, const struct config *config,
                      const struct board_table *boards, bool is_away,
                      struct distribution **distribution)
{
    struct distribution *opened = calloc(1, sizeof *opened);
    int error;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->boards = boards;
    uv_timer_init(loop, &opened->timer); /* Never fails. */
    opened->timer.data = opened;
    error = open_parts(loop, config, opened);
    if (error != 0) {
        distribution_close(opened);
        return error;
    }
    wsl_keeper_set_away(opened->keeper, is_away);
    distribution_boards_changed(opened, true);
    *distribution = opened;
    return 0;
}

void distribution_boards_changed(struct distribution *distribution, bool has_come)
{
    distribution->has_come |= has_come;
    uv_timer_start(&distribution->timer, on_timer, 0, 0);
}

void distribution_set_away(struct distribution *distribution, bool is_away)
{
    wsl_keeper_set_away(distribution->keeper, is_away);
    distribution_boards_changed(distribution, !is_away);
}

struct guest_ways_bridge distribution_bridge(struct distribution *distribution)
{
    return wsl_bridge_for_link(distribution->bridge);
}

void distribution_set_link(struct distribution *distribution, struct guest_link *link)
{
    wsl_bridge_set_link(distribution->bridge, link);
}
