#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/key_file_os.h"
#include "shared/link/link_error.h"

#define DEFAULT_PATH "/etc/ttyferry/key"
#define NEW_TAIL ".new"
#define FOLDER_MODE 0755

int key_file_default_path(char path[KEY_FILE_PATH_SIZE])
{
    return text_copy(path, KEY_FILE_PATH_SIZE, DEFAULT_PATH);
}

static int last_error(void)
{
    return link_error_from_uv(uv_translate_sys_error(errno));
}

__attribute__((format(printf, 2, 3))) static int refuse(char reason[KEY_FILE_REASON_SIZE],
                                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, KEY_FILE_REASON_SIZE, format, arguments);
    va_end(arguments);
    return ERR_DENIED;
}

/* Who can write or read the file can take part in the link, so nobody else may. */
static int check(const struct key_file *file, int fd, char reason[KEY_FILE_REASON_SIZE])
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        return last_error();
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(reason, "the key file %s is no regular file: replace it by one", file->path);
    }
    if (status.st_uid != file->owner) {
        return refuse(reason,
                      "the key file %s belongs to user %u instead of %u: if its key is yours, run "
                      "`chown %u %s`",
                      file->path, (unsigned)status.st_uid, file->owner, file->owner, file->path);
    }
    if ((status.st_mode & 077) != 0) {
        return refuse(reason,
                      "others than its owner have access to the key file %s (mode %04o): run "
                      "`chmod 600 %s`, and `ttyferry.exe pair --renew` on Windows if somebody "
                      "could have read it",
                      file->path, (unsigned)status.st_mode & 07777, file->path);
    }
    return 0;
}

static int read_all(int fd, char content[KEY_FILE_CONTENT_MAX], size_t *len)
{
    size_t done = 0;
    ssize_t count;

    do {
        count = read(fd, content + done, KEY_FILE_CONTENT_MAX - done);
        if (count > 0) {
            done += (size_t)count;
        }
    } while (count > 0 || (count < 0 && errno == EINTR));
    if (count < 0) {
        return last_error();
    }
    *len = done;
    return 0;
}

int key_file_os_read(const struct key_file *file, char content[KEY_FILE_CONTENT_MAX], size_t *len,
                     char reason[KEY_FILE_REASON_SIZE])
{
    /* Without O_NONBLOCK the opening of a FIFO would wait for a writer. */
    int fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int error;

    if (fd < 0 && errno == ELOOP) {
        return refuse(reason, "the key file %s is a symbolic link: replace it by a regular file",
                      file->path);
    }
    if (fd < 0) {
        return last_error();
    }
    error = check(file, fd, reason);
    if (error == 0) {
        error = read_all(fd, content, len);
    }
    close(fd);
    return error;
}

static int write_all(int fd, const char *content, size_t len)
{
    while (len > 0) {
        ssize_t count = write(fd, content, len);

        if (count < 0 && errno != EINTR) {
            return last_error();
        }
        if (count > 0) {
            content += count;
            len -= (size_t)count;
        }
    }
    return fsync(fd) == 0 ? 0 : last_error();
}

/* The file's folder, so that a new file can be made in it. What fails here fails again there. */
static void make_folder(const char *path)
{
    char folder[KEY_FILE_PATH_SIZE];
    char *slash;

    if (text_copy(folder, sizeof folder, path) == 0) {
        slash = strrchr(folder, '/');
        if (slash != NULL && slash != folder) {
            *slash = '\0';
            (void)mkdir(folder, FOLDER_MODE);
        }
    }
}

int key_file_os_write(const struct key_file *file, const char *content, size_t len)
{
    char new_path[KEY_FILE_PATH_SIZE + sizeof NEW_TAIL];
    int error;
    int fd;

    if (snprintf(new_path, sizeof new_path, "%s" NEW_TAIL, file->path) >= (int)sizeof new_path) {
        return ERR_TOO_LONG;
    }
    make_folder(file->path);
    (void)unlink(new_path); /* of a writer that was killed */
    fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return last_error();
    }
    /* Another umask than the usual one must not take away the owner's rights. */
    error = fchmod(fd, 0600) == 0 ? write_all(fd, content, len) : last_error();
    close(fd);
    if (error == 0 && rename(new_path, file->path) != 0) {
        error = last_error();
    }
    if (error != 0) {
        (void)unlink(new_path);
    }
    return error;
}
