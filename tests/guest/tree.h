/* A folder of files that stands for /sys, /dev, /lib/modules or /run/udev, made anew for a test. */
#ifndef TTYFERRY_TESTS_GUEST_TREE_H
#define TTYFERRY_TESTS_GUEST_TREE_H

#include <stdbool.h>
#include <stddef.h>

#define TREE_ROOT_SIZE 64
#define TREE_PATH_SIZE 512

struct tree {
    char root[TREE_ROOT_SIZE];
};

/* Every path starts with a slash and is below the root; folders on the way are made. All of it
 * fails the test if it fails. */
void tree_make(struct tree *tree);
void tree_remove(struct tree *tree);

void tree_write(const struct tree *tree, const char *path, const char *text);
void tree_write_bytes(const struct tree *tree, const char *path, const char *bytes, size_t len);
void tree_write_program(const struct tree *tree, const char *path, const char *script);
void tree_link(const struct tree *tree, const char *path, const char *target);
/* A file in the place of another, with an inode of its own. */
void tree_replace(const struct tree *tree, const char *path, const char *text);
void tree_folder(const struct tree *tree, const char *path);
/* With what is below it. */
void tree_delete(const struct tree *tree, const char *path);

void tree_path(const struct tree *tree, const char *path, char joined[TREE_PATH_SIZE]);
bool tree_has(const struct tree *tree, const char *path);
/* The file's text, terminated; "" if it is not there. */
void tree_read(const struct tree *tree, const char *path, char *text, size_t size);

#endif
