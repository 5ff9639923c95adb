#include "tests/guest/tree.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define OPEN_FOLDERS_MAX 16

void tree_make(struct tree *tree)
{
    strcpy(tree->root, "/tmp/ttyferry-tree-XXXXXX");
    assert_non_null(mkdtemp(tree->root));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_below(const char *path)
{
    assert_int_equal(nftw(path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS), 0);
}

void tree_remove(struct tree *tree)
{
    remove_below(tree->root);
}

void tree_path(const struct tree *tree, const char *path, char joined[TREE_PATH_SIZE])
{
    assert_true(snprintf(joined, TREE_PATH_SIZE, "%s%s", tree->root, path) < TREE_PATH_SIZE);
}

/* Makes every folder that `path` goes through, but not its last element. */
static void make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

static void make_place(const struct tree *tree, const char *path, char joined[TREE_PATH_SIZE])
{
    tree_path(tree, path, joined);
    make_parents(joined);
}

void tree_write_bytes(const struct tree *tree, const char *path, const char *bytes, size_t len)
{
    char joined[TREE_PATH_SIZE];
    FILE *file;

    make_place(tree, path, joined);
    file = fopen(joined, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

void tree_write(const struct tree *tree, const char *path, const char *text)
{
    tree_write_bytes(tree, path, text, strlen(text));
}

void tree_replace(const struct tree *tree, const char *path, const char *text)
{
    char aside[TREE_PATH_SIZE];
    char joined[TREE_PATH_SIZE];

    tree_write(tree, "/aside", text);
    tree_path(tree, "/aside", aside);
    tree_path(tree, path, joined);
    assert_int_equal(rename(aside, joined), 0);
}

void tree_write_program(const struct tree *tree, const char *path, const char *script)
{
    char joined[TREE_PATH_SIZE];

    tree_write(tree, path, script);
    tree_path(tree, path, joined);
    assert_int_equal(chmod(joined, 0755), 0);
}

void tree_link(const struct tree *tree, const char *path, const char *target)
{
    char joined[TREE_PATH_SIZE];

    make_place(tree, path, joined);
    assert_int_equal(symlink(target, joined), 0);
}

void tree_folder(const struct tree *tree, const char *path)
{
    char joined[TREE_PATH_SIZE];

    make_place(tree, path, joined);
    assert_true(mkdir(joined, 0755) == 0 || errno == EEXIST);
}

void tree_delete(const struct tree *tree, const char *path)
{
    char joined[TREE_PATH_SIZE];

    tree_path(tree, path, joined);
    remove_below(joined);
}

bool tree_has(const struct tree *tree, const char *path)
{
    char joined[TREE_PATH_SIZE];
    struct stat status;

    tree_path(tree, path, joined);
    return lstat(joined, &status) == 0;
}

void tree_read(const struct tree *tree, const char *path, char *text, size_t size)
{
    char joined[TREE_PATH_SIZE];
    size_t len = 0;
    FILE *file;

    tree_path(tree, path, joined);
    file = fopen(joined, "re");
    if (file != NULL) {
        len = fread(text, 1, size - 1, file);
        fclose(file);
    }
    text[len] = '\0';
}
