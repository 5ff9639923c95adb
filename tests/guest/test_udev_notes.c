/* What udev's rules are told, in a folder that stands for /run/ttyferry; the kernel is told in a
 * tree that stands for /sys. */
#include "guest-linux/udev_notes.h"

#include <string.h>

#include "tests/core/cases.h"
#include "tests/guest/tree.h"

#define RUN "/run/ttyferry"
#define UEVENT "/sys/class/tty/ttyACM0/uevent"

struct rig {
    struct tree tree;
    char run[TREE_PATH_SIZE];
    char sys[TREE_PATH_SIZE];
    char udev[TREE_PATH_SIZE];
    struct udev_notes notes;
};

static const struct node_access access_of_dialout = {20, 0660, 20};

static int setup(void **state)
{
    static struct rig rig;

    tree_make(&rig.tree);
    tree_folder(&rig.tree, RUN);
    tree_write(&rig.tree, UEVENT, "");
    tree_write(&rig.tree, "/udev/control", "");
    tree_path(&rig.tree, RUN, rig.run);
    tree_path(&rig.tree, "/sys", rig.sys);
    tree_path(&rig.tree, "/udev", rig.udev);
    rig.notes = (struct udev_notes){rig.run, rig.sys, rig.udev};
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    tree_remove(&rig->tree);
    return 0;
}

static struct board_ttys make_ttys(const char *link)
{
    struct board_ttys ttys = {.count = 1};

    strcpy(ttys.items[0].path, "/dev/ttyACM0");
    strcpy(ttys.items[0].link, link);
    return ttys;
}

static void expect(const struct rig *rig, const char *path, const char *expected)
{
    char text[256];

    tree_read(&rig->tree, path, text, sizeof text);
    assert_string_equal(text, expected);
}

static void group_and_mode_are_told(void **state)
{
    struct rig *rig = *state;

    udev_notes_begin(&rig->notes, &access_of_dialout);
    expect(rig, RUN "/udev", "TTYFERRY_GROUP=20\nTTYFERRY_MODE=0660\n");
}

/* The distribution's own rules decide then. */
static void without_the_group_nothing_is_told(void **state)
{
    struct rig *rig = *state;
    const struct node_access nobody = {NODE_ACCESS_NO_GROUP, 0660, NODE_ACCESS_NO_GROUP};

    tree_write(&rig->tree, RUN "/udev", "TTYFERRY_GROUP=20\n");
    udev_notes_begin(&rig->notes, &nobody);
    expect(rig, RUN "/udev", "");
}

static void a_link_is_told_and_the_tty_looked_at_again(void **state)
{
    struct rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyferry/leo");

    udev_notes_put(&rig->notes, &ttys);
    expect(rig, RUN "/udev-ttyACM0", "TTYFERRY_LINK=/dev/ttyferry/leo\n");
    expect(rig, UEVENT, "change");
    udev_notes_drop(&rig->notes, &ttys);
    assert_false(tree_has(&rig->tree, RUN "/udev-ttyACM0"));
}

static void a_tty_without_a_link_is_left_in_peace(void **state)
{
    struct rig *rig = *state;
    struct board_ttys ttys = make_ttys("");

    udev_notes_put(&rig->notes, &ttys);
    assert_false(tree_has(&rig->tree, RUN "/udev-ttyACM0"));
    expect(rig, UEVENT, "");
}

static void a_link_that_is_no_more_is_told_too(void **state)
{
    struct rig *rig = *state;
    struct board_ttys ttys = make_ttys("");

    tree_write(&rig->tree, RUN "/udev-ttyACM0", "TTYFERRY_LINK=/dev/ttyferry/leo\n");
    udev_notes_put(&rig->notes, &ttys);
    assert_false(tree_has(&rig->tree, RUN "/udev-ttyACM0"));
    expect(rig, UEVENT, "change");
}

static void without_udevd_nothing_is_written(void **state)
{
    struct rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyferry/leo");

    tree_delete(&rig->tree, "/udev/control");
    udev_notes_begin(&rig->notes, &access_of_dialout);
    udev_notes_put(&rig->notes, &ttys);
    assert_false(tree_has(&rig->tree, RUN "/udev"));
    assert_false(tree_has(&rig->tree, RUN "/udev-ttyACM0"));
    expect(rig, UEVENT, "");
}

static void what_a_former_run_told_of_ttys_is_removed(void **state)
{
    struct rig *rig = *state;

    tree_write(&rig->tree, RUN "/udev-ttyUSB3", "TTYFERRY_LINK=/dev/ttyferry/desk\n");
    tree_write(&rig->tree, RUN "/links", "");
    udev_notes_begin(&rig->notes, &access_of_dialout);
    assert_false(tree_has(&rig->tree, RUN "/udev-ttyUSB3"));
    assert_true(tree_has(&rig->tree, RUN "/links"));
}

/* A warning, and nothing else. */
static void a_folder_that_is_missing_is_no_failure(void **state)
{
    struct rig *rig = *state;
    struct board_ttys ttys = make_ttys("/dev/ttyferry/leo");

    tree_delete(&rig->tree, RUN);
    udev_notes_begin(&rig->notes, &access_of_dialout);
    udev_notes_put(&rig->notes, &ttys);
    udev_notes_drop(&rig->notes, &ttys);
    assert_false(tree_has(&rig->tree, RUN));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(group_and_mode_are_told),
        CASE(without_the_group_nothing_is_told),
        CASE(a_link_is_told_and_the_tty_looked_at_again),
        CASE(a_tty_without_a_link_is_left_in_peace),
        CASE(a_link_that_is_no_more_is_told_too),
        CASE(without_udevd_nothing_is_written),
        CASE(what_a_former_run_told_of_ttys_is_removed),
        CASE(a_folder_that_is_missing_is_no_failure),
    };

    return cmocka_run_group_tests_name("udev_notes", tests, NULL, NULL);
}
