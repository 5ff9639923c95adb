/* The links by id and by path, in a folder that stands for /dev. */
#include "guest-linux/serial_links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-linux/tty_links.h"
#include "shared/core/log.h"
#include "tests/core/cases.h"
#include "tests/guest/killed.h"
#include "tests/guest/tree.h"

#define ID "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"
#define PATH "/dev/serial/by-path/platform-vhci_hcd.0-usb-0:1:1.0-port0"
#define OTHER_PATH "/dev/serial/by-path/platform-vhci_hcd.0-usb-0:2:1.0-port0"
#define NOTES "/run/links"

struct rig {
    struct tree tree;
    char dev[TREE_PATH_SIZE];
    char notes[TREE_PATH_SIZE];
    struct dev_links *links;
};

static const char first[] = "one board";
static const char second[] = "another board";

static void open_links(struct rig *rig)
{
    assert_int_equal(dev_links_open(rig->dev, rig->notes, &rig->links), 0);
}

static int setup(void **state)
{
    static struct rig rig;

    tree_make(&rig.tree);
    tree_folder(&rig.tree, "/dev");
    tree_folder(&rig.tree, "/run");
    tree_write(&rig.tree, "/dev/ttyUSB0", "");
    tree_write(&rig.tree, "/dev/ttyUSB1", "");
    tree_path(&rig.tree, "/dev", rig.dev);
    tree_path(&rig.tree, NOTES, rig.notes);
    open_links(&rig);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    dev_links_close(rig->links);
    tree_remove(&rig->tree);
    return 0;
}

static const char *base(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* A tty of a board without a serial number: two such have one name by id. */
static struct tty_nodes make_nodes(const char *path, const char *by_path)
{
    struct tty_nodes nodes = {.ttys = {.count = 1}};

    strcpy(nodes.ttys.items[0].path, path);
    strcpy(nodes.names[0].by_id, base(ID));
    strcpy(nodes.names[0].by_path, base(by_path));
    return nodes;
}

/* What the link says; "" if there is no link. */
static const char *read_link(const struct rig *rig, const char *name)
{
    static char target[TREE_PATH_SIZE];
    char path[TREE_PATH_SIZE];
    ssize_t len;

    tree_path(&rig->tree, name, path);
    len = readlink(path, target, sizeof target - 1);
    target[len > 0 ? len : 0] = '\0';
    return target;
}

static void end_as_killed(struct rig *rig)
{
    dev_links_close(rig->links);
    rig->links = NULL;
}

static void links_come_and_go_with_the_board(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, ID);
    assert_string_equal(nodes.ttys.items[0].by_path, PATH);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB0");
    assert_string_equal(read_link(rig, PATH), "../../ttyUSB0");
    assert_true(tree_has(&rig->tree, ID)); /* It does not dangle. */
    assert_true(tree_has(&rig->tree, NOTES));
    dev_links_drop(rig->links, first);
    assert_string_equal(read_link(rig, ID), "");
    assert_string_equal(read_link(rig, PATH), "");
    assert_false(tree_has(&rig->tree, NOTES));
}

static void what_udevd_has_made_is_not_touched(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    strcpy(nodes.ttys.items[0].by_id, "/dev/serial/by-id/udevs");
    nodes.names[0].by_id[0] = '\0';
    nodes.names[0].by_path[0] = '\0';
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "/dev/serial/by-id/udevs");
    assert_false(tree_has(&rig->tree, "/dev/serial"));
    assert_false(tree_has(&rig->tree, NOTES));
    dev_links_drop(rig->links, first);
}

static void of_two_with_one_name_the_later_has_it(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);
    struct tty_nodes others = make_nodes("/dev/ttyUSB1", OTHER_PATH);

    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB1");
    assert_string_equal(read_link(rig, PATH), "../../ttyUSB0");
    dev_links_drop(rig->links, second);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB0");
    assert_string_equal(read_link(rig, OTHER_PATH), "");
    dev_links_drop(rig->links, first);
    assert_string_equal(read_link(rig, ID), "");
}

static void the_earlier_that_goes_takes_nothing_along(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);
    struct tty_nodes others = make_nodes("/dev/ttyUSB1", OTHER_PATH);

    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    tree_delete(&rig->tree, "/dev/ttyUSB0");
    dev_links_drop(rig->links, first);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB1");
    tree_delete(&rig->tree, "/dev/ttyUSB1");
    dev_links_drop(rig->links, second);
    assert_string_equal(read_link(rig, ID), "");
}

