/* Reading sysfs-like files, below a folder that the test makes. */
#include "guest-linux/sysfs.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

#define NAMES_MAX 8

/* Texts --------------------------------------------------------------------------------------- */

struct text_row {
    const char *name;
    const char *file; /* NULL: there is none */
    size_t size;
    int err;
    const char *text;
};

static const struct text_row text_rows[] = {
    {"text: the last line feed is cut off", "full\n", 16, 0, "full"},
    {"text: only the last line feed is cut off", "a\n\n", 16, 0, "a\n"},
    {"text: without a line feed", "full", 16, 0, "full"},
    {"text: an empty file", "", 16, 0, ""},
    {"text: fits with its terminator", "1234567", 8, 0, "1234567"},
    {"text: one byte too many", "12345678", 8, ERR_TOO_LONG, ""},
    {"text: a line feed counts too", "1234567\n", 8, ERR_TOO_LONG, ""},
    {"text: no file", NULL, 16, ERR_NOT_FOUND, NULL},
};

static void text_is_read(void **state)
{
    const struct text_row *row = *state;
    char text[64] = "untouched";
    struct tree tree;

    tree_make(&tree);
    if (row->file != NULL) {
        tree_write(&tree, "/device/speed", row->file);
    }
    assert_int_equal(sysfs_read_text(tree.root, "/device", "speed", text, row->size), row->err);
    if (row->text != NULL) {
        assert_string_equal(text, row->text);
    }
    tree_remove(&tree);
}

static void a_folder_is_no_text(void **state)
{
    char text[64];
    struct tree tree;

    (void)state;
    tree_make(&tree);
    tree_folder(&tree, "/device");
    assert_int_equal(sysfs_read_text(tree.root, "/device", NULL, text, sizeof text), ERR_IS_FOLDER);
    tree_remove(&tree);
}

/* Numbers ------------------------------------------------------------------------------------- */

struct number_row {
    const char *name;
    const char *file;
    int base;
    int err;
    unsigned long number;
};

static const struct number_row number_rows[] = {
    {"number: decimal", "240\n", 10, 0, 240},
    {"number: hexadecimal", "0a\n", 16, 0, 10},
    {"number: padded with blanks", " 2\n", 10, 0, 2},
    {"number: nothing", "\n", 10, ERR_INVALID, 0},
    {"number: a word", "unknown\n", 10, ERR_INVALID, 0},
    {"number: more than a number", "12 34\n", 10, ERR_INVALID, 0},
    {"number: negative", "-1\n", 10, ERR_INVALID, 0},
    {"number: beyond all numbers", "99999999999999999999\n", 10, ERR_INVALID, 0},
    {"number: longer than any number", "0000000000000000000000000000000000000001\n", 10,
     ERR_TOO_LONG, 0},
};

static void number_is_read(void **state)
{
    const struct number_row *row = *state;
    unsigned long number = 0;
    struct tree tree;

    tree_make(&tree);
    tree_write(&tree, "/nports", row->file);
    assert_int_equal(sysfs_read_number(tree.root, "/nports", NULL, row->base, &number), row->err);
    assert_int_equal(number, row->number);
    tree_remove(&tree);
}

struct dev_row {
    const char *name;
    const char *file;
    int err;
    unsigned major;
    unsigned minor;
};

static const struct dev_row dev_rows[] = {
    {"dev: both numbers", "188:1\n", 0, 188, 1},
    {"dev: the largest", "4294967295:4294967295\n", 0, 4294967295u, 4294967295u},
    {"dev: too large a major", "4294967296:0\n", ERR_INVALID, 0, 0},
    {"dev: too large a minor", "0:4294967296\n", ERR_INVALID, 0, 0},
    {"dev: no minor", "188:\n", ERR_INVALID, 0, 0},
    {"dev: no colon", "188\n", ERR_INVALID, 0, 0},
    {"dev: no major", ":1\n", ERR_INVALID, 0, 0},
    {"dev: more than two numbers", "188:1:2\n", ERR_INVALID, 0, 0},
    {"dev: nothing", "", ERR_INVALID, 0, 0},
};

static void dev_is_read(void **state)
{
    const struct dev_row *row = *state;
    unsigned major = 0;
    unsigned minor = 0;
    struct tree tree;

    tree_make(&tree);
    tree_write(&tree, "/dev", row->file);
    assert_int_equal(sysfs_read_dev(tree.root, "/dev", NULL, &major, &minor), row->err);
    assert_int_equal(major, row->major);
    assert_int_equal(minor, row->minor);
    tree_remove(&tree);
}

/* Links, folders, paths ----------------------------------------------------------------------- */

