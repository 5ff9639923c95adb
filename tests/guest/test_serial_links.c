/* The links by id and by path, in a folder that stands for /dev. */
#include "guest-linux/serial_links.h"

#include <string.h>
#include <sys/stat.h>

#include "tests/core/cases.h"
#include "tests/guest/links_rig.h"

static const char first[] = "one board";
static const char second[] = "another board";

static void links_come_and_go_with_the_board(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, LINKS_RIG_ID);
    assert_string_equal(nodes.ttys.items[0].by_path, LINKS_RIG_PATH);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB0");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "../../ttyUSB0");
    assert_true(tree_has(&rig->tree, LINKS_RIG_ID)); /* It does not dangle. */
    assert_true(tree_has(&rig->tree, LINKS_RIG_NOTES));
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "");
    assert_false(tree_has(&rig->tree, LINKS_RIG_NOTES));
}

static void what_udevd_has_made_is_not_touched(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    strcpy(nodes.ttys.items[0].by_id, "/dev/serial/by-id/udevs");
    nodes.names[0].by_id[0] = '\0';
    nodes.names[0].by_path[0] = '\0';
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "/dev/serial/by-id/udevs");
    assert_false(tree_has(&rig->tree, "/dev/serial"));
    assert_false(tree_has(&rig->tree, LINKS_RIG_NOTES));
    dev_links_drop(rig->links, first);
}

static void of_two_with_one_name_the_later_has_it(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    struct tty_nodes others = links_rig_nodes("/dev/ttyUSB1", LINKS_RIG_OTHER_PATH);

    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB1");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "../../ttyUSB0");
    dev_links_drop(rig->links, second);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB0");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_OTHER_PATH), "");
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
}

static void the_earlier_that_goes_takes_nothing_along(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    struct tty_nodes others = links_rig_nodes("/dev/ttyUSB1", LINKS_RIG_OTHER_PATH);

    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    tree_delete(&rig->tree, "/dev/ttyUSB0");
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB1");
    tree_delete(&rig->tree, "/dev/ttyUSB1");
    dev_links_drop(rig->links, second);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
}

/* A third takes the number of the earlier that has gone: it has nothing to do with the name. */
static void a_stranger_at_the_earliers_number_is_no_heir(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    struct tty_nodes others = links_rig_nodes("/dev/ttyUSB1", LINKS_RIG_OTHER_PATH);

    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    dev_links_drop(rig->links, first);
    dev_links_drop(rig->links, second); /* ttyUSB0 is there: the stranger's */
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
}

/* He has it before anybody has heard that the earlier has gone. */
static void nor_is_it_one_while_the_earlier_is_going(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    struct tty_nodes others = links_rig_nodes("/dev/ttyUSB1", LINKS_RIG_OTHER_PATH);

    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    tree_replace(&rig->tree, "/dev/ttyUSB0", "");
    dev_links_drop(rig->links, second);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
}

/* Somebody else's link was there before either of two; the first that goes is the one that has
 * replaced it. */
static void somebody_elses_link_outlives_two_of_ours(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    struct tty_nodes others = links_rig_nodes("/dev/ttyUSB1", LINKS_RIG_OTHER_PATH);

    tree_write(&rig->tree, "/dev/ttyUSB2", "");
    tree_link(&rig->tree, LINKS_RIG_ID, "../../ttyUSB2");
    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB1");
    dev_links_drop(rig->links, second);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB2");
}

static void somebody_elses_link_comes_back(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    tree_link(&rig->tree, LINKS_RIG_ID, "../../ttyUSB1");
    tree_link(&rig->tree, LINKS_RIG_PATH, "../../ttyUSB9"); /* It led nowhere. */
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB0");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "../../ttyUSB0");
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB1");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "");
}

static void a_link_that_somebody_has_changed_is_his(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    serial_links_put(rig->links, first, &nodes);
    tree_delete(&rig->tree, LINKS_RIG_ID);
    tree_link(&rig->tree, LINKS_RIG_ID, "../../ttyUSB1");
    tree_delete(&rig->tree, LINKS_RIG_PATH); /* as a second udevd does */
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB1");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "");
}

static void what_is_no_link_stays(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    char text[16];

    tree_write(&rig->tree, LINKS_RIG_ID, "mine");
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "");
    assert_string_equal(nodes.ttys.items[0].by_path, LINKS_RIG_PATH);
    dev_links_drop(rig->links, first);
    tree_read(&rig->tree, LINKS_RIG_ID, text, sizeof text);
    assert_string_equal(text, "mine");
}

static void folders_that_are_links_are_not_followed(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    tree_folder(&rig->tree, "/elsewhere/by-id");
    tree_link(&rig->tree, "/dev/serial", "../elsewhere");
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "");
    assert_string_equal(nodes.ttys.items[0].by_path, "");
    tree_delete(&rig->tree, "/dev/serial");
    tree_folder(&rig->tree, "/dev/serial");
    tree_link(&rig->tree, "/dev/serial/by-id", "../../elsewhere/by-id");
    nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "");
    assert_string_equal(nodes.ttys.items[0].by_path, LINKS_RIG_PATH);
    assert_string_equal(links_rig_target(rig, "/elsewhere/by-id/usb-1a86_USB_Serial-if00-port0"),
                        "");
}

static void a_folder_that_others_may_write_to_is_not_used(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    char path[TREE_PATH_SIZE];

    tree_folder(&rig->tree, "/dev/serial");
    tree_path(&rig->tree, "/dev/serial", path);
    assert_int_equal(chmod(path, 0777), 0);
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "");
    assert_false(tree_has(&rig->tree, "/dev/serial/by-id"));
}

#define CASE(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, links_rig_setup, links_rig_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(links_come_and_go_with_the_board),
        CASE(what_udevd_has_made_is_not_touched),
        CASE(of_two_with_one_name_the_later_has_it),
        CASE(the_earlier_that_goes_takes_nothing_along),
        CASE(a_stranger_at_the_earliers_number_is_no_heir),
        CASE(nor_is_it_one_while_the_earlier_is_going),
        CASE(somebody_elses_link_comes_back),
        CASE(somebody_elses_link_outlives_two_of_ours),
        CASE(a_link_that_somebody_has_changed_is_his),
        CASE(what_is_no_link_stays),
        CASE(folders_that_are_links_are_not_followed),
        CASE(a_folder_that_others_may_write_to_is_not_used),
    };

    return cmocka_run_group_tests_name("serial_links", tests, NULL, NULL);
}
