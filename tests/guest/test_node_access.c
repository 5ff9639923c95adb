/* Who gets a node, by what has been made of it before; as root, in a folder of the test's own. */
#include "guest-linux/node_access.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/killed.h"
#include "tests/guest/tree.h"

#define DIALOUT 20
#define PLUGDEV 46
#define NONE NODE_ACCESS_NO_GROUP
/* No driver answers to it: opening the node would fail. */
#define NUMBER makedev(60, 7)

struct rig {
    struct tree tree;
    char path[TREE_PATH_SIZE];
};

static void make_rig(struct rig *rig)
{
    tree_make(&rig->tree);
    tree_folder(&rig->tree, "/dev");
    tree_path(&rig->tree, "/dev/ttyUSB0", rig->path);
}

static void make_node(struct rig *rig, uid_t owner, gid_t group, mode_t mode)
{
    if (mknod(rig->path, S_IFCHR | 0600, NUMBER) != 0) {
        assert_true(errno == EPERM);
        tree_remove(&rig->tree);
        print_message("skipped: device nodes are root's to make\n");
        skip();
    }
    assert_int_equal(chown(rig->path, owner, group), 0);
    assert_int_equal(chmod(rig->path, mode), 0);
}

struct row {
    const char *name;
    struct node_access access;
    uid_t owner;
    gid_t group;
    mode_t mode;
    gid_t then_group;
    mode_t then_mode;
};

static const struct row rows[] = {
    {"access: as devtmpfs makes it", {DIALOUT, 0660, DIALOUT}, 0, 0, 0600, DIALOUT, 0660},
    {"access: a USB node as udev leaves it", {DIALOUT, 0660, DIALOUT}, 0, 0, 0664, DIALOUT, 0660},
    {"access: given already", {DIALOUT, 0660, DIALOUT}, 0, DIALOUT, 0660, DIALOUT, 0660},
    {"access: another mode", {DIALOUT, 0666, DIALOUT}, 0, 0, 0600, DIALOUT, 0666},
    {"access: another mode for what udev gave",
     {DIALOUT, 0640, DIALOUT},
     0,
     DIALOUT,
     0660,
     DIALOUT,
     0640},
    {"access: udev's general rule is no decision",
     {PLUGDEV, 0660, DIALOUT},
     0,
     DIALOUT,
     0660,
     PLUGDEV,
     0660},
    {"access: somebody's group", {DIALOUT, 0660, DIALOUT}, 0, PLUGDEV, 0660, PLUGDEV, 0660},
    {"access: somebody's mode", {DIALOUT, 0660, DIALOUT}, 0, 0, 0666, 0, 0666},
    {"access: somebody's narrower mode", {DIALOUT, 0660, DIALOUT}, 0, DIALOUT, 0600, DIALOUT, 0600},
    {"access: somebody's own", {DIALOUT, 0660, DIALOUT}, 1000, 0, 0600, 0, 0600},
    {"access: no such group", {NONE, 0660, NONE}, 0, 0, 0600, 0, 0600},
    {"access: no general group", {PLUGDEV, 0660, NONE}, 0, 0, 0600, PLUGDEV, 0660},
};

static void run_row(void **state)
{
    const struct row *row = *state;
    struct stat status;
    struct rig rig;
    int node;

    make_rig(&rig);
    make_node(&rig, row->owner, row->group, row->mode);
    node = node_access_find(rig.path, NUMBER);
    assert_true(node >= 0);
    assert_int_equal(node_access_give(node, &row->access), 0);
    close(node);
    assert_int_equal(stat(rig.path, &status), 0);
    assert_int_equal(status.st_uid, row->owner);
    assert_int_equal(status.st_gid, row->then_group);
    assert_int_equal(status.st_mode & 07777, row->then_mode);
    tree_remove(&rig.tree);
}

struct killed_row {
    const char *name;
    struct node_access access;
    gid_t group;
    mode_t mode;
};

static const struct killed_row killed_rows[] = {
    {"killed: as devtmpfs makes it", {DIALOUT, 0660, DIALOUT}, 0, 0600},
    {"killed: a USB node as udev leaves it", {DIALOUT, 0660, DIALOUT}, 0, 0664},
    {"killed: to another group", {PLUGDEV, 0660, DIALOUT}, DIALOUT, 0660},
    {"killed: a narrower mode", {PLUGDEV, 0640, NONE}, 0, 0600},
    {"killed: a narrower mode for another group", {PLUGDEV, 0640, DIALOUT}, DIALOUT, 0660},
    {"killed: a wider mode", {DIALOUT, 0666, DIALOUT}, 0, 0600},
};

struct killed_run {
    const struct killed_row *row;
    struct rig *rig;
};

static void give_once(void *context)
{
    const struct killed_run *run = context;
    int node = node_access_find(run->rig->path, NUMBER);

    (void)node_access_give(node, &run->row->access);
    close(node);
}

/* Wherever a run is killed, nobody has more than he had before or is to have, and the next run
 * finishes. */