static void a_link_is_named_by_its_last_element(void **state)
{
    char name[8] = "";
    struct tree tree;

    (void)state;
    tree_make(&tree);
    tree_link(&tree, "/1-1:1.0/driver", "../../bus/usb/drivers/ch341");
    tree_link(&tree, "/plain/driver", "cdc_acm");
    tree_link(&tree, "/long/driver", "/drivers/longer_than_the_room");
    assert_int_equal(sysfs_link_name(tree.root, "/1-1:1.0", "driver", name, sizeof name), 0);
    assert_string_equal(name, "ch341");
    assert_int_equal(sysfs_link_name(tree.root, "/plain", "driver", name, sizeof name), 0);
    assert_string_equal(name, "cdc_acm");
    assert_int_equal(sysfs_link_name(tree.root, "/long", "driver", name, sizeof name),
                     ERR_TOO_LONG);
    assert_int_equal(sysfs_link_name(tree.root, "/none", "driver", name, sizeof name),
                     ERR_NOT_FOUND);
    tree_remove(&tree);
}

struct names {
    char items[NAMES_MAX][SYSFS_NAME_SIZE];
    size_t count;
    size_t stop_at; /* 0: never */
};

static int take_name(void *context, const char *name)
{
    struct names *names = context;

    assert_true(names->count < NAMES_MAX);
    strcpy(names->items[names->count++], name);
    return names->count == names->stop_at ? ERR_FULL : 0;
}

static void a_folder_is_listed(void **state)
{
    char longest[SYSFS_NAME_SIZE + 1] = "/";
    char too_long[SYSFS_NAME_SIZE + 2] = "/";
    struct names names = {.count = 0};
    struct tree tree;

    (void)state;
    memset(longest + 1, 'a', SYSFS_NAME_SIZE - 1);
    memset(too_long + 1, 'b', SYSFS_NAME_SIZE);
    longest[SYSFS_NAME_SIZE] = '\0';
    too_long[SYSFS_NAME_SIZE + 1] = '\0';
    tree_make(&tree);
    tree_write(&tree, longest, "");
    tree_write(&tree, too_long, "");
    assert_int_equal(sysfs_list(tree.root, "", take_name, &names), 0);
    assert_int_equal(names.count, 1);
    assert_string_equal(names.items[0], longest + 1);
    tree_remove(&tree);
}

static void a_listing_ends_when_the_visitor_says_so(void **state)
{
    struct names names = {.stop_at = 2};
    struct tree tree;

    (void)state;
    tree_make(&tree);
    tree_write(&tree, "/a", "");
    tree_write(&tree, "/b", "");
    tree_write(&tree, "/c", "");
    assert_int_equal(sysfs_list(tree.root, "", take_name, &names), ERR_FULL);
    assert_int_equal(names.count, 2);
    assert_int_equal(sysfs_list(tree.root, "/none", take_name, &names), ERR_NOT_FOUND);
    assert_int_equal(sysfs_list(tree.root, "/a", take_name, &names), ERR_NOT_FOUND);
    assert_int_equal(names.count, 2);
    tree_remove(&tree);
}

static void paths_are_joined_while_they_fit(void **state)
{
    char root[SYSFS_PATH_SIZE - 3];
    char joined[SYSFS_PATH_SIZE];

    (void)state;
    memset(root, 'r', sizeof root);
    root[sizeof root - 1] = '\0';
    assert_int_equal(sysfs_join("/sys", "/module", "vhci_hcd", joined), 0);
    assert_string_equal(joined, "/sys/module/vhci_hcd");
    assert_int_equal(sysfs_join("/sys", "/module", NULL, joined), 0);
    assert_string_equal(joined, "/sys/module");
    assert_int_equal(sysfs_join(root, "/a", "", joined), 0);
    assert_int_equal(sysfs_join(root, "/a", "b", joined), ERR_TOO_LONG);
    assert_false(sysfs_exists(root, "/a", "b"));
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, text_rows, text_is_read);
    CASES_ADD(&cases, number_rows, number_is_read);
    CASES_ADD(&cases, dev_rows, dev_is_read);
    cases_add_one(&cases, "a folder is no text", a_folder_is_no_text);
    cases_add_one(&cases, "a link is named by its last element",
                  a_link_is_named_by_its_last_element);
    cases_add_one(&cases, "a folder is listed", a_folder_is_listed);
    cases_add_one(&cases, "a listing ends when the visitor says so",
                  a_listing_ends_when_the_visitor_says_so);
    cases_add_one(&cases, "paths are joined while they fit", paths_are_joined_while_they_fit);
    return cases_run("sysfs", &cases);
}
