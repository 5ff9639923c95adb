#include "guest-linux/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

int sysfs_join(const char *root, const char *path, const char *element,
               char joined[SYSFS_PATH_SIZE])
{
    int len = snprintf(joined, SYSFS_PATH_SIZE, "%s%s%s%s", root, path, element ? "/" : "",
                       element ? element : "");

    return len < 0 || len >= SYSFS_PATH_SIZE ? ERR_TOO_LONG : 0;
}

/* Reads until the end; one byte of `size` is left for the terminator. */
static int read_all(int fd, char *text, size_t size, size_t *len)
{
    *len = 0;
    for (;;) {
        ssize_t part = read(fd, text + *len, size - *len);

        if (part == 0)
            return 0;
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return os_error_from_errno(errno);
        *len += (size_t)part;
        if (*len == size)
            return ERR_TOO_LONG;
    }
}

int sysfs_read_text(const char *root, const char *path, const char *element, char *text,
                    size_t size)
{
    char joined[SYSFS_PATH_SIZE];
    size_t len = 0;
    int err = sysfs_join(root, path, element, joined);
    int fd;

    if (err)
        return err;
    fd = open(joined, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return os_error_from_errno(errno);
    err = read_all(fd, text, size, &len);
    close(fd);
    if (err) {
        text[0] = '\0';
        return err;
    }
    if (len > 0 && text[len - 1] == '\n')
        len--;
    text[len] = '\0';
    return 0;
}

int sysfs_read_number(const char *root, const char *path, const char *element, int base,
                      unsigned long *number)
{
    char text[32] = "";
    char *end;
    unsigned long value;
    int err = sysfs_read_text(root, path, element, text, sizeof text);

    if (err)
        return err;
    errno = 0;
    value = strtoul(text, &end, base);
    if (errno || end == text || *end || text[0] == '-')
        return ERR_INVALID;
    *number = value;
    return 0;
}

int sysfs_read_dev(const char *root, const char *path, const char *element, unsigned *major,
                   unsigned *minor)
{
    char text[32];
    char *end;
    unsigned long found_major, found_minor;
    int err = sysfs_read_text(root, path, element, text, sizeof text);

    if (err)
        return err;
    found_major = strtoul(text, &end, 10);
    if (end == text || *end != ':')
        return ERR_INVALID;
    found_minor = strtoul(end + 1, &end, 10);
    if (end[-1] == ':' || *end != '\0' || found_major > UINT32_MAX || found_minor > UINT32_MAX)
        return ERR_INVALID;
    *major = (unsigned)found_major;
    *minor = (unsigned)found_minor;
    return 0;
}

int sysfs_link_name(const char *root, const char *path, const char *element, char *name,
                    size_t size)
{
    char joined[SYSFS_PATH_SIZE];
    char target[SYSFS_PATH_SIZE];
    const char *slash;
    ssize_t len;
    int err = sysfs_join(root, path, element, joined);

    if (err)
        return err;
    len = readlink(joined, target, sizeof target - 1);
    if (len < 0)
        return os_error_from_errno(errno);
    target[len] = '\0';
    slash = strrchr(target, '/');
    return text_copy(name, size, slash ? slash + 1 : target);
}

bool sysfs_exists(const char *root, const char *path, const char *element)
{
    char joined[SYSFS_PATH_SIZE];

    return sysfs_join(root, path, element, joined) == 0 && access(joined, F_OK) == 0;
}

int sysfs_list(const char *root, const char *path, int (*visit)(void *context, const char *name),
               void *context)
{
    char joined[SYSFS_PATH_SIZE];
    const struct dirent *entry;
    int err = sysfs_join(root, path, NULL, joined);
    DIR *dir;

    if (err)
        return err;
    dir = opendir(joined);
    if (!dir)
        return os_error_from_errno(errno);
    while (!err && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strlen(name) < SYSFS_NAME_SIZE)
            err = visit(context, name);
    }
    closedir(dir);
    return err;
}