/* A third takes the number of the earlier that has gone: it has nothing to do with the name. */
static void a_stranger_at_the_earliers_number_is_no_heir(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);
    struct tty_nodes others = make_nodes("/dev/ttyUSB1", OTHER_PATH);

    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    dev_links_drop(rig->links, first);
    dev_links_drop(rig->links, second); /* ttyUSB0 is there: the stranger's */
    assert_string_equal(read_link(rig, ID), "");
}

static void nor_is_it_one_after_a_restart(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);
    struct tty_nodes others = make_nodes("/dev/ttyUSB1", OTHER_PATH);

    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    end_as_killed(rig);
    open_links(rig);
    nodes = make_nodes("/dev/ttyUSB0", PATH);
    others = make_nodes("/dev/ttyUSB1", OTHER_PATH);
    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB1");
    dev_links_drop(rig->links, first);
    dev_links_drop(rig->links, second);
    assert_string_equal(read_link(rig, ID), "");
}

/* Somebody else's link was there before either of two; the first that goes is the one that has
 * replaced it. */
static void somebody_elses_link_outlives_two_of_ours(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);
    struct tty_nodes others = make_nodes("/dev/ttyUSB1", OTHER_PATH);

    tree_write(&rig->tree, "/dev/ttyUSB2", "");
    tree_link(&rig->tree, ID, "../../ttyUSB2");
    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    dev_links_drop(rig->links, first);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB1");
    dev_links_drop(rig->links, second);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB2");
}

static void somebody_elses_link_comes_back(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    tree_link(&rig->tree, ID, "../../ttyUSB1");
    tree_link(&rig->tree, PATH, "../../ttyUSB9"); /* It led nowhere. */
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB0");
    assert_string_equal(read_link(rig, PATH), "../../ttyUSB0");
    dev_links_drop(rig->links, first);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB1");
    assert_string_equal(read_link(rig, PATH), "");
}

static void somebody_elses_link_comes_back_from_the_next_run(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    tree_link(&rig->tree, ID, "../../ttyUSB1");
    serial_links_put(rig->links, first, &nodes);
    end_as_killed(rig);
    open_links(rig);
    nodes = make_nodes("/dev/ttyUSB0", PATH);
    serial_links_put(rig->links, second, &nodes);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB0");
    end_as_killed(rig);
    open_links(rig); /* It is let go of by one that has not taken it over. */
    dev_links_drop_former(rig->links);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB1");
    nodes = make_nodes("/dev/ttyUSB0", PATH);
    serial_links_put(rig->links, first, &nodes);
    end_as_killed(rig);
    open_links(rig);
    nodes = make_nodes("/dev/ttyUSB0", PATH);
    serial_links_put(rig->links, second, &nodes);
    dev_links_drop(rig->links, second);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB1");
}

/* What an older version has noted. */
static void notes_without_somebody_elses_link_are_read(void **state)
{
    struct rig *rig = *state;

    tree_link(&rig->tree, ID, "../../ttyUSB0");
    tree_write(&rig->tree, NOTES, "serial/by-id usb-1a86_USB_Serial-if00-port0 ../../ttyUSB0\n");
    end_as_killed(rig);
    open_links(rig);
    dev_links_drop_former(rig->links);
    assert_string_equal(read_link(rig, ID), "");
}

static void a_link_that_somebody_has_changed_is_his(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    serial_links_put(rig->links, first, &nodes);
    tree_delete(&rig->tree, ID);
    tree_link(&rig->tree, ID, "../../ttyUSB1");
    tree_delete(&rig->tree, PATH); /* as a second udevd does */
    dev_links_drop(rig->links, first);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB1");
    assert_string_equal(read_link(rig, PATH), "");
}

static void what_is_no_link_stays(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);
    char text[16];

    tree_write(&rig->tree, ID, "mine");
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "");
    assert_string_equal(nodes.ttys.items[0].by_path, PATH);
    dev_links_drop(rig->links, first);
    tree_read(&rig->tree, ID, text, sizeof text);
    assert_string_equal(text, "mine");
}

static void folders_that_are_links_are_not_followed(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    tree_folder(&rig->tree, "/elsewhere/by-id");
    tree_link(&rig->tree, "/dev/serial", "../elsewhere");
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "");
    assert_string_equal(nodes.ttys.items[0].by_path, "");
    tree_delete(&rig->tree, "/dev/serial");
    tree_folder(&rig->tree, "/dev/serial");
    tree_link(&rig->tree, "/dev/serial/by-id", "../../elsewhere/by-id");
    nodes = make_nodes("/dev/ttyUSB0", PATH);
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "");
    assert_string_equal(nodes.ttys.items[0].by_path, PATH);
    assert_string_equal(read_link(rig, "/elsewhere/by-id/usb-1a86_USB_Serial-if00-port0"), "");
}

