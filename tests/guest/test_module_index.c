/* Lines of modules.alias and modules.dep as Debian's depmod writes them, and broken ones. */
#include "guest-linux/module_index.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define CH341 "usb:v1A86p7523d0264dcFFdsc00dp00icFFisc01ip02in00"
#define ACM "usb:v2341p8036d0100dcEFdsc02dp01ic02isc02ip01in00"
#define TEXT_60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct alias_row {
    const char *name;
    const char *line;
    const char *alias;
    const char *module; /* NULL: does not apply */
};

static const struct alias_row alias_rows[] = {
    {"alias: by vendor and product", "alias usb:v1A86p7523d*dc*dsc*dp*ic*isc*ip*in* ch341\n", CH341,
     "ch341"},
    {"alias: by class", "alias usb:v*p*d*dc*dsc*dp*ic02isc02ip01in* cdc-acm\n", ACM, "cdc_acm"},
    {"alias: of another product", "alias usb:v1A86p5523d*dc*dsc*dp*ic*isc*ip*in* ch341\n", CH341,
     NULL},
    {"alias: a part of one", "alias usb:v1A86p7523 ch341\n", CH341, NULL},
    {"alias: brackets", "alias usb:v1A86p7523d0[2-3]64d* ch341\n", CH341, "ch341"},
    {"alias: no line feed", "alias usb:* any", CH341, "any"},
    {"alias: blanks and tabs", "alias \t usb:*\tany \n", CH341, "any"},
    {"alias: a comment", "# Aliases extracted from modules themselves.\n", CH341, NULL},
    {"alias: no module", "alias usb:*\n", CH341, NULL},
    {"alias: nothing", "alias \n", CH341, NULL},
    {"alias: an empty line", "\n", CH341, NULL},
    {"alias: a word that starts alike", "aliases usb:* any\n", CH341, NULL},
    {"alias: a module's name as long as there is room", "alias usb:* " TEXT_60 "bbb\n", CH341,
     TEXT_60 "bbb"},
    {"alias: a module's name longer than that", "alias usb:* " TEXT_60 "bbbb\n", CH341, NULL},
};

static void an_alias_applies_or_not(void **state)
{
    const struct alias_row *row = *state;
    char name[MODULE_INDEX_NAME_SIZE] = "untouched";

    assert_true(module_index_alias_applies(row->line, row->alias, name) == (row->module != NULL));
    assert_string_equal(name, row->module != NULL ? row->module : "untouched");
}

static void a_pattern_without_end_does_not_apply(void **state)
{
    char line[2048] = "alias ";
    char name[MODULE_INDEX_NAME_SIZE];

    (void)state;
    memset(line + 6, '*', 1024);
    strcpy(line + 6 + 1024, " any\n");
    assert_false(module_index_alias_applies(line, CH341, name));
    strcpy(line + 6 + 500, " any\n");
    assert_true(module_index_alias_applies(line, CH341, name));
}

struct path_row {
    const char *name;
    const char *path;
    int err;
    const char *module;
};

static const struct path_row path_rows[] = {
    {"path: plain", "kernel/drivers/usb/serial/ch341.ko", 0, "ch341"},
    {"path: compressed", "kernel/drivers/usb/usbip/vhci-hcd.ko.zst", 0, "vhci_hcd"},
    {"path: without a folder", "usbcore.ko.xz", 0, "usbcore"},
    {"path: no module", "kernel/drivers/usb/serial/Makefile", ERR_INVALID, NULL},
    {"path: nothing before the ending", "kernel/.ko", ERR_INVALID, NULL},
    {"path: a folder with the ending", "kernel.ko/modules", ERR_INVALID, NULL},
    {"path: nothing", "", ERR_INVALID, NULL},
    {"path: too long a name", TEXT_60 "bbbb.ko", ERR_TOO_LONG, NULL},
};

static void a_path_names_its_module(void **state)
{
    const struct path_row *row = *state;
    char name[MODULE_INDEX_NAME_SIZE] = "";

    assert_int_equal(module_index_name_from_path(row->path, strlen(row->path), name), row->err);
    assert_string_equal(name, row->module != NULL ? row->module : "");
}

struct dep_row {
    const char *name;
    const char *line;
    const char *module;
    int err;
    size_t count;
    const char *paths[3];
};

