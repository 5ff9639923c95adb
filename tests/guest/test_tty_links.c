/* The stable links of named boards, in a folder that stands for /dev. */
#include "guest-linux/tty_links.h"

#include <string.h>
#include <sys/stat.h>

#include "tests/core/cases.h"
#include "tests/core/hostile.h"
#include "tests/guest/links_rig.h"

static const char first[] = "one board";
static const char second[] = "another board";

static void open_again(struct links_rig *rig)
{
    links_rig_end(rig);
    links_rig_open(rig);
}

static struct board_ttys make_ttys(const char *path)
{
    struct board_ttys ttys = {.count = 1, .items = {{.link = "former", .interface = 1}}};

    strcpy(ttys.items[0].path, path);
    return ttys;
}

static void a_name_leads_to_the_tty(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    tty_links_put(rig->links, first, "leo", &ttys);
    assert_string_equal(ttys.items[0].link, "/dev/ttyferry/leo");
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "../ttyACM0");
    assert_true(tree_has(&rig->tree, "/dev/ttyferry/leo")); /* It does not dangle. */
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "");
}

static void a_hostile_name_makes_no_path(void **state)
{
    struct links_rig *rig = *state;

    for (size_t i = 0; i < HOSTILE_COUNT; i++) {
        struct board_ttys ttys = make_ttys("/dev/ttyACM0");

        tty_links_put(rig->links, first, hostile_texts[i], &ttys);
        assert_string_equal(ttys.items[0].link, "");
        dev_links_drop(rig->links, first);
    }
    assert_false(tree_has(&rig->tree, "/etc"));
    assert_false(tree_has(&rig->tree, "/dev/etc"));
    assert_false(tree_has(&rig->tree, "/dev/ttyferry/.hidden"));
}

static void further_ttys_have_their_interface(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    ttys.count = 2;
    strcpy(ttys.items[1].path, "/dev/ttyACM1");
    ttys.items[1].interface = 2;
    tty_links_put(rig->links, first, "dual", &ttys);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/dual"), "../ttyACM0");
    assert_string_equal(ttys.items[1].link, "/dev/ttyferry/dual-if02");
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/dual-if02"), "../ttyACM1");
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/dual-if02"), "");
}

static void a_board_without_a_name_has_no_link(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    tty_links_put(rig->links, first, "", &ttys);
    assert_string_equal(ttys.items[0].link, "");
    assert_false(tree_has(&rig->tree, "/dev/ttyferry"));
}

static void a_name_that_moves_on_is_not_dropped_by_its_former_board(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys application = make_ttys("/dev/ttyACM0");
    struct board_ttys bootloader = make_ttys("/dev/ttyACM1");

    tty_links_put(rig->links, first, "leo", &application);
    tty_links_put(rig->links, second, "leo", &bootloader);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "../ttyACM1");
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "../ttyACM1");
    dev_links_drop(rig->links, second);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "");
}

static void a_board_is_renamed(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    tty_links_put(rig->links, first, "leo", &ttys);
    tty_links_put(rig->links, first, "lion", &ttys);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "");
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/lion"), "../ttyACM0");
    tty_links_put(rig->links, first, "", &ttys);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/lion"), "");
    assert_string_equal(ttys.items[0].link, "");
}

static void a_board_that_stays_keeps_its_link(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    tty_links_put(rig->links, first, "leo", &ttys);
    dev_links_leave(rig->links, first);
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "../ttyACM0");
}

static void a_new_run_removes_what_dangles(void **state)
{
    struct links_rig *rig = *state;

    tree_link(&rig->tree, "/dev/ttyferry/gone", "../ttyACM9");
    tree_link(&rig->tree, "/dev/ttyferry/here", "../ttyACM0");
    tree_write(&rig->tree, "/dev/ttyferry/file", "mine");
    tree_link(&rig->tree, "/dev/ttyferry/theirs", "/elsewhere");
    open_again(rig);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/gone"), "");
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/here"), "../ttyACM0");
    assert_true(tree_has(&rig->tree, "/dev/ttyferry/file"));
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/theirs"), "/elsewhere");
}

static void a_board_that_is_taken_over_keeps_its_link(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    tty_links_put(rig->links, first, "leo", &ttys);
    open_again(rig);
    tty_links_put(rig->links, second, "leo", &ttys);
    assert_string_equal(ttys.items[0].link, "/dev/ttyferry/leo");
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "../ttyACM0");
    dev_links_drop_former(rig->links); /* It is no former run's any more. */
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "../ttyACM0");
    dev_links_drop(rig->links, second);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "");
}

static void a_board_that_was_renamed_meanwhile_has_one_link(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");
    struct board_ttys others = make_ttys("/dev/ttyACM1");

    tty_links_put(rig->links, first, "leo", &ttys);
    tty_links_put(rig->links, second, "pico", &others);
    open_again(rig);
    tty_links_put(rig->links, first, "leonardo", &ttys);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leonardo"), "../ttyACM0");
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "");
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/pico"), "../ttyACM1");
    tty_links_put(rig->links, second, "", &others);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/pico"), "");
}