static void a_folder_that_others_may_write_to_is_not_used(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);
    char path[TREE_PATH_SIZE];

    tree_folder(&rig->tree, "/dev/serial");
    tree_path(&rig->tree, "/dev/serial", path);
    assert_int_equal(chmod(path, 0777), 0);
    serial_links_put(rig->links, first, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, "");
    assert_false(tree_has(&rig->tree, "/dev/serial/by-id"));
}

static void the_next_run_takes_over_what_it_attaches(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    serial_links_put(rig->links, first, &nodes);
    end_as_killed(rig);
    open_links(rig);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB0");
    nodes = make_nodes("/dev/ttyUSB0", PATH);
    serial_links_put(rig->links, second, &nodes);
    assert_string_equal(nodes.ttys.items[0].by_id, ID);
    dev_links_drop(rig->links, second);
    assert_string_equal(read_link(rig, ID), "");
    assert_string_equal(read_link(rig, PATH), "");
}

static void the_next_run_removes_what_leads_nowhere(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    serial_links_put(rig->links, first, &nodes);
    tree_link(&rig->tree, "/dev/serial/by-id/theirs", "../../ttyUSB0");
    end_as_killed(rig);
    tree_delete(&rig->tree, "/dev/ttyUSB0");
    open_links(rig);
    assert_string_equal(read_link(rig, ID), "");
    assert_string_equal(read_link(rig, PATH), "");
    assert_string_equal(read_link(rig, "/dev/serial/by-id/theirs"), "../../ttyUSB0");
}

/* Nobody has taken the board over; it goes while the agent runs. */
static void what_nobody_takes_over_goes_later(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    serial_links_put(rig->links, first, &nodes);
    dev_links_leave(rig->links, first);
    end_as_killed(rig);
    open_links(rig);
    assert_string_equal(read_link(rig, PATH), "../../ttyUSB0");
    dev_links_sweep(rig->links);
    assert_string_equal(read_link(rig, PATH), "../../ttyUSB0");
    tree_delete(&rig->tree, "/dev/ttyUSB0");
    dev_links_sweep(rig->links);
    assert_string_equal(read_link(rig, PATH), "");
    assert_string_equal(read_link(rig, ID), "");
}

/* udevd has been started meanwhile, and says so of the same names. */
static void what_udevd_has_made_meanwhile_is_its_own(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    serial_links_put(rig->links, first, &nodes);
    end_as_killed(rig);
    open_links(rig);
    strcpy(nodes.ttys.items[0].by_id, ID);
    strcpy(nodes.ttys.items[0].by_path, PATH);
    nodes.names[0] = (struct tty_names){.by_id = ""};
    serial_links_put(rig->links, first, &nodes);
    dev_links_drop(rig->links, first);
    dev_links_drop_former(rig->links);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB0");
    assert_string_equal(read_link(rig, PATH), "../../ttyUSB0");
    assert_false(tree_has(&rig->tree, NOTES));
}

static void what_is_let_go_of_has_no_link(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

    serial_links_put(rig->links, first, &nodes);
    end_as_killed(rig);
    open_links(rig);
    dev_links_drop_former(rig->links);
    assert_string_equal(read_link(rig, PATH), "");
    assert_string_equal(read_link(rig, ID), "");
    assert_false(tree_has(&rig->tree, NOTES));
}

/* Two runs of the agent: a board comes, is renamed, and goes. */
static void run_twice(void *context)
{
    struct rig *rig = context;

    for (int run = 0; run < 2; run++) {
        struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);

        open_links(rig);
        serial_links_put(rig->links, first, &nodes);
        tty_links_put(rig->links, first, run == 0 ? "leo" : "leonardo", &nodes.ttys);
        if (run == 0) {
            end_as_killed(rig);
        }
    }
    dev_links_drop(rig->links, first);
}

static void expect_empty(const struct rig *rig, const char *folder)
{
    char path[TREE_PATH_SIZE];

    tree_path(&rig->tree, folder, path);
    assert_true(rmdir(path) == 0 || errno == ENOENT);
}

