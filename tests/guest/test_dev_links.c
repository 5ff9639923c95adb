/* The links that a former run of the agent has left, and the notes of them. */
#include "guest-linux/dev_links.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "guest-linux/serial_links.h"
#include "guest-linux/tty_links.h"
#include "shared/core/log.h"
#include "tests/core/cases.h"
#include "tests/guest/killed.h"
#include "tests/guest/links_rig.h"

static const char first[] = "one board";
static const char second[] = "another board";

static void nor_is_it_one_after_a_restart(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    struct tty_nodes others = links_rig_nodes("/dev/ttyUSB1", LINKS_RIG_OTHER_PATH);

    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    links_rig_end(rig);
    links_rig_open(rig);
    nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    others = links_rig_nodes("/dev/ttyUSB1", LINKS_RIG_OTHER_PATH);
    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB1");
    dev_links_drop(rig->links, first);
    dev_links_drop(rig->links, second);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
}

static void somebody_elses_link_to_what_has_gone_does_not_come_back(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    tree_link(&rig->tree, LINKS_RIG_ID, "../../ttyUSB1");
    serial_links_put(rig->links, first, &nodes);
    tree_replace(&rig->tree, "/dev/ttyUSB1", "");
    links_rig_end(rig);
    links_rig_open(rig);
    nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    serial_links_put(rig->links, first, &nodes);
    dev_links_drop(rig->links, first);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
}

static void somebody_elses_link_comes_back_from_the_next_run(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    tree_link(&rig->tree, LINKS_RIG_ID, "../../ttyUSB1");
    serial_links_put(rig->links, first, &nodes);
    links_rig_end(rig);
    links_rig_open(rig);
    nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    serial_links_put(rig->links, second, &nodes);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB0");
    links_rig_end(rig);
    links_rig_open(rig); /* It is let go of by one that has not taken it over. */
    dev_links_drop_former(rig->links);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB1");
    nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    serial_links_put(rig->links, first, &nodes);
    links_rig_end(rig);
    links_rig_open(rig);
    nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    serial_links_put(rig->links, second, &nodes);
    dev_links_drop(rig->links, second);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB1");
}

/* What an older version has noted. */
static void notes_without_somebody_elses_link_are_read(void **state)
{
    struct links_rig *rig = *state;

    tree_link(&rig->tree, LINKS_RIG_ID, "../../ttyUSB0");
    tree_write(&rig->tree, LINKS_RIG_NOTES,
               "serial/by-id usb-1a86_USB_Serial-if00-port0 ../../ttyUSB0\n");
    links_rig_end(rig);
    links_rig_open(rig);
    dev_links_drop_former(rig->links);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
}

static void the_next_run_takes_over_what_it_attaches(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    serial_links_put(rig->links, first, &nodes);
    links_rig_end(rig);
    links_rig_open(rig);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB0");
    nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    serial_links_put(rig->links, second, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, LINKS_RIG_ID);
    dev_links_drop(rig->links, second);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "");
}

static void the_next_run_removes_what_leads_nowhere(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    serial_links_put(rig->links, first, &nodes);
    tree_link(&rig->tree, "/dev/serial/by-id/theirs", "../../ttyUSB0");
    links_rig_end(rig);
    tree_delete(&rig->tree, "/dev/ttyUSB0");
    links_rig_open(rig);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "");
    assert_string_equal(links_rig_target(rig, "/dev/serial/by-id/theirs"), "../../ttyUSB0");
}

/* The board has gone while no agent ran, and another has its tty's number. */
static void the_next_run_removes_what_leads_to_another(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    serial_links_put(rig->links, first, &nodes);
    links_rig_end(rig);
    tree_replace(&rig->tree, "/dev/ttyUSB0", "");
    links_rig_open(rig);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "");
}

/* Nobody has taken the board over; it goes while the agent runs. */
static void what_nobody_takes_over_goes_later(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    serial_links_put(rig->links, first, &nodes);
    dev_links_leave(rig->links, first);
    links_rig_end(rig);
    links_rig_open(rig);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "../../ttyUSB0");
    dev_links_sweep(rig->links);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "../../ttyUSB0");
    tree_delete(&rig->tree, "/dev/ttyUSB0");
    dev_links_sweep(rig->links);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
}

/* udevd has been started meanwhile, and says so of the same names. */
static void what_udevd_has_made_meanwhile_is_its_own(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    serial_links_put(rig->links, first, &nodes);
    links_rig_end(rig);
    links_rig_open(rig);
    strcpy(nodes.ttys.items[0].by_id, LINKS_RIG_ID);
    strcpy(nodes.ttys.items[0].by_path, LINKS_RIG_PATH);
    nodes.names[0] = (struct tty_names){.by_id = ""};
    serial_links_put(rig->links, first, &nodes);
    dev_links_drop(rig->links, first);
    dev_links_drop_former(rig->links);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB0");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "../../ttyUSB0");
    assert_false(tree_has(&rig->tree, LINKS_RIG_NOTES));
}

static void what_is_let_go_of_has_no_link(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

    serial_links_put(rig->links, first, &nodes);
    links_rig_end(rig);
    links_rig_open(rig);
    dev_links_drop_former(rig->links);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_PATH), "");
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "");
    assert_false(tree_has(&rig->tree, LINKS_RIG_NOTES));
}

