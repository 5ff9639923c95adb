#include <stdio.h>
#include <string.h>

#include "shared/core/board.h"
#include "shared/core/board_table.h"
#include "shared/core/error.h"
#include "tests/core/cases.h"

static const struct busid_case {
    const char *name;
    const char *busid;
    bool valid;
} busid_cases[] = {
    {"busid: shortest", "1-1", true},
    {"busid: longest", "99-99", true},
    {"busid: two digits and one", "10-9", true},
    {"busid: empty", "", false},
    {"busid: zero hub", "0-1", false},
    {"busid: zero port", "1-0", false},
    {"busid: leading zero", "1-01", false},
    {"busid: three digits", "100-1", false},
    {"busid: three digits of port", "1-100", false},
    {"busid: no port", "1-", false},
    {"busid: no hub", "-1", false},
    {"busid: no dash", "11", false},
    {"busid: a Linux port path", "1-1.2", false},
    {"busid: a path", "../../x", false},
    {"busid: trailing line feed", "1-1\n", false},
    {"busid: leading space", " 1-1", false},
    {"busid: plus sign", "+1-1", false},
};

static void run_busid(void **state)
{
    const struct busid_case *row = *state;
    assert_int_equal(board_busid_is_valid(row->busid), row->valid);
}

static void names_round_trip(void **state)
{
    (void)state;
    static const enum board_speed speeds[] = {BOARD_SPEED_UNKNOWN, BOARD_SPEED_LOW,
                                              BOARD_SPEED_FULL, BOARD_SPEED_HIGH,
                                              BOARD_SPEED_SUPER};
    for (size_t i = 0; i < CASES_COUNT(speeds); i++) {
        enum board_speed speed = BOARD_SPEED_UNKNOWN;
        assert_int_equal(board_speed_from_name(board_speed_to_name(speeds[i]), &speed), 0);
        assert_int_equal(speed, speeds[i]);
    }
    for (int i = BOARD_KIND_SERIAL; i <= BOARD_KIND_OTHER; i++) {
        enum board_kind kind = BOARD_KIND_SERIAL;
        assert_int_equal(board_kind_from_name(board_kind_to_name((enum board_kind)i), &kind), 0);
        assert_int_equal(kind, i);
    }
    for (int i = BOARD_STATE_AVAILABLE; i <= BOARD_STATE_GONE; i++) {
        enum board_state board_state = BOARD_STATE_AVAILABLE;
        const char *name = board_state_to_name((enum board_state)i);
        assert_int_equal(board_state_from_name(name, &board_state), 0);
        assert_int_equal(board_state, i);
    }
}

static void foreign_names_are_refused(void **state)
{
    (void)state;
    enum board_speed speed = BOARD_SPEED_HIGH;
    enum board_kind kind = BOARD_KIND_DFU;
    enum board_state board_state = BOARD_STATE_READY;
    assert_int_equal(board_speed_from_name("High", &speed), ERR_INVALID);
    assert_int_equal(board_kind_from_name("", &kind), ERR_INVALID);
    assert_int_equal(board_state_from_name("ready ", &board_state), ERR_INVALID);
    assert_int_equal(speed, BOARD_SPEED_HIGH);
    assert_int_equal(kind, BOARD_KIND_DFU);
    assert_int_equal(board_state, BOARD_STATE_READY);
    assert_string_equal(board_speed_to_name((enum board_speed)4), "unknown");
    assert_string_equal(board_kind_to_name((enum board_kind)99), "unknown");
    assert_string_equal(board_state_to_name((enum board_state) - 1), "unknown");
}

static struct board make_board(const char *id, uint16_t vid)
{
    struct board board = {.vid = vid};
    snprintf(board.id, sizeof board.id, "%s", id);
    return board;
}

static void table_keeps_order_and_overwrites(void **state)
{
    (void)state;
    struct board_table table;
    board_table_init(&table);
    struct board a = make_board("a", 1);
    struct board b = make_board("b", 2);
    struct board c = make_board("c", 3);
    assert_int_equal(board_table_put(&table, &a), 0);
    assert_int_equal(board_table_put(&table, &b), 0);
    assert_int_equal(board_table_put(&table, &c), 0);
    struct board *held = board_table_find(&table, "C");
    struct board upper_b = make_board("B", 7);
    assert_int_equal(board_table_put(&table, &upper_b), 0);
    assert_int_equal(table.count, 3);
    assert_int_equal(board_table_find(&table, "b")->vid, 7);
    board_table_remove(&table, "A");
    board_table_remove(&table, "unknown");
    assert_int_equal(table.count, 2);
    assert_int_equal(table.items[0]->vid, 7);
    assert_ptr_equal(table.items[1], held);
    assert_null(board_table_find(&table, "a"));
    assert_int_equal(board_table_put(&table, held), 0);
    board_table_finish(&table);
    assert_int_equal(table.count, 0);
}

static void table_is_bounded(void **state)
{
    (void)state;
    struct board_table table;
    board_table_init(&table);
    for (unsigned i = 0; i < BOARD_TABLE_MAX; i++) {
        struct board board = make_board("", (uint16_t)i);
        snprintf(board.id, sizeof board.id, "board %u", i);
        assert_int_equal(board_table_put(&table, &board), 0);
    }
    struct board more = make_board("one more", 1);
    assert_int_equal(board_table_put(&table, &more), ERR_FULL);
    struct board known = make_board("board 5", 99);
    assert_int_equal(board_table_put(&table, &known), 0);
    board_table_remove(&table, "board 0");
    assert_int_equal(board_table_put(&table, &more), 0);
    assert_int_equal(table.items[BOARD_TABLE_MAX - 1]->vid, 1);
    board_table_finish(&table);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, busid_cases, run_busid);
    cases_add_one(&cases, "board: names round-trip", names_round_trip);
    cases_add_one(&cases, "board: foreign names are refused", foreign_names_are_refused);
    cases_add_one(&cases, "board_table: order and overwriting", table_keeps_order_and_overwrites);
    cases_add_one(&cases, "board_table: bounded", table_is_bounded);
    return cases_run("board", &cases);
}
