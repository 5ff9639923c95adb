#include "guest-linux/guest_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

/* Beside the file that they stand for, so that a rename is one step. */
#define NEW_SUFFIX ".ttyferry-new"
#define OLD_SUFFIX ".ttyferry-old"

void guest_files_init(struct guest_files *files, const char *root)
{
    *files = (struct guest_files){.root = root};
}

int guest_files_join(const struct guest_files *files, const char *path,
                     char joined[GUEST_FILES_PATH_SIZE])
{
    int len = snprintf(joined, GUEST_FILES_PATH_SIZE, "%s%s", files->root, path);

    return len >= 0 && len < GUEST_FILES_PATH_SIZE ? 0 : ERR_TOO_LONG;
}

/* "/etc/wsl.conf" has ".wsl.conf.ttyferry-new" beside it. */
static int join_beside(const struct guest_files *files, const char *path, const char *suffix,
                       char joined[GUEST_FILES_PATH_SIZE])
{
    const char *name = strrchr(path, '/') + 1;
    int len = snprintf(joined, GUEST_FILES_PATH_SIZE, "%s%.*s.%s%s", files->root,
                       (int)(name - path), path, name, suffix);

    return len >= 0 && len < GUEST_FILES_PATH_SIZE ? 0 : ERR_TOO_LONG;
}

static int last_error(void)
{
    return os_error_from_errno(errno);
}

/* 0 and `*status` if a plain file is there, ERR_NOT_FOUND if nothing is. */
static int look(const char *joined, struct stat *status)
{
    if (lstat(joined, status) != 0) {
        return last_error();
    }
    return S_ISREG(status->st_mode) ? 0 : ERR_UNSUPPORTED;
}

bool guest_files_has(const struct guest_files *files, const char *path)
{
    char joined[GUEST_FILES_PATH_SIZE];
    struct stat status;

    return guest_files_join(files, path, joined) == 0 && lstat(joined, &status) == 0;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int read_descriptor(int fd, size_t max, char **text, size_t *len)
{
    char *bytes = malloc(max + 1);
    size_t got = 0;
    ssize_t part = 1;

    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    while (part > 0 && got <= max) {
        part = read(fd, bytes + got, max + 1 - got);
        got += part > 0 ? (size_t)part : 0;
        part = part < 0 && errno == EINTR ? 1 : part;
    }
    if (part < 0 || got > max) {
        free(bytes);
        return part < 0 ? last_error() : ERR_TOO_LONG;
    }
    bytes[got] = '\0';
    *text = bytes;
    *len = got;
    return 0;
}

int guest_files_read(const struct guest_files *files, const char *path, size_t max, char **text,
                     size_t *len)
{
    char joined[GUEST_FILES_PATH_SIZE];
    struct stat status;
    int err = guest_files_join(files, path, joined);
    int fd;

    if (err != 0) {
        return err;
    }
    /* O_NONBLOCK: a named pipe in the file's place must not hold us up. */
    fd = open(joined, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ELOOP ? ERR_UNSUPPORTED : last_error();
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        err = ERR_UNSUPPORTED;
    } else {
        err = read_descriptor(fd, max, text, len);
    }
    close(fd);
    return err;
}

/* --- The journal ------------------------------------------------------------------------------ */

static int check_room(const struct guest_files *files)
{
    return files->count < GUEST_FILES_CHANGES_MAX ? 0 : ERR_FULL;
}

static void note(struct guest_files *files, enum guest_file_change_kind kind, const char *path)
{
    struct guest_file_change *change = &files->changes[files->count++];

    change->kind = kind;
    (void)text_copy(change->path, sizeof change->path, path);
}

/* Of several changes of one file the first has kept the former one. */
static bool is_noted(const struct guest_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->changes[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* Gives the file a second name, by which it comes back. */
static int keep_old(struct guest_files *files, const char *path, const char *joined)
{
    char old[GUEST_FILES_PATH_SIZE];
    int err = join_beside(files, path, OLD_SUFFIX, old);

    if (err != 0 || is_noted(files, path)) {
        return err;
    }
    (void)unlink(old); /* of a run that was killed */
    return link(joined, old) == 0 ? 0 : last_error();
}

static void drop_old(const struct guest_files *files, const char *path)
{
    char old[GUEST_FILES_PATH_SIZE];

    if (join_beside(files, path, OLD_SUFFIX, old) == 0) {
        (void)unlink(old);
    }
}

/* Puts what stands at `from` into the place of `path`, or nothing if `from` is NULL. */
static int replace(struct guest_files *files, const char *path, const char *from)
{
    char joined[GUEST_FILES_PATH_SIZE];
    struct stat status;
    int err = guest_files_join(files, path, joined);
    bool was_there;

    if (err == 0) {
        err = check_room(files);
    }
    if (err != 0) {
        return err;
    }
    err = look(joined, &status);
    was_there = err == 0;
    if (err != 0 && err != ERR_NOT_FOUND) {
        return err;
    }
    if (!was_there && from == NULL) {
        return 0;
    }
    err = was_there ? keep_old(files, path, joined) : 0;
    if (err == 0 && (from != NULL ? rename(from, joined) : unlink(joined)) != 0) {
        err = last_error();
    }
    if (is_noted(files, path)) {
        return err;
    }
    if (err == 0) {
        note(files, was_there ? GUEST_FILE_REPLACED : GUEST_FILE_MADE, path);
    } else if (was_there) {
        drop_old(files, path);
    }
    return err;
}

/* --- Changing --------------------------------------------------------------------------------- */

static int write_all(int fd, const char *text, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t part = write(fd, text + done, len - done);

        if (part < 0 && errno != EINTR) {
            return last_error();
        }
        done += part > 0 ? (size_t)part : 0;
    }
    return 0;
}

/* What a killed machine would leave empty, had it only been renamed, is written out first. */
static int fill(int fd, const struct guest_file_text *content, const struct stat *former)
{
    mode_t mode = former != NULL ? former->st_mode & 07777 : content->mode;
    int err = write_all(fd, content->text, content->len);

    if (err == 0 && former != NULL && fchown(fd, former->st_uid, former->st_gid) != 0) {
        err = last_error();
    }
    if (err == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0)) {
        err = last_error();
    }
    return err;
}

int guest_files_write(struct guest_files *files, const char *path,
                      const struct guest_file_text *content)
{
    char joined[GUEST_FILES_PATH_SIZE];
    char aside[GUEST_FILES_PATH_SIZE];
    struct stat status;
    bool keeps;
    int err = guest_files_join(files, path, joined);
    int fd;

    if (err == 0) {
        err = join_beside(files, path, NEW_SUFFIX, aside);
    }
    if (err != 0) {
        return err;
    }
    keeps = content->keeps && look(joined, &status) == 0;
    (void)unlink(aside); /* of a run that was killed */
    fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return last_error();
    }
    err = fill(fd, content, keeps ? &status : NULL);
    close(fd);
    if (err == 0) {
        err = replace(files, path, aside);
    }
    if (err != 0) {
        (void)unlink(aside);
    }
    return err;
}

