#include "shared/core/board_view.h"

#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define ID "usb\\vid_1a86&pid_7523\\5&1"

static struct board make_board(const char *id, enum board_state state, const char *tty)
{
    struct board board = {.vid = 0x1a86, .pid = 0x7523, .state = state};

    strcpy(board.id, id);
    strcpy(board.com_port, "COM5");
    if (tty) {
        board.ttys.count = 1;
        strcpy(board.ttys.items[0].path, tty);
        strcpy(board.usb_node, "/dev/bus/usb/001/002");
    }
    return board;
}

/* A board in `before`; then `type` comes, for ready with `tty`. */
static const struct step_case {
    const char *name;
    enum board_state before;
    const char *tty_before;
    enum event_type type;
    const char *tty;
    int result;
    enum board_state after;
    const char *tty_after;
} step_cases[] = {
    {"board_view: needs_sharing", BOARD_STATE_WAITING, NULL, EVENT_NEEDS_SHARING, NULL, 0,
     BOARD_STATE_NEEDS_SHARING, NULL},
    {"board_view: attaching", BOARD_STATE_WAITING, NULL, EVENT_ATTACHING, NULL, 0,
     BOARD_STATE_ATTACHING, NULL},
    {"board_view: attaching again says nothing new", BOARD_STATE_ATTACHING, NULL, EVENT_ATTACHING,
     NULL, ERR_EXISTS, BOARD_STATE_ATTACHING, NULL},
    {"board_view: attaching while ready says nothing new", BOARD_STATE_READY, NULL, EVENT_ATTACHING,
     NULL, ERR_EXISTS, BOARD_STATE_READY, NULL},
    {"board_view: attaching after failed", BOARD_STATE_FAILED, NULL, EVENT_ATTACHING, NULL, 0,
     BOARD_STATE_ATTACHING, NULL},
    {"board_view: ready", BOARD_STATE_ATTACHING, NULL, EVENT_READY, "/dev/ttyUSB0", 0,
     BOARD_STATE_READY, "/dev/ttyUSB0"},
    {"board_view: ready again says nothing new", BOARD_STATE_READY, "/dev/ttyUSB0", EVENT_READY,
     "/dev/ttyUSB0", ERR_EXISTS, BOARD_STATE_READY, "/dev/ttyUSB0"},
    {"board_view: ready with another tty", BOARD_STATE_READY, "/dev/ttyUSB0", EVENT_READY,
     "/dev/ttyUSB1", 0, BOARD_STATE_READY, "/dev/ttyUSB1"},
    {"board_view: ready without a tty", BOARD_STATE_READY, "/dev/ttyUSB0", EVENT_READY, NULL, 0,
     BOARD_STATE_READY, NULL},
    {"board_view: update keeps state and nodes", BOARD_STATE_READY, "/dev/ttyUSB0", EVENT_UPDATE,
     NULL, 0, BOARD_STATE_READY, "/dev/ttyUSB0"},
    {"board_view: failed takes the nodes", BOARD_STATE_READY, "/dev/ttyUSB0", EVENT_FAILED, NULL, 0,
     BOARD_STATE_FAILED, NULL},
    {"board_view: detached takes the nodes", BOARD_STATE_READY, "/dev/ttyUSB0", EVENT_DETACHED,
     NULL, 0, BOARD_STATE_DETACHED, NULL},
    {"board_view: detached while attaching", BOARD_STATE_ATTACHING, NULL, EVENT_DETACHED, NULL, 0,
     BOARD_STATE_DETACHED, NULL},
    {"board_view: detached without having been attached says nothing new", BOARD_STATE_WAITING,
     NULL, EVENT_DETACHED, NULL, ERR_EXISTS, BOARD_STATE_WAITING, NULL},
    {"board_view: detached again says nothing new", BOARD_STATE_DETACHED, NULL, EVENT_DETACHED,
     NULL, ERR_EXISTS, BOARD_STATE_DETACHED, NULL},
    {"board_view: detached after failed says nothing new", BOARD_STATE_FAILED, NULL, EVENT_DETACHED,
     NULL, ERR_EXISTS, BOARD_STATE_FAILED, NULL},
    {"board_view: yielded", BOARD_STATE_READY, "/dev/ttyUSB0", EVENT_YIELDED, NULL, 0,
     BOARD_STATE_YIELDED, NULL},
    {"board_view: taken waits again", BOARD_STATE_YIELDED, NULL, EVENT_TAKEN, NULL, 0,
     BOARD_STATE_WAITING, NULL},
    {"board_view: a snapshot is no change", BOARD_STATE_READY, "/dev/ttyUSB0", EVENT_SNAPSHOT, NULL,
     ERR_INVALID, BOARD_STATE_READY, "/dev/ttyUSB0"},
    {"board_view: link changes no board", BOARD_STATE_READY, "/dev/ttyUSB0", EVENT_LINK, NULL, 0,
     BOARD_STATE_READY, "/dev/ttyUSB0"},
};

