#include <stdio.h>

#include "shared/core/error.h"
#include "shared/core/yields.h"
#include "tests/core/cases.h"

static const struct board app = {.id = "usb\\a\\1", .name = "leo"};
static const struct board bootloader = {.id = "usb\\b\\7", .name = "leo"};
static const struct board unnamed = {.id = "usb\\c\\1"};
static const struct board other = {.id = "usb\\d\\1"};

static void a_board_is_known_by_its_id_in_any_case(void **state)
{
    static const struct board shouted = {.id = "USB\\C\\1"};
    struct yields yields = {.count = 0};

    (void)state;
    assert_false(yields_has(&yields, &unnamed));
    assert_int_equal(yields_add(&yields, &unnamed), 0);
    assert_int_equal(yields_add(&yields, &unnamed), 0);
    assert_int_equal(yields.count, 1);
    assert_true(yields_has(&yields, &unnamed));
    assert_true(yields_has(&yields, &shouted));
    assert_false(yields_has(&yields, &other));
    yields_remove(&yields, &other);
    assert_true(yields_has(&yields, &unnamed));
    yields_remove(&yields, &shouted);
    assert_false(yields_has(&yields, &unnamed));
}

static void a_name_holds_all_identities(void **state)
{
    struct yields yields = {.count = 0};

    (void)state;
    assert_int_equal(yields_add(&yields, &app), 0);
    assert_true(yields_has(&yields, &bootloader));
    assert_false(yields_has(&yields, &unnamed));
    yields_remove(&yields, &bootloader);
    assert_false(yields_has(&yields, &app));
}

static void one_too_many_is_refused(void **state)
{
    struct yields yields = {.count = 0};
    struct board board = {.name = ""};

    (void)state;
    for (int i = 0; i < YIELDS_MAX; i++) {
        snprintf(board.id, sizeof board.id, "%d", i);
        assert_int_equal(yields_add(&yields, &board), 0);
    }
    assert_int_equal(yields_add(&yields, &other), ERR_FULL);
    assert_int_equal(yields_add(&yields, &board), 0);
    yields_remove(&yields, &board);
    assert_int_equal(yields_add(&yields, &other), 0);
}

int main(void)
{
    struct cases cases = {.count = 0};
    cases_add_one(&cases, "yields: ids in any case", a_board_is_known_by_its_id_in_any_case);
    cases_add_one(&cases, "yields: a name holds all identities", a_name_holds_all_identities);
    cases_add_one(&cases, "yields: one too many", one_too_many_is_refused);
    return cases_run("yields", &cases);
}
