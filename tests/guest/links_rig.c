#include "tests/guest/links_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const ttys[] = {"/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyACM0", "/dev/ttyACM1"};

void links_rig_open(struct links_rig *rig)
{
    assert_int_equal(dev_links_open(rig->dev, rig->notes, &rig->links), 0);
}

void links_rig_end(struct links_rig *rig)
{
    dev_links_close(rig->links);
    rig->links = NULL;
}

int links_rig_setup(void **state)
{
    static struct links_rig rig;

    tree_make(&rig.tree);
    tree_folder(&rig.tree, "/run");
    for (size_t i = 0; i < sizeof ttys / sizeof ttys[0]; i++) {
        tree_write(&rig.tree, ttys[i], "");
    }
    tree_path(&rig.tree, "/dev", rig.dev);
    tree_path(&rig.tree, LINKS_RIG_NOTES, rig.notes);
    links_rig_open(&rig);
    *state = &rig;
    return 0;
}

int links_rig_teardown(void **state)
{
    struct links_rig *rig = *state;

    links_rig_end(rig);
    tree_remove(&rig->tree);
    return 0;
}

const char *links_rig_target(const struct links_rig *rig, const char *name)
{
    static char target[TREE_PATH_SIZE];
    char path[TREE_PATH_SIZE];
    ssize_t len;

    tree_path(&rig->tree, name, path);
    len = readlink(path, target, sizeof target - 1);
    target[len > 0 ? len : 0] = '\0';
    return target;
}

static const char *base(const char *path)
{
    return strrchr(path, '/') + 1;
}

struct tty_nodes links_rig_nodes(const char *path, const char *by_path)
{
    struct tty_nodes nodes = {.ttys = {.count = 1}};

    strcpy(nodes.ttys.items[0].path, path);
    strcpy(nodes.names[0].by_id, base(LINKS_RIG_ID));
    strcpy(nodes.names[0].by_path, base(by_path));
    return nodes;
}
