#include "shared/link/local_shared_unix.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "shared/core/error.h"

#define PATH_SIZE 256

static int join(const char *root, const char *part, char *path, size_t size)
{
    char joined[PATH_SIZE];
    int len = snprintf(joined, sizeof joined, "%s%s", root, part);

    if (len < 0 || (size_t)len >= sizeof joined || (size_t)len >= size) {
        return ERR_TOO_LONG;
    }
    snprintf(path, size, "%s", joined);
    return 0;
}

static int look(const char *root, const char *part, struct stat *status)
{
    char path[PATH_SIZE];
    int result = join(root, part, path, sizeof path);

    if (result != 0) {
        return result;
    }
    if (lstat(path, status) == 0) {
        return 0;
    }
    return errno == EACCES ? ERR_DENIED : ERR_NOT_FOUND;
}

static bool others_may_write(const struct stat *status)
{
    return (status->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

int local_shared_path(const char *root, char *path, size_t size)
{
    return join(root, LOCAL_SHARED_SOCKET, path, size);
}

/* In a sticky folder only the owner of a thing, and the folder's, can take it away. */
int local_shared_check_root(const char *root)
{
    struct stat status;
    struct stat parent;
    int result = look(root, "", &status);

    if (result != 0) {
        return result;
    }
    if (!S_ISDIR(status.st_mode) || look(root, "/..", &parent) != 0 ||
        parent.st_dev == status.st_dev) {
        return ERR_NOT_FOUND;
    }
    return status.st_uid == 0 && (!others_may_write(&status) || (status.st_mode & S_ISVTX) != 0)
               ? 0
               : ERR_DENIED;
}

/* Once the folder is root's, only root can change what is in it, or put another in its place. */
int local_shared_check(const char *root)
{
    struct stat status;
    int result = look(root, LOCAL_SHARED_FOLDER, &status);

    if (result != 0) {
        return result;
    }
    if (!S_ISDIR(status.st_mode) || status.st_uid != 0 || others_may_write(&status)) {
        return ERR_AUTH;
    }
    result = look(root, LOCAL_SHARED_SOCKET, &status);
    if (result != 0) {
        return result;
    }
    return S_ISSOCK(status.st_mode) && status.st_uid == 0 ? 0 : ERR_AUTH;
}
