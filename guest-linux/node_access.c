#include "guest-linux/node_access.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "guest-linux/sysfs.h"
#include "shared/core/error.h"

#define MODE_BITS 07777

static bool is_device(const struct stat *status, dev_t number)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == number;
}

int node_access_find(const char *path, dev_t number)
{
    struct stat status;
    int node = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (node < 0) {
        return errno == ENOENT ? ERR_BUSY : os_error_from_errno(errno);
    }
    if (fstat(node, &status) != 0 || !is_device(&status, number)) {
        close(node);
        return ERR_BUSY;
    }
    return node;
}

/* devtmpfs makes 0600. udev's general rules give ttys to a group, with 0660, and leave USB nodes
 * root's, with 0664. The mode that is asked for, without the group, is what a run has left that was
 * killed. */
static bool is_undecided(const struct stat *status, const struct node_access *access)
{
    mode_t mode = status->st_mode & MODE_BITS;
    bool is_roots = status->st_gid == 0;
    bool is_general =
        access->general_group != NODE_ACCESS_NO_GROUP && status->st_gid == access->general_group;

    return status->st_uid == 0 &&
           ((is_roots && (mode == 0600 || mode == 0664)) ||
            ((is_roots || is_general) && (mode == 0660 || mode == access->mode)));
}

int node_access_give(int node, const struct node_access *access)
{
    char self[32];
    struct stat status;

    if (fstat(node, &status) != 0) {
        return os_error_from_errno(errno);
    }
    if (access->group == NODE_ACCESS_NO_GROUP || !is_undecided(&status, access)) {
        return 0;
    }
    /* fchmod does not take such a descriptor, its name in /proc is the way. The mode comes first:
     * whoever is killed in between leaves what is still undecided, and no group has had more than
     * it is to have. */
    snprintf(self, sizeof self, "/proc/self/fd/%d", node);
    if ((status.st_mode & MODE_BITS) != access->mode && chmod(self, access->mode) != 0) {
        return os_error_from_errno(errno);
    }
    if (status.st_gid != access->group &&
        fchownat(node, "", (uid_t)-1, access->group, AT_EMPTY_PATH) != 0) {
        return os_error_from_errno(errno);
    }
    return 0;
}

bool node_access_is_needed(const char *mounts_path, const char *dev_root)
{
    FILE *mounts = setmntent(mounts_path, "re");
    const struct mntent *mount;
    bool is_made = false;

    while (mounts != NULL && (mount = getmntent(mounts)) != NULL) {
        if (strcmp(mount->mnt_dir, dev_root) == 0) { /* The last one covers the others. */
            is_made = strcmp(mount->mnt_type, "devtmpfs") == 0;
        }
    }
    if (mounts != NULL) {
        endmntent(mounts);
    }
    return mounts != NULL && !is_made;
}

int node_access_make(const char *dev_root, const char *name, dev_t number)
{
    char path[SYSFS_PATH_SIZE];
    int err = sysfs_join(dev_root, "", name, path);

    if (err != 0) {
        return err;
    }
    for (char *slash = strchr(path + strlen(dev_root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            return os_error_from_errno(errno);
        }
        *slash = '/';
    }
    return mknod(path, S_IFCHR | 0600, number) == 0 ? 0 : os_error_from_errno(errno);
}

void node_access_unmake(const char *path, dev_t number)
{
    struct stat status;

    if (lstat(path, &status) == 0 && is_device(&status, number)) {
        (void)unlink(path);
    }
}