static void expect_board(const struct board *board, enum board_state state, const char *tty)
{
    assert_non_null(board);
    assert_int_equal(board->state, state);
    assert_int_equal(board->ttys.count, tty ? 1 : 0);
    if (tty) {
        assert_string_equal(board->ttys.items[0].path, tty);
        assert_string_equal(board->usb_node, "/dev/bus/usb/001/002");
    } else {
        assert_string_equal(board->usb_node, "");
    }
}

static void run_step(void **state)
{
    const struct step_case *row = *state;
    struct board before = make_board(ID, row->before, row->tty_before);
    struct event event = {.type = row->type, .board = make_board(ID, BOARD_STATE_GONE, row->tty)};
    struct board_table boards;

    board_table_init(&boards);
    assert_int_equal(board_table_put(&boards, &before), 0);
    assert_int_equal(board_view_apply(&boards, &event), row->result);
    expect_board(board_table_find(&boards, ID), row->after, row->tty_after);
    if (row->result == 0 && row->type != EVENT_LINK) {
        expect_board(&event.board, row->after, row->tty_after);
        assert_string_equal(event.board.com_port, "COM5");
    }
    board_table_finish(&boards);
}

/* What a board's life needs between `before` and an event: 'd' detached, 'a' attaching. */
static const struct missing_case {
    const char *name;
    enum board_state before;
    enum event_type type;
    const char *tty;
    const char *missing;
} missing_cases[] = {
    {"board_view: missing: ready from the beginning", BOARD_STATE_WAITING, EVENT_READY,
     "/dev/ttyUSB0", "a"},
    {"board_view: missing: ready after attaching", BOARD_STATE_ATTACHING, EVENT_READY,
     "/dev/ttyUSB0", ""},
    {"board_view: missing: ready again", BOARD_STATE_READY, EVENT_READY, "/dev/ttyUSB0", ""},
    {"board_view: missing: ready with another tty", BOARD_STATE_READY, EVENT_READY, "/dev/ttyUSB1",
     "da"},
    {"board_view: missing: ready after detached", BOARD_STATE_DETACHED, EVENT_READY, "/dev/ttyUSB0",
     "a"},
    {"board_view: missing: failed while ready", BOARD_STATE_READY, EVENT_FAILED, NULL, "da"},
    {"board_view: missing: failed after attaching", BOARD_STATE_ATTACHING, EVENT_FAILED, NULL, ""},
    {"board_view: missing: failed again", BOARD_STATE_FAILED, EVENT_FAILED, NULL, "a"},
    {"board_view: missing: removal while ready", BOARD_STATE_READY, EVENT_REMOVAL, NULL, "d"},
    {"board_view: missing: removal while attaching", BOARD_STATE_ATTACHING, EVENT_REMOVAL, NULL,
     ""},
    {"board_view: missing: removal while idle", BOARD_STATE_AVAILABLE, EVENT_REMOVAL, NULL, ""},
    {"board_view: missing: detached while ready", BOARD_STATE_READY, EVENT_DETACHED, NULL, ""},
    {"board_view: missing: attaching while ready", BOARD_STATE_READY, EVENT_ATTACHING, NULL, ""},
};

