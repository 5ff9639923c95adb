#include "guest-linux/guest_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

struct rig {
    struct tree tree;
    struct guest_files files;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    assert_non_null(rig);
    tree_make(&rig->tree);
    tree_folder(&rig->tree, "/etc");
    guest_files_init(&rig->files, rig->tree.root);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    tree_remove(&rig->tree);
    free(rig);
    return 0;
}

static int write_text(struct rig *rig, const char *path, const char *text, mode_t mode, bool keeps)
{
    const struct guest_file_text content = {text, strlen(text), mode, keeps};

    return guest_files_write(&rig->files, path, &content);
}

static void expect_text(struct rig *rig, const char *path, const char *expected)
{
    char text[64];

    tree_read(&rig->tree, path, text, sizeof text);
    assert_string_equal(text, expected);
}

static mode_t mode_of(struct rig *rig, const char *path)
{
    char joined[TREE_PATH_SIZE];
    struct stat status;

    tree_path(&rig->tree, path, joined);
    assert_int_equal(lstat(joined, &status), 0);
    return status.st_mode & 07777;
}

static void expect_nothing_beside(struct rig *rig)
{
    assert_false(tree_has(&rig->tree, "/etc/.a.ttyferry-old"));
    assert_false(tree_has(&rig->tree, "/etc/.a.ttyferry-new"));
}

static void what_is_made_can_be_unmade(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(guest_files_make_folder(&rig->files, "/etc/f", 0700), 0);
    assert_int_equal(write_text(rig, "/etc/f/a", "new", 0600, false), 0);
    assert_int_equal(write_text(rig, "/etc/f/a", "newer", 0600, false), 0);
    expect_text(rig, "/etc/f/a", "newer");
    assert_int_equal(mode_of(rig, "/etc/f/a"), 0600);
    assert_int_equal(guest_files_undo(&rig->files), 0);
    assert_false(tree_has(&rig->tree, "/etc/f"));
}

static void what_is_replaced_comes_back_as_it_was(void **state)
{
    struct rig *rig = *state;
    char joined[TREE_PATH_SIZE];

    tree_write(&rig->tree, "/etc/a", "old");
    tree_path(&rig->tree, "/etc/a", joined);
    assert_int_equal(chmod(joined, 0604), 0);
    assert_int_equal(write_text(rig, "/etc/a", "new", 0600, true), 0);
    assert_int_equal(mode_of(rig, "/etc/a"), 0604);
    assert_int_equal(write_text(rig, "/etc/a", "newer", 0600, false), 0);
    assert_int_equal(mode_of(rig, "/etc/a"), 0600);
    assert_int_equal(guest_files_delete(&rig->files, "/etc/a"), 0);
    assert_false(tree_has(&rig->tree, "/etc/a"));
    assert_int_equal(guest_files_undo(&rig->files), 0);
    expect_text(rig, "/etc/a", "old");
    assert_int_equal(mode_of(rig, "/etc/a"), 0604);
    expect_nothing_beside(rig);
}

static void what_is_committed_stays(void **state)
{
    struct rig *rig = *state;

    tree_write(&rig->tree, "/etc/a", "old");
    tree_write(&rig->tree, "/etc/.a.ttyferry-old", "of a run that was killed");
    tree_write(&rig->tree, "/etc/.a.ttyferry-new", "of a run that was killed");
    assert_int_equal(write_text(rig, "/etc/a", "new", 0600, false), 0);
    guest_files_commit(&rig->files);
    assert_int_equal(guest_files_undo(&rig->files), 0);
    expect_text(rig, "/etc/a", "new");
    expect_nothing_beside(rig);
}

static void links_are_neither_followed_nor_replaced(void **state)
{
    struct rig *rig = *state;
    char *text = NULL;
    size_t len;

    tree_write(&rig->tree, "/etc/target", "theirs");
    tree_link(&rig->tree, "/etc/a", "target");
    assert_int_equal(write_text(rig, "/etc/a", "new", 0600, true), ERR_UNSUPPORTED);
    assert_int_equal(guest_files_read(&rig->files, "/etc/a", 10, &text, &len), ERR_UNSUPPORTED);
    assert_int_equal(guest_files_delete(&rig->files, "/etc/a"), ERR_UNSUPPORTED);
    assert_int_equal(guest_files_make_folder(&rig->files, "/etc/a", 0755), ERR_DENIED);
    expect_text(rig, "/etc/target", "theirs");
    expect_nothing_beside(rig);
    assert_int_equal(guest_files_unlink_link(&rig->files, "/etc/target"), ERR_UNSUPPORTED);
    assert_int_equal(guest_files_unlink_link(&rig->files, "/etc/a"), 0);
    assert_false(tree_has(&rig->tree, "/etc/a"));
}

static void folders_that_others_may_write_are_refused(void **state)
{
    struct rig *rig = *state;
    char joined[TREE_PATH_SIZE];

    tree_folder(&rig->tree, "/etc/f");
    assert_int_equal(guest_files_make_folder(&rig->files, "/etc/f", 0755), 0);
    tree_path(&rig->tree, "/etc/f", joined);
    assert_int_equal(chmod(joined, 0777), 0);
    assert_int_equal(guest_files_make_folder(&rig->files, "/etc/f", 0755), ERR_DENIED);
    assert_int_equal(guest_files_undo(&rig->files), 0);
    assert_true(tree_has(&rig->tree, "/etc/f"));
}

static void failures_change_nothing(void **state)
{
    struct rig *rig = *state;
    char *text = NULL;
    size_t len;

    assert_int_equal(write_text(rig, "/none/a", "new", 0600, false), ERR_NOT_FOUND);
    assert_int_equal(guest_files_delete(&rig->files, "/etc/a"), 0);
    assert_int_equal(guest_files_read(&rig->files, "/etc/a", 10, &text, &len), ERR_NOT_FOUND);
    tree_write(&rig->tree, "/etc/a", "12345");
    assert_int_equal(guest_files_read(&rig->files, "/etc/a", 4, &text, &len), ERR_TOO_LONG);
    assert_null(text);
    assert_int_equal(guest_files_read(&rig->files, "/etc/a", 5, &text, &len), 0);
    assert_string_equal(text, "12345");
    free(text);
    assert_int_equal(rig->files.count, 0);
    rig->files.count = GUEST_FILES_CHANGES_MAX;
    assert_int_equal(write_text(rig, "/etc/a", "new", 0600, false), ERR_FULL);
    expect_text(rig, "/etc/a", "12345");
    expect_nothing_beside(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_made_can_be_unmade, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_replaced_comes_back_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_committed_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_neither_followed_nor_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_that_others_may_write_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(failures_change_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("guest_files", tests, NULL, NULL);
}