static const struct dep_row dep_rows[] = {
    {"dep: what it stands on comes first",
     "kernel/ch341.ko: kernel/usbserial.ko kernel/usbcore.ko\n",
     "ch341",
     0,
     3,
     {"kernel/usbcore.ko", "kernel/usbserial.ko", "kernel/ch341.ko"}},
    {"dep: stands on nothing",
     "kernel/usb-common.ko:\n",
     "usb_common",
     0,
     1,
     {"kernel/usb-common.ko"}},
    {"dep: without a line feed",
     "kernel/a.ko: kernel/b.ko",
     "a",
     0,
     2,
     {"kernel/b.ko", "kernel/a.ko"}},
    {"dep: of another module",
     "kernel/ch341.ko: kernel/usbserial.ko\n",
     "usbserial",
     ERR_NOT_FOUND,
     0,
     {NULL}},
    {"dep: of a module that ends alike",
     "kernel/my_ch341.ko:\n",
     "ch341",
     ERR_NOT_FOUND,
     0,
     {NULL}},
    {"dep: no colon", "kernel/ch341.ko\n", "ch341", ERR_INVALID, 0, {NULL}},
    {"dep: no module", "kernel/modules.order: kernel/a.ko\n", "a", ERR_INVALID, 0, {NULL}},
    {"dep: an empty line", "\n", "ch341", ERR_INVALID, 0, {NULL}},
};

static void a_line_says_what_to_load(void **state)
{
    const struct dep_row *row = *state;
    struct module_index_paths paths = {.count = 0};

    assert_int_equal(module_index_dep_paths(row->line, row->module, &paths), row->err);
    assert_int_equal(paths.count, row->count);
    for (size_t i = 0; i < row->count; i++) {
        assert_string_equal(paths.items[i], row->paths[i]);
    }
}

/* "kernel/a.ko:" and `count` dependencies. */
static void make_dep_line(char *line, size_t size, size_t count)
{
    size_t len = (size_t)snprintf(line, size, "kernel/a.ko:");

    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(line + len, size - len, " b%zu.ko", i);
    }
}

static void there_is_room_for_so_many_dependencies(void **state)
{
    struct module_index_paths paths = {.count = 0};
    char line[1024];

    (void)state;
    make_dep_line(line, sizeof line, MODULE_INDEX_PATHS_MAX - 1);
    assert_int_equal(module_index_dep_paths(line, "a", &paths), 0);
    assert_int_equal(paths.count, MODULE_INDEX_PATHS_MAX);
    assert_string_equal(paths.items[0], "b30.ko");
    assert_string_equal(paths.items[MODULE_INDEX_PATHS_MAX - 1], "kernel/a.ko");
    make_dep_line(line, sizeof line, MODULE_INDEX_PATHS_MAX);
    assert_int_equal(module_index_dep_paths(line, "a", &paths), ERR_FULL);
}

static void a_path_without_end_is_refused(void **state)
{
    struct module_index_paths paths = {.count = 0};
    char line[1024] = "kernel/a.ko: ";
    size_t start = strlen(line);

    (void)state;
    memset(line + start, 'b', MODULE_INDEX_PATH_SIZE - 1);
    assert_int_equal(module_index_dep_paths(line, "a", &paths), 0);
    line[start + MODULE_INDEX_PATH_SIZE - 1] = 'b';
    assert_int_equal(module_index_dep_paths(line, "a", &paths), ERR_TOO_LONG);
}

static void compressed_files_are_known_by_their_ends(void **state)
{
    (void)state;
    assert_true(module_index_is_compressed("kernel/a.ko.xz"));
    assert_true(module_index_is_compressed("kernel/a.ko.gz"));
    assert_true(module_index_is_compressed("kernel/a.ko.zst"));
    assert_false(module_index_is_compressed("kernel/a.ko"));
    assert_false(module_index_is_compressed("kernel.xz/a.ko"));
    assert_false(module_index_is_compressed(""));
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, alias_rows, an_alias_applies_or_not);
    cases_add_one(&cases, "a pattern without end does not apply",
                  a_pattern_without_end_does_not_apply);
    CASES_ADD(&cases, path_rows, a_path_names_its_module);
    CASES_ADD(&cases, dep_rows, a_line_says_what_to_load);
    cases_add_one(&cases, "there is room for so many dependencies",
                  there_is_room_for_so_many_dependencies);
    cases_add_one(&cases, "a path without end is refused", a_path_without_end_is_refused);
    cases_add_one(&cases, "compressed files are known by their ends",
                  compressed_files_are_known_by_their_ends);
    return cases_run("module_index", &cases);
}