static void run_missing(void **state)
{
    const struct missing_case *row = *state;
    struct board before =
        make_board(ID, row->before, row->before == BOARD_STATE_READY ? "/dev/ttyUSB0" : NULL);
    struct event event = {.type = row->type, .board = make_board(ID, BOARD_STATE_GONE, row->tty)};
    enum event_type missing[BOARD_VIEW_MISSING_MAX];
    struct board_table boards;
    char text[BOARD_VIEW_MISSING_MAX + 1] = "";
    size_t count;

    board_table_init(&boards);
    assert_int_equal(board_view_missing(&boards, &event, missing), 0); /* nobody knows it */
    assert_int_equal(board_table_put(&boards, &before), 0);
    count = board_view_missing(&boards, &event, missing);
    for (size_t i = 0; i < count; i++) {
        text[i] = missing[i] == EVENT_DETACHED ? 'd' : 'a';
    }
    assert_string_equal(text, row->missing);
    board_table_finish(&boards);
}

static void an_arrival_is_taken_whole(void **state)
{
    struct event event = {.type = EVENT_ARRIVAL,
                          .board = make_board(ID, BOARD_STATE_WAITING, NULL)};
    struct board_table boards;

    (void)state;
    board_table_init(&boards);
    assert_int_equal(board_view_apply(&boards, &event), 0);
    expect_board(board_table_find(&boards, ID), BOARD_STATE_WAITING, NULL);
    /* A second one under the same id takes its place. */
    event.board = make_board(ID, BOARD_STATE_AVAILABLE, NULL);
    assert_int_equal(board_view_apply(&boards, &event), 0);
    assert_int_equal(boards.count, 1);
    expect_board(board_table_find(&boards, ID), BOARD_STATE_AVAILABLE, NULL);
    board_table_finish(&boards);
}

static void an_update_brings_what_windows_knows(void **state)
{
    struct board known = make_board(ID, BOARD_STATE_WAITING, NULL);
    struct event event = {.type = EVENT_UPDATE, .board = known};
    struct board_table boards;

    (void)state;
    board_table_init(&boards);
    assert_int_equal(board_table_put(&boards, &known), 0);
    strcpy(event.board.com_port, "COM9");
    strcpy(event.board.name, "scale");
    assert_int_equal(board_view_apply(&boards, &event), 0);
    assert_string_equal(board_table_find(&boards, ID)->com_port, "COM9");
    assert_string_equal(board_table_find(&boards, ID)->name, "scale");
    board_table_finish(&boards);
}

/* What is known of the board decides its state until something has been tried; from then on what
 * came of it does. */
static const struct update_case {
    const char *name;
    enum board_state before;
    enum board_state update;
    enum board_state after;
} update_cases[] = {
    {"board_view: update: bound now", BOARD_STATE_NEEDS_SHARING, BOARD_STATE_WAITING,
     BOARD_STATE_WAITING},
    {"board_view: update: no longer bound", BOARD_STATE_WAITING, BOARD_STATE_NEEDS_SHARING,
     BOARD_STATE_NEEDS_SHARING},
    {"board_view: update: wanted now", BOARD_STATE_AVAILABLE, BOARD_STATE_WAITING,
     BOARD_STATE_WAITING},
    {"board_view: update: ready stays", BOARD_STATE_READY, BOARD_STATE_WAITING, BOARD_STATE_READY},
    {"board_view: update: attaching stays", BOARD_STATE_ATTACHING, BOARD_STATE_AVAILABLE,
     BOARD_STATE_ATTACHING},
    {"board_view: update: failed stays", BOARD_STATE_FAILED, BOARD_STATE_WAITING,
     BOARD_STATE_FAILED},
    {"board_view: update: nothing becomes ready by it", BOARD_STATE_WAITING, BOARD_STATE_READY,
     BOARD_STATE_WAITING},
};

