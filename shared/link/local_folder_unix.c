#include "shared/link/local_folder_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"

#define FOLDER_SIZE 256

/* Why the folder is not safe, or NULL. Whoever may write to it could take the socket away and put
 * his own in its place. */
static const char *find_fault(const struct stat *status)
{
    if (status->st_uid != 0 && status->st_uid != geteuid()) {
        return "it belongs to another user";
    }
    return (status->st_mode & (S_IWGRP | S_IWOTH)) != 0 ? "others may write to it" : NULL;
}

static int check(int fd, const char *folder)
{
    struct stat status;
    const char *fault;

    if (fstat(fd, &status) != 0) {
        return link_error_from_uv(uv_translate_sys_error(errno));
    }
    fault = find_fault(&status);
    if (fault != NULL) {
        log_error("nothing is served in %s, for %s: make it a folder of root's with mode 0755",
                  folder, fault);
        return ERR_DENIED;
    }
    return 0;
}

static int open_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0) {
        return fd;
    }
    if (errno != ENOTDIR && errno != ELOOP) {
        return link_error_from_uv(uv_translate_sys_error(errno));
    }
    log_error("nothing is served in %s, for it is no folder but a link or a file: remove it",
              folder);
    return ERR_DENIED;
}

int local_folder_open(const char *path, int *fd, const char **name)
{
    char folder[FOLDER_SIZE] = ".";
    const char *slash = strrchr(path, '/');
    int opened;
    int result;

    if (slash != NULL) {
        if ((size_t)(slash - path) + 1 >= sizeof folder) {
            return ERR_TOO_LONG;
        }
        text_copy(folder, sizeof folder, path);
        folder[slash == path ? 1 : slash - path] = '\0';
    }
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
        return link_error_from_uv(uv_translate_sys_error(errno));
    }
    opened = open_folder(folder);
    if (opened < 0) {
        return opened;
    }
    result = check(opened, folder);
    if (result != 0) {
        close(opened);
        return result;
    }
    *fd = opened;
    *name = slash != NULL ? slash + 1 : path;
    return 0;
}
