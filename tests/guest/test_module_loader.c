/* Modules found in a tree that the test makes; what would go to the kernel is written down. */
#include "guest-linux/module_loader.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

#define CH341 "usb:v1A86p7523d0264dcFFdsc00dp00icFFisc01ip02in00"
#define INSERTED_SIZE 512

struct rig {
    struct tree tree;
    struct module_loader loader;
    char detail[MODULE_LOADER_DETAIL_SIZE];
    char inserted[INSERTED_SIZE]; /* "kernel/a.ko kernel/b.ko.xz(compressed) " */
    const char *failing;          /* the end of a path, or NULL */
    int err;                      /* for that one */
};

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int insert(void *context, const char *path, bool compressed)
{
    struct rig *rig = context;
    size_t len = strlen(rig->inserted);
    size_t root_len = strlen(rig->tree.root);
    const char *shown = strncmp(path, rig->tree.root, root_len) == 0 ? path + root_len : path;

    snprintf(rig->inserted + len, INSERTED_SIZE - len, "%s%s ", shown,
             compressed ? "(compressed)" : "");
    return rig->failing != NULL && ends_with(path, rig->failing) ? rig->err : 0;
}

static void make_rig(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    tree_make(&rig->tree);
    tree_write(&rig->tree, "/modules.alias",
               "# Aliases extracted from modules themselves.\n"
               "alias usb:v1A86p7523d*dc*dsc*dp*ic*isc*ip*in* ch341\n"
               "alias usb:v0403p6001d*dc*dsc*dp*ic*isc*ip*in* ftdi_sio\n"
               "alias usb:v0403p*d*dc*dsc*dp*ic*isc*ip*in* ftdi-other\n"
               "alias usb:v0403p6*d*dc*dsc*dp*ic*isc*ip*in* ftdi_sio\n"
               "alias usb:v9999p*d*dc*dsc*dp*ic*isc*ip*in* missing\n");
    tree_write(&rig->tree, "/modules.dep",
               "not a module: at all\n"
               "kernel/ch341.ko: kernel/usbserial.ko kernel/usbcore.ko\n"
               "kernel/ftdi_sio.ko: kernel/usbserial.ko\n"
               "kernel/ftdi-other.ko.xz:\n"
               "kernel/vhci-hcd.ko.zst: kernel/usbip-core.ko.zst\n"
               "/opt/absolute.ko:\n");
    tree_folder(&rig->tree, "/module");
    rig->loader = (struct module_loader){rig->tree.root, rig->tree.root, insert, rig};
}

struct load_row {
    const char *name;
    const char *wanted;
    const char *there;     /* a module that is loaded already, or NULL */
    const char *initstate; /* its state, or NULL: it is built in */
    const char *failing;
    int fails_with;
    int err;
    const char *inserted;
};

static const struct load_row load_rows[] = {
    {"by name, what it stands on first", "ch341", NULL, NULL, NULL, 0, 0,
     "/kernel/usbcore.ko /kernel/usbserial.ko /kernel/ch341.ko "},
    {"by alias", CH341, NULL, NULL, NULL, 0, 0,
     "/kernel/usbcore.ko /kernel/usbserial.ko /kernel/ch341.ko "},
    {"compressed files", "vhci_hcd", NULL, NULL, NULL, 0, 0,
     "/kernel/usbip-core.ko.zst(compressed) /kernel/vhci-hcd.ko.zst(compressed) "},
    {"an absolute path stands for itself", "absolute", NULL, NULL, NULL, 0, 0, "/opt/absolute.ko "},
    {"every module that answers, once", "usb:v0403p6001d0600dc00dsc00dp00icFFiscFFipFFin00", NULL,
     NULL, NULL, 0, 0,
     "/kernel/usbserial.ko /kernel/ftdi_sio.ko /kernel/ftdi-other.ko.xz(compressed) "},
    {"it is there already", "ch341", "ch341", "live\n", NULL, 0, 0, ""},
    {"it is built in", "ch341", "ch341", NULL, NULL, 0, 0, ""},
    {"another process is loading it", "ch341", "ch341", "coming\n", "/ch341.ko", ERR_EXISTS, 0,
     "/kernel/usbcore.ko /kernel/usbserial.ko /kernel/ch341.ko "},
    {"a part of it is there already", "ch341", "usbserial", "live\n", NULL, 0, 0,
     "/kernel/usbcore.ko /kernel/ch341.ko "},
    {"somebody else was faster", "ch341", NULL, NULL, "/usbserial.ko", ERR_EXISTS, 0,
     "/kernel/usbcore.ko /kernel/usbserial.ko /kernel/ch341.ko "},
    {"not allowed", "ch341", NULL, NULL, "/usbserial.ko", ERR_DENIED, ERR_DENIED,
     "/kernel/usbcore.ko /kernel/usbserial.ko "},
    {"a kernel that can not decompress", "vhci_hcd", NULL, NULL, "/vhci-hcd.ko.zst",
     ERR_UNSUPPORTED, ERR_UNSUPPORTED,
     "/kernel/usbip-core.ko.zst(compressed) /kernel/vhci-hcd.ko.zst(compressed) "},
    {"no such module", "nobody", NULL, NULL, NULL, 0, ERR_NOT_FOUND, ""},
    {"no such alias", "usb:v1234p0001d0100dc00dsc00dp00icFFiscFFipFFin00", NULL, NULL, NULL, 0,
     ERR_NOT_FOUND, ""},
    {"an alias of a module that has no file", "usb:v9999p0001d0100dc00dsc00dp00icFFiscFFipFFin00",
     NULL, NULL, NULL, 0, ERR_NOT_FOUND, ""},
};