static void run_update(void **state)
{
    const struct update_case *row = *state;
    struct board before = make_board(ID, row->before, NULL);
    struct event event = {.type = EVENT_UPDATE, .board = make_board(ID, row->update, NULL)};
    struct board_table boards;

    board_table_init(&boards);
    assert_int_equal(board_table_put(&boards, &before), 0);
    assert_int_equal(board_view_apply(&boards, &event), 0);
    expect_board(board_table_find(&boards, ID), row->after, NULL);
    expect_board(&event.board, row->after, NULL);
    board_table_finish(&boards);
}

static void a_removal_is_told_with_the_board_as_it_was(void **state)
{
    struct board known = make_board(ID, BOARD_STATE_READY, "/dev/ttyUSB0");
    struct event event = {.type = EVENT_REMOVAL};
    struct board_table boards;

    (void)state;
    board_table_init(&boards);
    assert_int_equal(board_table_put(&boards, &known), 0);
    /* Only the id is looked at, in any case. */
    strcpy(event.board.id, "USB\\VID_1A86&PID_7523\\5&1");
    assert_int_equal(board_view_apply(&boards, &event), 0);
    assert_int_equal(boards.count, 0);
    assert_string_equal(event.board.id, ID);
    assert_int_equal(event.board.vid, 0x1a86);
    expect_board(&event.board, BOARD_STATE_GONE, NULL);
    assert_int_equal(board_view_apply(&boards, &event), ERR_NOT_FOUND);
    board_table_finish(&boards);
}

static void events_about_strangers_change_nothing(void **state)
{
    struct board known = make_board(ID, BOARD_STATE_READY, "/dev/ttyUSB0");
    struct board_table boards;

    (void)state;
    board_table_init(&boards);
    assert_int_equal(board_table_put(&boards, &known), 0);
    for (enum event_type type = EVENT_UPDATE; type <= EVENT_REMOVAL; type++) {
        struct event event = {.type = type, .board = make_board("other", BOARD_STATE_READY, NULL)};

        assert_int_equal(board_view_apply(&boards, &event), ERR_NOT_FOUND);
    }
    assert_int_equal(boards.count, 1);
    expect_board(board_table_find(&boards, ID), BOARD_STATE_READY, "/dev/ttyUSB0");
    board_table_finish(&boards);
}

static void a_full_table_refuses_the_next_arrival(void **state)
{
    struct event event = {.type = EVENT_ARRIVAL};
    struct board_table boards;

    (void)state;
    board_table_init(&boards);
    for (unsigned i = 0; i <= BOARD_TABLE_MAX; i++) {
        char id[] = "board   ";

        id[6] = (char)('0' + i / 100);
        id[7] = (char)('0' + i / 10 % 10);
        id[5] = (char)('0' + i % 10);
        event.board = make_board(id, BOARD_STATE_WAITING, NULL);
        assert_int_equal(board_view_apply(&boards, &event), i < BOARD_TABLE_MAX ? 0 : ERR_FULL);
    }
    assert_int_equal(boards.count, BOARD_TABLE_MAX);
    board_table_finish(&boards);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, step_cases, run_step);
    CASES_ADD(&cases, missing_cases, run_missing);
    CASES_ADD(&cases, update_cases, run_update);
    cases_add_one(&cases, "board_view: an arrival is taken whole", an_arrival_is_taken_whole);
    cases_add_one(&cases, "board_view: an update", an_update_brings_what_windows_knows);
    cases_add_one(&cases, "board_view: a removal", a_removal_is_told_with_the_board_as_it_was);
    cases_add_one(&cases, "board_view: strangers", events_about_strangers_change_nothing);
    cases_add_one(&cases, "board_view: a full table", a_full_table_refuses_the_next_arrival);
    return cases_run("board_view", &cases);
}
