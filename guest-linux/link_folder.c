#include "guest-linux/link_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "guest-linux/sysfs.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

/* Where a link is made before it takes its place. No board and no rule names one so. */
#define ASIDE ".ttyferry-new"

static int last_error(void)
{
    return os_error_from_errno(errno);
}

/* Opens an element of the way to the folder, and makes it if it has to be. Takes over `parent`. */
static int enter(int parent, const char *name, bool makes_it)
{
    int err = 0;
    int folder;

    if (makes_it && mkdirat(parent, name, 0755) != 0 && errno != EEXIST) {
        err = last_error();
        close(parent);
        return err;
    }
    folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) {
        err = errno == ELOOP || errno == ENOTDIR ? ERR_EXISTS : last_error();
    }
    close(parent);
    return err != 0 ? err : folder;
}

static bool is_ours_alone(int folder)
{
    struct stat status;

    return fstat(folder, &status) == 0 && status.st_uid == geteuid() &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int link_folder_open(const char *dev_root, const char *folder, bool makes_it)
{
    char names[SYSFS_NAME_SIZE];
    char *rest = names;
    int opened;

    if (text_copy(names, sizeof names, folder) != 0) {
        return ERR_TOO_LONG;
    }
    opened = open(dev_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) {
        return last_error();
    }
    while (rest != NULL && opened >= 0) {
        char *name = rest;

        rest = strchr(rest, '/');
        if (rest != NULL) {
            *rest++ = '\0';
        }
        opened = enter(opened, name, makes_it);
        if (opened >= 0 && !is_ours_alone(opened)) {
            close(opened);
            opened = ERR_DENIED;
        }
    }
    return opened;
}

int link_folder_read(int folder, const char *name, char target[LINK_FOLDER_TARGET_SIZE])
{
    char read[LINK_FOLDER_TARGET_SIZE];
    ssize_t len = readlinkat(folder, name, read, sizeof read);

    if (len < 0) {
        return errno == EINVAL ? ERR_EXISTS : last_error();
    }
    if ((size_t)len == sizeof read) {
        return ERR_TOO_LONG;
    }
    read[len] = '\0';
    memcpy(target, read, (size_t)len + 1);
    return 0;
}

uint64_t link_folder_node(int folder, const char *target)
{
    struct stat status;

    return fstatat(folder, target, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(status.st_mode)
               ? status.st_ino
               : 0;
}

/* True if there is something under the name that is no link. */
static bool is_taken(int folder, const char *name)
{
    struct stat status;

    return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(status.st_mode);
}

int link_folder_clean(int folder)
{
    return link_folder_remove(folder, ASIDE);
}

int link_folder_put(int folder, const char *name, const char *target)
{
    int err;

    if (is_taken(folder, name)) {
        return ERR_EXISTS;
    }
    err = link_folder_clean(folder);
    if (err == 0 && symlinkat(target, folder, ASIDE) != 0) {
        err = last_error();
    }
    if (err == 0 && renameat(folder, ASIDE, folder, name) != 0) {
        err = last_error();
        (void)unlinkat(folder, ASIDE, 0);
    }
    return err;
}

int link_folder_remove(int folder, const char *name)
{
    if (is_taken(folder, name) || unlinkat(folder, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    return last_error();
}

const char *link_folder_error_text(int err)
{
    switch (err) {
    case ERR_EXISTS:
        return "there is something else that is no link of ours: move it away";
    case ERR_FULL:
        return "the file system of /dev is full: make room there";
    case ERR_DENIED:
        return "the folder is not root's alone: `chown root` and `chmod 0755` it";
    default:
        return error_text(err);
    }
}
