#include "guest-linux/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "guest-linux/sysfs.h"
#include "shared/core/error.h"

#define ASIDE_SUFFIX ".new"

static int write_all(int fd, const char *text, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t part = write(fd, text + done, len - done);

        if (part < 0 && errno != EINTR) {
            return os_error_from_errno(errno);
        }
        done += part > 0 ? (size_t)part : 0;
    }
    return 0;
}

int whole_file_write(const char *path, const char *text, size_t len)
{
    char aside[SYSFS_PATH_SIZE];
    int len_aside = snprintf(aside, sizeof aside, "%s" ASIDE_SUFFIX, path);
    int err;
    int fd;

    if (len_aside < 0 || (size_t)len_aside >= sizeof aside) {
        return ERR_TOO_LONG;
    }
    (void)unlink(aside); /* of a run that was killed */
    fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        return os_error_from_errno(errno);
    }
    err = write_all(fd, text, len);
    if (err == 0 && fchmod(fd, 0644) != 0) {
        err = os_error_from_errno(errno);
    }
    close(fd);
    if (err == 0 && rename(aside, path) != 0) {
        err = os_error_from_errno(errno);
    }
    if (err != 0) {
        (void)unlink(aside);
    }
    return err;
}

static int read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t part = 1;

    while (part != 0 && len < size) {
        part = read(fd, text + len, size - len);
        if (part < 0 && errno != EINTR) {
            return os_error_from_errno(errno);
        }
        len += part > 0 ? (size_t)part : 0;
    }
    if (len == size) {
        return ERR_TOO_LONG;
    }
    text[len] = '\0';
    return 0;
}

int whole_file_read(const char *path, char *text, size_t size)
{
    struct stat status;
    int err;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        return os_error_from_errno(errno);
    }
    err =
        fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? read_all(fd, text, size) : ERR_INVALID;
    close(fd);
    return err;
}

bool whole_file_remove(const char *path)
{
    return unlink(path) == 0;
}
