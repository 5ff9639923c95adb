/* The ports that are ours, as the next run of the agent finds them. */
#include "guest-linux/held_ports.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

#define FIRST "/devices/platform/vhci_hcd.0"
#define HEADING "hub port sta spd dev      sockfd local_busid\n"
#define FREE "004 000 00000000 000000 0-0\n"
#define DEVICE FIRST "/usb3/3-1"
#define OTHER_DEVICE FIRST "/usb3/3-2"
#define STREAM "/run/events.sock"
#define NOTES "/run/ports"
#define NEW_NOTES "/run/ports.new"
#define NOTHING "nothing\n"
#define TEXT_SIZE 256

static const struct vhci_place place = {.port = 0, .devid = 0x00010003, .devpath = DEVICE};
static const struct vhci_place other = {.port = 1, .devid = 0x00010004, .devpath = OTHER_DEVICE};

struct rig {
    struct tree tree;
    char stream[TREE_PATH_SIZE];
    struct held_ports *held;
    struct vhci *vhci;
};

/* Two boards on the first two ports of one controller. */
static void make_rig(struct rig *rig)
{
    tree_make(&rig->tree);
    tree_write(&rig->tree, FIRST "/attach", NOTHING);
    tree_write(&rig->tree, FIRST "/detach", NOTHING);
    tree_write(&rig->tree, FIRST "/nports", "4\n");
    tree_write(&rig->tree, FIRST "/status",
               HEADING "hs  0000 006 002 00010003 000007 3-1\n"
                       "hs  0001 006 002 00010004 000007 3-2\n"
                       "ss  0002 " FREE "ss  0003 " FREE);
    tree_write(&rig->tree, FIRST "/usb3/speed", "480\n");
    tree_write(&rig->tree, FIRST "/usb4/speed", "5000\n");
    tree_write(&rig->tree, DEVICE "/idVendor", "1a86\n");
    tree_write(&rig->tree, OTHER_DEVICE "/idVendor", "1a86\n");
    tree_folder(&rig->tree, "/run");
    tree_path(&rig->tree, STREAM, rig->stream);
    assert_int_equal(vhci_create(rig->tree.root, &rig->vhci), 0);
    assert_int_equal(held_ports_open(rig->tree.root, rig->stream, &rig->held), 0);
}

static void remove_rig(struct rig *rig)
{
    held_ports_close(rig->held);
    vhci_destroy(rig->vhci);
    tree_remove(&rig->tree);
}

/* The agent ends somehow, and the next one begins. */
static void run_anew(struct rig *rig)
{
    held_ports_close(rig->held);
    vhci_destroy(rig->vhci);
    assert_int_equal(vhci_create(rig->tree.root, &rig->vhci), 0);
    assert_int_equal(held_ports_open(rig->tree.root, rig->stream, &rig->held), 0);
}

/* Another device, with an inode of its own: both are there for a moment. */
static void replace_device(struct rig *rig)
{
    char path[TREE_PATH_SIZE];
    char next_path[TREE_PATH_SIZE];

    tree_write(&rig->tree, FIRST "/next/idVendor", "1a86\n");
    tree_path(&rig->tree, FIRST "/next", next_path);
    tree_path(&rig->tree, DEVICE, path);
    tree_delete(&rig->tree, DEVICE);
    assert_int_equal(rename(next_path, path), 0);
}

static void expect_detached(const struct rig *rig, const char *text)
{
    char expected[TEXT_SIZE] = NOTHING;
    char found[TEXT_SIZE];

    memcpy(expected, text, strlen(text)); /* A plain file keeps what is longer. */
    tree_read(&rig->tree, FIRST "/detach", found, sizeof found);
    assert_string_equal(found, expected);
}

static void the_next_run_knows_what_was_noted(void **state)
{
    struct rig rig;
    char path[TREE_PATH_SIZE];
    struct stat status;

    (void)state;
    make_rig(&rig);
    assert_false(held_ports_has(rig.held, &place));
    held_ports_note(rig.held, &place);
    assert_true(held_ports_has(rig.held, &place));
    run_anew(&rig);
    assert_true(held_ports_has(rig.held, &place));
    assert_false(held_ports_has(rig.held, &other));
    tree_path(&rig.tree, NOTES, path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    /* And the run after that, though this one has taken over only one of them. */
    held_ports_note(rig.held, &other);
    run_anew(&rig);
    assert_true(held_ports_has(rig.held, &place));
    assert_true(held_ports_has(rig.held, &other));
    remove_rig(&rig);
}

static void what_is_not_in_the_device_tree_is_not_noted(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, DEVICE);
    held_ports_note(rig.held, &place);
    assert_false(tree_has(&rig.tree, NOTES));
    assert_false(held_ports_has(rig.held, &place));
    remove_rig(&rig);
}

static void without_a_port_there_is_no_file(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    held_ports_note(rig.held, &place);
    run_anew(&rig);
    held_ports_forget(rig.held, &place);
    assert_false(held_ports_has(rig.held, &place));
    assert_false(tree_has(&rig.tree, NOTES));
    remove_rig(&rig);
}

static void another_device_at_the_port_is_not_ours(void **state)
{
    struct rig rig;
    struct vhci_place wrong = place;

    (void)state;
    make_rig(&rig);
    held_ports_note(rig.held, &place);
    wrong.devid++;
    assert_false(held_ports_has(rig.held, &wrong));
    run_anew(&rig);
    replace_device(&rig);
    assert_false(held_ports_has(rig.held, &place));
    assert_int_equal(held_ports_let_go(rig.held, rig.vhci), 0);
    expect_detached(&rig, "");
    assert_false(tree_has(&rig.tree, NOTES));
    remove_rig(&rig);
}