/* It has been attached before a board that had the name in the former run is looked at. */
static void a_name_that_has_moved_meanwhile_is_the_new_boards(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");
    struct board_ttys others = make_ttys("/dev/ttyACM1");

    tty_links_put(rig->links, first, "leo", &ttys);
    open_again(rig);
    tty_links_put(rig->links, second, "leo", &others);
    tty_links_put(rig->links, first, "", &ttys);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "../ttyACM1");
}

/* No host has linked, and the board goes. */
static void what_nobody_takes_over_goes_with_its_tty(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    tty_links_put(rig->links, first, "leo", &ttys);
    open_again(rig);
    dev_links_sweep(rig->links);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "../ttyACM0");
    tree_delete(&rig->tree, "/dev/ttyACM0");
    dev_links_sweep(rig->links);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "");
}

static void what_leads_to_another_is_not_kept(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    tty_links_put(rig->links, first, "leo", &ttys);
    dev_links_leave(rig->links, first);
    tree_replace(&rig->tree, "/dev/ttyACM0", "");
    dev_links_sweep(rig->links);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "");
    tty_links_put(rig->links, first, "leo", &ttys);
    links_rig_end(rig);
    tree_replace(&rig->tree, "/dev/ttyACM0", "");
    links_rig_open(rig);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "");
}

static void what_was_never_noted_goes_too(void **state)
{
    struct links_rig *rig = *state;

    tree_link(&rig->tree, "/dev/ttyferry/leo", "../ttyACM0");
    tree_link(&rig->tree, "/dev/ttyferry/theirs", "/elsewhere");
    open_again(rig);
    dev_links_drop_former(rig->links);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "");
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/theirs"), "/elsewhere");
}

static void what_is_no_link_stays(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");
    char text[16];

    tree_write(&rig->tree, "/dev/ttyferry/leo", "mine");
    tty_links_put(rig->links, first, "leo", &ttys);
    assert_string_equal(ttys.items[0].link, "");
    dev_links_drop(rig->links, first);
    tree_read(&rig->tree, "/dev/ttyferry/leo", text, sizeof text);
    assert_string_equal(text, "mine");
}

static void a_folder_that_is_a_link_is_not_followed(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    tree_folder(&rig->tree, "/elsewhere");
    tree_link(&rig->tree, "/dev/ttyferry", "../elsewhere");
    tty_links_put(rig->links, first, "leo", &ttys);
    assert_string_equal(ttys.items[0].link, "");
    assert_false(tree_has(&rig->tree, "/elsewhere/leo"));
}

static void a_folder_that_others_may_write_to_is_not_used(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");
    char path[TREE_PATH_SIZE];

    tree_folder(&rig->tree, "/dev/ttyferry");
    tree_path(&rig->tree, "/dev/ttyferry", path);
    assert_int_equal(chmod(path, 0777), 0);
    tty_links_put(rig->links, first, "leo", &ttys);
    assert_string_equal(ttys.items[0].link, "");
    assert_false(tree_has(&rig->tree, "/dev/ttyferry/leo"));
}

static void a_link_half_made_is_no_obstacle(void **state)
{
    struct links_rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyACM0");

    tree_link(&rig->tree, "/dev/ttyferry/.ttyferry-new", "../ttyACM1");
    tty_links_put(rig->links, first, "leo", &ttys);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/leo"), "../ttyACM0");
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/.ttyferry-new"), "");
}

static void a_link_half_made_goes_at_the_start(void **state)
{
    struct links_rig *rig = *state;

    tree_link(&rig->tree, "/dev/ttyferry/.ttyferry-new", "../ttyACM1");
    tree_link(&rig->tree, "/dev/serial/by-path/.ttyferry-new", "../../ttyACM1");
    open_again(rig);
    assert_string_equal(links_rig_target(rig, "/dev/ttyferry/.ttyferry-new"), "");
    assert_string_equal(links_rig_target(rig, "/dev/serial/by-path/.ttyferry-new"), "");
}

#define CASE(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, links_rig_setup, links_rig_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(a_name_leads_to_the_tty),
        CASE(a_hostile_name_makes_no_path),
        CASE(further_ttys_have_their_interface),
        CASE(a_board_without_a_name_has_no_link),
        CASE(a_name_that_moves_on_is_not_dropped_by_its_former_board),
        CASE(a_board_is_renamed),
        CASE(a_board_that_stays_keeps_its_link),
        CASE(a_new_run_removes_what_dangles),
        CASE(a_board_that_is_taken_over_keeps_its_link),
        CASE(a_board_that_was_renamed_meanwhile_has_one_link),
        CASE(a_name_that_has_moved_meanwhile_is_the_new_boards),
        CASE(what_nobody_takes_over_goes_with_its_tty),
        CASE(what_leads_to_another_is_not_kept),
        CASE(what_was_never_noted_goes_too),
        CASE(what_is_no_link_stays),
        CASE(a_folder_that_is_a_link_is_not_followed),
        CASE(a_folder_that_others_may_write_to_is_not_used),
        CASE(a_link_half_made_is_no_obstacle),
        CASE(a_link_half_made_goes_at_the_start),
    };

    return cmocka_run_group_tests_name("tty_links", tests, NULL, NULL);
}