int guest_files_move(struct guest_files *files, const char *source, const char *path)
{
    struct stat status;
    int err = look(source, &status);

    return err != 0 ? err : replace(files, path, source);
}

int guest_files_delete(struct guest_files *files, const char *path)
{
    return replace(files, path, NULL);
}

int guest_files_unlink_link(const struct guest_files *files, const char *path)
{
    char joined[GUEST_FILES_PATH_SIZE];
    struct stat status;
    int err = guest_files_join(files, path, joined);

    if (err != 0 || lstat(joined, &status) != 0) {
        return err;
    }
    if (!S_ISLNK(status.st_mode)) {
        return ERR_UNSUPPORTED;
    }
    return unlink(joined) == 0 ? 0 : last_error();
}

int guest_files_remove_folder(const struct guest_files *files, const char *path)
{
    char joined[GUEST_FILES_PATH_SIZE];
    int err = guest_files_join(files, path, joined);

    if (err != 0 || rmdir(joined) == 0 || errno == ENOENT || errno == ENOTEMPTY) {
        return err;
    }
    return last_error();
}

int guest_files_make_folder(struct guest_files *files, const char *path, mode_t mode)
{
    char joined[GUEST_FILES_PATH_SIZE];
    struct stat status;
    int err = guest_files_join(files, path, joined);

    if (err == 0) {
        err = check_room(files);
    }
    if (err != 0) {
        return err;
    }
    if (mkdir(joined, mode) == 0) {
        note(files, GUEST_FILE_FOLDER, path);
        return chmod(joined, mode) == 0 ? 0 : last_error();
    }
    if (errno != EEXIST) {
        return last_error();
    }
    if (lstat(joined, &status) != 0) {
        return last_error();
    }
    return S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
                   (status.st_mode & (S_IWGRP | S_IWOTH)) == 0
               ? 0
               : ERR_DENIED;
}

/* --- The end ---------------------------------------------------------------------------------- */

static int undo_change(const struct guest_files *files, const struct guest_file_change *change)
{
    char joined[GUEST_FILES_PATH_SIZE];
    char old[GUEST_FILES_PATH_SIZE];
    int err = guest_files_join(files, change->path, joined);
    int result = 0;

    if (err == 0) {
        err = join_beside(files, change->path, OLD_SUFFIX, old);
    }
    if (err != 0) {
        return err;
    }
    switch (change->kind) {
    case GUEST_FILE_MADE:
        result = unlink(joined);
        break;
    case GUEST_FILE_REPLACED:
        result = rename(old, joined);
        if (result == 0) {
            (void)unlink(old); /* Of two names of one file, rename leaves both. */
        }
        break;
    case GUEST_FILE_FOLDER:
        result = rmdir(joined);
        break;
    }
    return result == 0 || errno == ENOENT ? 0 : last_error();
}

int guest_files_undo(struct guest_files *files)
{
    int first = 0;

    while (files->count > 0) {
        int err = undo_change(files, &files->changes[--files->count]);

        first = first != 0 ? first : err;
    }
    return first;
}

void guest_files_commit(struct guest_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->changes[i].kind == GUEST_FILE_REPLACED) {
            drop_old(files, files->changes[i].path);
        }
    }
    files->count = 0;
}