static void what_a_former_run_has_left_is_let_go(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    held_ports_note(rig.held, &other);
    assert_int_equal(held_ports_let_go(rig.held, rig.vhci), 0);
    run_anew(&rig);
    assert_int_equal(held_ports_let_go(rig.held, rig.vhci), 1);
    expect_detached(&rig, "1");
    assert_false(tree_has(&rig.tree, NOTES));
    assert_int_equal(held_ports_let_go(rig.held, rig.vhci), 0);
    remove_rig(&rig);
}

static void what_was_taken_over_is_not_let_go(void **state)
{
    struct rig rig;
    struct vhci_place adopted;

    (void)state;
    make_rig(&rig);
    held_ports_note(rig.held, &place);
    held_ports_note(rig.held, &other);
    run_anew(&rig);
    assert_int_equal(vhci_adopt(rig.vhci, place.devid, &adopted), 0);
    held_ports_note(rig.held, &adopted);
    assert_int_equal(held_ports_let_go(rig.held, rig.vhci), 1);
    expect_detached(&rig, "1");
    assert_true(held_ports_has(rig.held, &place));
    run_anew(&rig);
    assert_true(held_ports_has(rig.held, &place));
    remove_rig(&rig);
}

static void make_garbage(struct rig *rig)
{
    tree_write(&rig->tree, NOTES, "\xff{");
}

static void make_link(struct rig *rig)
{
    char path[TREE_PATH_SIZE];
    char aside[TREE_PATH_SIZE];

    tree_path(&rig->tree, NOTES, path);
    tree_path(&rig->tree, "/run/aside", aside);
    assert_int_equal(rename(path, aside), 0);
    tree_link(&rig->tree, NOTES, "aside");
}

static void make_fifo(struct rig *rig)
{
    char path[TREE_PATH_SIZE];

    tree_path(&rig->tree, NOTES, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void make_folder(struct rig *rig)
{
    tree_delete(&rig->tree, NOTES);
    tree_folder(&rig->tree, NOTES);
}

static void make_writable(struct rig *rig)
{
    char path[TREE_PATH_SIZE];

    tree_path(&rig->tree, NOTES, path);
    assert_int_equal(chmod(path, 0602), 0);
}

/* Nothing in the file's place is followed, waited for or believed. */
static const struct foreign_case {
    const char *name;
    void (*make)(struct rig *rig);
} foreign_cases[] = {
    {"held_ports: garbage in the file", make_garbage},
    {"held_ports: a link in its place", make_link},
    {"held_ports: a named pipe in its place", make_fifo},
    {"held_ports: a folder in its place", make_folder},
    {"held_ports: a file that others may write", make_writable},
};

static void counts_as_none(void **state)
{
    const struct foreign_case *row = *state;
    struct rig rig;

    make_rig(&rig);
    held_ports_note(rig.held, &place);
    row->make(&rig);
    run_anew(&rig);
    assert_false(held_ports_has(rig.held, &place));
    assert_int_equal(held_ports_let_go(rig.held, rig.vhci), 0);
    /* What this run attaches counts all the same. */
    held_ports_note(rig.held, &place);
    assert_true(held_ports_has(rig.held, &place));
    remove_rig(&rig);
}

static void what_a_killed_writer_has_left_is_in_nobodys_way(void **state)
{
    struct rig rig;
    char text[TEXT_SIZE];

    (void)state;
    make_rig(&rig);
    tree_write(&rig.tree, "/run/victim", "mine\n");
    tree_link(&rig.tree, NEW_NOTES, "victim");
    held_ports_note(rig.held, &place);
    tree_read(&rig.tree, "/run/victim", text, sizeof text);
    assert_string_equal(text, "mine\n");
    assert_false(tree_has(&rig.tree, NEW_NOTES));
    run_anew(&rig);
    assert_true(held_ports_has(rig.held, &place));
    remove_rig(&rig);
}

static void without_a_place_for_the_file_only_this_run_knows(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, "/run");
    held_ports_note(rig.held, &place);
    assert_true(held_ports_has(rig.held, &place));
    tree_folder(&rig.tree, "/run");
    held_ports_note(rig.held, &other);
    run_anew(&rig);
    assert_true(held_ports_has(rig.held, &place));
    remove_rig(&rig);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, foreign_cases, counts_as_none);
    cases_add_one(&cases, "the_next_run_knows_what_was_noted", the_next_run_knows_what_was_noted);
    cases_add_one(&cases, "what_is_not_in_the_device_tree_is_not_noted",
                  what_is_not_in_the_device_tree_is_not_noted);
    cases_add_one(&cases, "without_a_port_there_is_no_file", without_a_port_there_is_no_file);
    cases_add_one(&cases, "another_device_at_the_port_is_not_ours",
                  another_device_at_the_port_is_not_ours);
    cases_add_one(&cases, "what_a_former_run_has_left_is_let_go",
                  what_a_former_run_has_left_is_let_go);
    cases_add_one(&cases, "what_was_taken_over_is_not_let_go", what_was_taken_over_is_not_let_go);
    cases_add_one(&cases, "what_a_killed_writer_has_left_is_in_nobodys_way",
                  what_a_killed_writer_has_left_is_in_nobodys_way);
    cases_add_one(&cases, "without_a_place_for_the_file_only_this_run_knows",
                  without_a_place_for_the_file_only_this_run_knows);
    return cases_run("held_ports", &cases);
}