static void a_module_is_loaded(void **state)
{
    const struct load_row *row = *state;
    char path[TREE_PATH_SIZE];
    struct rig rig;

    make_rig(&rig);
    rig.failing = row->failing;
    rig.err = row->fails_with;
    if (row->there != NULL) {
        snprintf(path, sizeof path, "/module/%s/%s", row->there,
                 row->initstate != NULL ? "initstate" : "parameters");
        tree_write(&rig.tree, path, row->initstate != NULL ? row->initstate : "");
    }
    assert_int_equal(module_loader_load(&rig.loader, row->wanted, rig.detail), row->err);
    assert_string_equal(rig.inserted, row->inserted);
    assert_true((rig.detail[0] != '\0') == (row->err != 0));
    tree_remove(&rig.tree);
}

static void what_failed_is_named(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    rig.failing = "/vhci-hcd.ko.zst";
    rig.err = ERR_UNSUPPORTED;
    assert_int_equal(module_loader_load(&rig.loader, "vhci_hcd", rig.detail), ERR_UNSUPPORTED);
    assert_non_null(strstr(rig.detail, "kernel/vhci-hcd.ko.zst"));
    assert_non_null(strstr(rig.detail, "install kmod"));
    assert_int_equal(module_loader_load(&rig.loader, "nobody", rig.detail), ERR_NOT_FOUND);
    assert_non_null(strstr(rig.detail, "nobody"));
    assert_non_null(strstr(rig.detail, rig.tree.root));
    tree_remove(&rig.tree);
}

static void without_an_index_nothing_is_found(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, "/modules.alias");
    tree_delete(&rig.tree, "/modules.dep");
    assert_int_equal(module_loader_load(&rig.loader, CH341, rig.detail), ERR_NOT_FOUND);
    assert_int_equal(module_loader_load(&rig.loader, "ch341", rig.detail), ERR_NOT_FOUND);
    assert_string_equal(rig.inserted, "");
    tree_remove(&rig.tree);
}

static void a_path_too_long_is_refused(void **state)
{
    char root[480];
    struct rig rig;

    (void)state;
    make_rig(&rig);
    memset(root, 'r', sizeof root);
    root[0] = '/';
    root[sizeof root - 1] = '\0';
    rig.loader.modules_root = root;
    assert_int_not_equal(module_loader_load(&rig.loader, "ch341", rig.detail), 0);
    assert_string_equal(rig.inserted, "");
    tree_remove(&rig.tree);
}

static void a_file_that_is_no_module_is_refused(void **state)
{
    char path[TREE_PATH_SIZE];
    struct tree tree;

    (void)state;
    tree_make(&tree);
    tree_write(&tree, "/a.ko", "no module\n");
    tree_path(&tree, "/a.ko", path);
    /* Who may not load modules is told that; who may is told that this is none. */
    assert_int_not_equal(module_loader_insert(NULL, path, false), 0);
    tree_path(&tree, "/none.ko", path);
    assert_int_equal(module_loader_insert(NULL, path, false), ERR_NOT_FOUND);
    tree_remove(&tree);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, load_rows, a_module_is_loaded);
    cases_add_one(&cases, "what failed is named", what_failed_is_named);
    cases_add_one(&cases, "without an index nothing is found", without_an_index_nothing_is_found);
    cases_add_one(&cases, "a path too long is refused", a_path_too_long_is_refused);
    cases_add_one(&cases, "a file that is no module is refused",
                  a_file_that_is_no_module_is_refused);
    return cases_run("module_loader", &cases);
}