static void run_killed_row(void **state)
{
    const struct killed_row *row = *state;
    struct rig rig;
    struct killed_run run = {row, &rig};
    bool killed = true;

    for (unsigned call = 0; killed; call++) {
        struct stat status;

        make_rig(&rig);
        make_node(&rig, 0, row->group, row->mode);
        killed = killed_at(call, give_once, &run);
        assert_int_equal(stat(rig.path, &status), 0);
        assert_int_equal(status.st_mode & 0007 & ~row->access.mode & ~row->mode, 0);
        if (status.st_gid == row->access.group) {
            assert_int_equal(status.st_mode & 0777, row->access.mode);
        }
        give_once(&run);
        assert_int_equal(stat(rig.path, &status), 0);
        assert_int_equal(status.st_gid, row->access.group);
        assert_int_equal(status.st_mode & 07777, row->access.mode);
        tree_remove(&rig.tree);
    }
}

static void what_is_not_that_device_is_not_found(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    assert_int_equal(node_access_find(rig.path, NUMBER), ERR_BUSY);
    tree_link(&rig.tree, "/dev/ttyUSB0", "/dev/null");
    assert_int_equal(node_access_find(rig.path, makedev(1, 3)), ERR_BUSY);
    tree_delete(&rig.tree, "/dev/ttyUSB0");
    tree_write(&rig.tree, "/dev/ttyUSB0", "");
    assert_int_equal(node_access_find(rig.path, NUMBER), ERR_BUSY);
    tree_remove(&rig.tree);
}

/* Whoever makes a file of that name a link in between gets nothing by it. */
static void a_link_that_takes_the_nodes_place_is_not_followed(void **state)
{
    const struct node_access access = {DIALOUT, 0660, DIALOUT};
    char other[TREE_PATH_SIZE];
    struct stat status;
    struct rig rig;
    int node;

    (void)state;
    make_rig(&rig);
    make_node(&rig, 0, 0, 0600);
    node = node_access_find(rig.path, NUMBER);
    assert_true(node >= 0);
    tree_path(&rig.tree, "/secret", other);
    tree_write(&rig.tree, "/secret", "");
    assert_int_equal(chmod(other, 0600), 0);
    assert_int_equal(unlink(rig.path), 0);
    tree_link(&rig.tree, "/dev/ttyUSB0", other);
    assert_int_equal(node_access_give(node, &access), 0);
    close(node);
    assert_int_equal(stat(other, &status), 0);
    assert_int_equal(status.st_gid, 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    tree_remove(&rig.tree);
}

static void another_device_under_the_name_is_not_unmade(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    make_node(&rig, 0, 0, 0600);
    node_access_unmake(rig.path, makedev(60, 8));
    assert_true(tree_has(&rig.tree, "/dev/ttyUSB0"));
    node_access_unmake(rig.path, NUMBER);
    assert_false(tree_has(&rig.tree, "/dev/ttyUSB0"));
    node_access_unmake(rig.path, NUMBER);
    tree_remove(&rig.tree);
}

struct mounts_row {
    const char *name;
    const char *mounts;
    bool is_needed;
};

static const struct mounts_row mounts_rows[] = {
    {"mounts: devtmpfs", "proc /proc proc rw 0 0\nnone /dev devtmpfs rw 0 0\n", false},
    {"mounts: tmpfs", "none /dev tmpfs rw 0 0\n", true},
    {"mounts: none at all", "/dev/sda / ext4 rw 0 0\n", true},
    {"mounts: tmpfs over devtmpfs", "none /dev devtmpfs rw 0 0\nnone /dev tmpfs rw 0 0\n", true},
    {"mounts: elsewhere", "none /dev/shm devtmpfs rw 0 0\n", true},
};

static void run_mounts_row(void **state)
{
    const struct mounts_row *row = *state;
    struct rig rig;

    make_rig(&rig);
    tree_write(&rig.tree, "/dev/ttyUSB0", row->mounts);
    assert_int_equal(node_access_is_needed(rig.path, "/dev"), row->is_needed);
    tree_remove(&rig.tree);
}

/* Where it can't be known, no right is kept for it. */
static void without_a_list_of_mounts_nothing_is_needed(void **state)
{
    (void)state;
    assert_false(node_access_is_needed("/nowhere/mounts", "/dev"));
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, rows, run_row);
    CASES_ADD(&cases, killed_rows, run_killed_row);
    CASES_ADD(&cases, mounts_rows, run_mounts_row);
    cases_add_one(&cases, "without a list of mounts nothing is needed",
                  without_a_list_of_mounts_nothing_is_needed);
    cases_add_one(&cases, "what is not that device is not found",
                  what_is_not_that_device_is_not_found);
    cases_add_one(&cases, "a link that takes the node's place is not followed",
                  a_link_that_takes_the_nodes_place_is_not_followed);
    cases_add_one(&cases, "another device under the name is not unmade",
                  another_device_under_the_name_is_not_unmade);
    return cases_run("node_access", &cases);
}