/* Wherever it is killed, the next run knows all that it has made. */
static void a_killed_run_leaves_nothing_for_good(void **state)
{
    struct rig *rig = *state;
    bool killed = true;

    end_as_killed(rig);
    for (unsigned call = 0; killed; call++) {
        tree_link(&rig->tree, ID, "../../ttyUSB1");
        killed = killed_at(call, run_twice, rig);
        open_links(rig);
        dev_links_drop_former(rig->links);
        assert_string_equal(read_link(rig, ID), "../../ttyUSB1");
        tree_delete(&rig->tree, ID);
        expect_empty(rig, "/dev/serial/by-id");
        expect_empty(rig, "/dev/serial/by-path");
        expect_empty(rig, "/dev/ttyferry");
        assert_false(tree_has(&rig->tree, NOTES));
        end_as_killed(rig);
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
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);
    struct tty_nodes others = make_nodes("/dev/ttyUSB1", OTHER_PATH);

    tree_folder(&rig->tree, NOTES "/somebody's");
    warnings[0] = '\0';
    log_set_sink(on_log, NULL);
    serial_links_put(rig->links, first, &nodes);
    serial_links_put(rig->links, second, &others);
    log_set_sink(NULL, NULL);
    assert_int_equal(count_warnings("/run/links can't be written"), 1);
    assert_int_equal(count_warnings("remove what is in its place"), 1);
    assert_string_equal(read_link(rig, ID), "../../ttyUSB1"); /* The boards can be used. */
    tree_delete(&rig->tree, NOTES);
    log_set_sink(on_log, NULL);
    dev_links_drop(rig->links, second);
    assert_true(tree_has(&rig->tree, NOTES));
    tree_delete(&rig->tree, "/run");
    serial_links_put(rig->links, second, &others);
    log_set_sink(NULL, NULL);
    assert_int_equal(count_warnings("/run/links can't be written"), 2);
}

static void notes_that_nobody_has_written_say_nothing(void **state)
{
    struct rig *rig = *state;

    end_as_killed(rig);
    tree_link(&rig->tree, "/dev/leo", "../../gone");
    tree_link(&rig->tree, "/dev/serial/by-id/a", "../../gone");
    tree_write(&rig->tree, NOTES,
               "\n\nserial/by-id\nserial/by-id ../../leo ../../gone\nby-id a ../../gone\n"
               "serial/by-id a ../../gone - more\nserial/by-id a ../../../gone\n"
               "serial/by-id a gone\nserial/by-id .. ../../gone\n");
    open_links(rig);
    assert_string_equal(read_link(rig, "/dev/leo"), "../../gone");
    assert_string_equal(read_link(rig, "/dev/serial/by-id/a"), "../../gone");
}

static void notes_that_are_a_link_are_not_followed(void **state)
{
    struct rig *rig = *state;
    struct tty_nodes nodes = make_nodes("/dev/ttyUSB0", PATH);
    char text[16];

    tree_write(&rig->tree, "/secret", "mine");
    tree_link(&rig->tree, NOTES, "../secret");
    serial_links_put(rig->links, first, &nodes);
    tree_read(&rig->tree, "/secret", text, sizeof text);
    assert_string_equal(text, "mine");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(links_come_and_go_with_the_board),
        CASE(what_udevd_has_made_is_not_touched),
        CASE(of_two_with_one_name_the_later_has_it),
        CASE(the_earlier_that_goes_takes_nothing_along),
        CASE(a_stranger_at_the_earliers_number_is_no_heir),
        CASE(nor_is_it_one_after_a_restart),
        CASE(somebody_elses_link_comes_back),
        CASE(somebody_elses_link_outlives_two_of_ours),
        CASE(somebody_elses_link_comes_back_from_the_next_run),
        CASE(notes_without_somebody_elses_link_are_read),
        CASE(a_link_that_somebody_has_changed_is_his),
        CASE(what_is_no_link_stays),
        CASE(folders_that_are_links_are_not_followed),
        CASE(a_folder_that_others_may_write_to_is_not_used),
        CASE(the_next_run_takes_over_what_it_attaches),
        CASE(the_next_run_removes_what_leads_nowhere),
        CASE(what_nobody_takes_over_goes_later),
        CASE(what_udevd_has_made_meanwhile_is_its_own),
        CASE(what_is_let_go_of_has_no_link),
        CASE(a_killed_run_leaves_nothing_for_good),
        CASE(notes_that_can_not_be_written_are_told_once),
        CASE(notes_that_nobody_has_written_say_nothing),
        CASE(notes_that_are_a_link_are_not_followed),
    };

    return cmocka_run_group_tests_name("serial_links", tests, NULL, NULL);
}
