/* Changes files of this machine so that each change is whole or not there, and all of them can be
 * taken back: the former file stays beside the new one until guest_files_commit.
 *
 * Every path starts with a slash and is below the root. What is not a plain file (a symbolic link,
 * say) is neither followed nor replaced: ERR_UNSUPPORTED. Everything blocks. */
#ifndef TTYFERRY_GUEST_GUEST_FILES_H
#define TTYFERRY_GUEST_GUEST_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define GUEST_FILES_PATH_SIZE 256
#define GUEST_FILES_CHANGES_MAX 24

enum guest_file_change_kind { GUEST_FILE_MADE, GUEST_FILE_REPLACED, GUEST_FILE_FOLDER };

struct guest_file_change {
    enum guest_file_change_kind kind;
    char path[GUEST_FILES_PATH_SIZE];
};

struct guest_files {
    const char *root; /* "" but in tests */
    struct guest_file_change changes[GUEST_FILES_CHANGES_MAX];
    size_t count;
};

/* `root` must outlive it. */
void guest_files_init(struct guest_files *files, const char *root);

/* root + path. Returns 0 or ERR_TOO_LONG. */
int guest_files_join(const struct guest_files *files, const char *path,
                     char joined[GUEST_FILES_PATH_SIZE]);

/* True if something of that name is there. */
bool guest_files_has(const struct guest_files *files, const char *path);

/* Reads a plain file of at most `max` bytes; `*text` is the caller's to free(), terminated. Returns
 * 0, ERR_NOT_FOUND, ERR_TOO_LONG, ERR_UNSUPPORTED, ERR_DENIED, ERR_NOMEM, ERR_IO. */
int guest_files_read(const struct guest_files *files, const char *path, size_t max, char **text,
                     size_t *len);

/* Writes a file aside and puts it in place in one step. A new file gets `mode`, one that is
 * replaced keeps owner and mode if `keeps` is set. */
struct guest_file_text {
    const char *text;
    size_t len;
    mode_t mode;
    bool keeps;
};

/* Returns 0 or ERR_UNSUPPORTED, ERR_DENIED, ERR_FULL (the journal), ERR_TOO_LONG, ERR_IO; then
 * nothing has changed. */
int guest_files_write(struct guest_files *files, const char *path,
                      const struct guest_file_text *content);

/* Puts the file at `source`, a path without the root on the same file system, in the place of
 * `path`. Returns as guest_files_write. */
int guest_files_move(struct guest_files *files, const char *source, const char *path);

/* Takes a file away; one that is not there is fine. Returns as guest_files_write. */
int guest_files_delete(struct guest_files *files, const char *path);

/* These two can't be taken back. A link goes whatever it points to, a folder only if it is empty;
 * one that is not there, or not empty, is fine. Each returns 0 or an error. */
int guest_files_unlink_link(const struct guest_files *files, const char *path);
int guest_files_remove_folder(const struct guest_files *files, const char *path);

/* Makes a folder of ours, or checks that the one that is there is a folder that belongs to us and
 * that nobody else may write to: else ERR_DENIED. Returns as guest_files_write. */
int guest_files_make_folder(struct guest_files *files, const char *path, mode_t mode);

/* Takes back everything, the last first. Returns 0, or the first error; the rest is taken back
 * nevertheless. */
int guest_files_undo(struct guest_files *files);

/* Nothing can be taken back any more; what was kept for it goes. */
void guest_files_commit(struct guest_files *files);

#endif
