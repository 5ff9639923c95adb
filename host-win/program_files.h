/* The files of an installation. A program that runs can't be written to or removed, but it can be
 * renamed: that is how one is replaced. Paths are UTF-16. */
#ifndef TTYFERRY_HOST_WIN_PROGRAM_FILES_H
#define TTYFERRY_HOST_WIN_PROGRAM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#define PROGRAM_FILES_PATH_SIZE 1024 /* in units */

/* A file that was replaced, so that it can be put back. */
struct program_file {
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    wchar_t aside[PROGRAM_FILES_PATH_SIZE]; /* where the former one is; empty: there was none */
    bool is_placed;
};

/* Makes the folder and those above it. `*made` counts how many were missing. Returns 0, ERR_DENIED
 * or ERR_IO. */
int program_files_make_folder(const wchar_t *folder, unsigned *made);

/* Removes the folder if it is empty, and then up to `count` - 1 above it, each if empty. */
void program_files_remove_folders(const wchar_t *folder, unsigned count);

/* Copies `source` to `folder`\`name`, the former file renamed aside first. Where both are the same
 * file nothing is done. `*file` tells what was, also on failure. Returns 0, ERR_NOT_FOUND,
 * ERR_DENIED, ERR_TOO_LONG or ERR_IO. */
int program_files_place(const wchar_t *source, const wchar_t *folder, const wchar_t *name,
                        struct program_file *file);

/* The same for a file whose bytes are in memory. */
int program_files_place_bytes(const char *bytes, size_t len, const wchar_t *folder,
                              const wchar_t *name, struct program_file *file);

/* Puts back what program_files_place has replaced. Returns 0, or ERR_DENIED, ERR_NOT_FOUND or
 * ERR_IO if the former file is still aside, or the new one still there. */
int program_files_put_back(struct program_file *file);

/* Removes a file; one that runs is renamed aside first, into a name that
 * program_files_remove_asides knows. Returns 0 (also if it is not there), ERR_DENIED or ERR_IO. */
int program_files_remove(const wchar_t *folder, const wchar_t *name);

/* True if `tail` is what such a name has behind the file's own. */
bool program_files_is_aside(const wchar_t *tail);

/* Removes what earlier calls have left aside in the folder and does not run any more. Returns how
 * many are still there. */
unsigned program_files_remove_asides(const wchar_t *folder);

/* Writes `folder`\`name`. Returns 0 or ERR_TOO_LONG. */
int program_files_join(const wchar_t *folder, const wchar_t *name,
                       wchar_t path[PROGRAM_FILES_PATH_SIZE]);

#endif