/* Two runs of the agent: a board comes, is renamed, and goes. */
static void run_twice(void *context)
{
    struct links_rig *rig = context;

    for (int run = 0; run < 2; run++) {
        struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);

        links_rig_open(rig);
        serial_links_put(rig->links, first, &nodes);
        tty_links_put(rig->links, first, run == 0 ? "leo" : "leonardo", &nodes.ttys);
        if (run == 0) {
            links_rig_end(rig);
        }
    }
    dev_links_drop(rig->links, first);
}

static void expect_empty(const struct links_rig *rig, const char *folder)
{
    char path[TREE_PATH_SIZE];

    tree_path(&rig->tree, folder, path);
    assert_true(rmdir(path) == 0 || errno == ENOENT);
}

/* Wherever it is killed, the next run knows all that it has made. */
static void a_killed_run_leaves_nothing_for_good(void **state)
{
    struct links_rig *rig = *state;
    bool killed = true;

    links_rig_end(rig);
    for (unsigned call = 0; killed; call++) {
        tree_link(&rig->tree, LINKS_RIG_ID, "../../ttyUSB1");
        killed = killed_at(call, run_twice, rig);
        links_rig_open(rig);
        dev_links_drop_former(rig->links);
        assert_string_equal(links_rig_target(rig, LINKS_RIG_ID), "../../ttyUSB1");
        tree_delete(&rig->tree, LINKS_RIG_ID);
        expect_empty(rig, "/dev/serial/by-id");
        expect_empty(rig, "/dev/serial/by-path");
        expect_empty(rig, "/dev/ttyferry");
        assert_false(tree_has(&rig->tree, LINKS_RIG_NOTES));
        links_rig_end(rig);
    }
}

static char warnings[2048];

static void on_log(void *context, enum log_level level, const char *message)
{
    (void)context;
    if (level == LOG_WARNING) {
        strncat(warnings, message, sizeof warnings - strlen(warnings) - 1);
        strncat(warnings, "\n", sizeof warnings - strlen(warnings) - 1);
    }
}

static size_t count_warnings(const char *text)
{
    size_t count = 0;

    for (const char *at = strstr(warnings, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

static void notes_that_can_not_be_written_are_told_once(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    struct tty_nodes others = links_rig_nodes("/dev/ttyUSB1", LINKS_RIG_OTHER_PATH);

    tree_folder(&rig->tree, LINKS_RIG_NOTES "/somebody's");
    warnings[0] = '\0';
    log_set_sink(on_log, NULL);
    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    log_set_sink(NULL, NULL);
    assert_int_equal(count_warnings("/run/links can't be written"), 1);
    assert_int_equal(count_warnings("remove what is in its place"), 1);
    assert_string_equal(links_rig_target(rig, LINKS_RIG_ID),
                        "../../ttyUSB1"); /* The boards can be used. */
    tree_delete(&rig->tree, LINKS_RIG_NOTES);
    log_set_sink(on_log, NULL);
    dev_links_drop(rig->links, second);
    assert_true(tree_has(&rig->tree, LINKS_RIG_NOTES));
    tree_delete(&rig->tree, "/run");
    serial_links_put(rig->links, second, &others);
    log_set_sink(NULL, NULL);
    assert_int_equal(count_warnings("/run/links can't be written"), 2);
}

static void notes_that_nobody_has_written_say_nothing(void **state)
{
    struct links_rig *rig = *state;

    links_rig_end(rig);
    tree_link(&rig->tree, "/dev/leo", "../../gone");
    tree_link(&rig->tree, "/dev/serial/by-id/a", "../../gone");
    tree_write(&rig->tree, LINKS_RIG_NOTES,
               "\n\nserial/by-id\nserial/by-id ../../leo ../../gone\nby-id a ../../gone\n"
               "serial/by-id a ../../gone - more\nserial/by-id a ../../../gone\n"
               "serial/by-id a gone\nserial/by-id .. ../../gone\n");
    links_rig_open(rig);
    assert_string_equal(links_rig_target(rig, "/dev/leo"), "../../gone");
    assert_string_equal(links_rig_target(rig, "/dev/serial/by-id/a"), "../../gone");
}

static void notes_that_are_a_link_are_not_followed(void **state)
{
    struct links_rig *rig = *state;
    struct tty_nodes nodes = links_rig_nodes("/dev/ttyUSB0", LINKS_RIG_PATH);
    char text[16];

    tree_write(&rig->tree, "/secret", "mine");
    tree_link(&rig->tree, LINKS_RIG_NOTES, "../secret");
    serial_links_put(rig->links, first, &nodes);
    tree_read(&rig->tree, "/secret", text, sizeof text);
    assert_string_equal(text, "mine");
}

#define CASE(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, links_rig_setup, links_rig_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(nor_is_it_one_after_a_restart),
        CASE(somebody_elses_link_to_what_has_gone_does_not_come_back),
        CASE(somebody_elses_link_comes_back_from_the_next_run),
        CASE(notes_without_somebody_elses_link_are_read),
        CASE(the_next_run_takes_over_what_it_attaches),
        CASE(the_next_run_removes_what_leads_nowhere),
        CASE(the_next_run_removes_what_leads_to_another),
        CASE(what_nobody_takes_over_goes_later),
        CASE(what_udevd_has_made_meanwhile_is_its_own),
        CASE(what_is_let_go_of_has_no_link),
        CASE(a_killed_run_leaves_nothing_for_good),
        CASE(notes_that_can_not_be_written_are_told_once),
        CASE(notes_that_nobody_has_written_say_nothing),
        CASE(notes_that_are_a_link_are_not_followed),
    };

    return cmocka_run_group_tests_name("dev_links", tests, NULL, NULL);
}
