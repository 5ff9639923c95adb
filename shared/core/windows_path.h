/* Where WSL shows a file of Windows. */
#ifndef TTYFERRY_CORE_WINDOWS_PATH_H
#define TTYFERRY_CORE_WINDOWS_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define WINDOWS_PATH_SIZE 1024

/* Where WSL mounts the drives unless wsl.conf says otherwise. */
#define WINDOWS_PATH_MOUNTS "/mnt/"

/* True for an absolute path on a drive ("C:\Users\a\ttyferry.exe"): valid UTF-8 without control
 * characters, and no element that is empty, "." or "..". */
bool windows_path_is_valid(const char *path);

/* Writes "/mnt/c/Users/a/ttyferry.exe" for the above and `mounts` "/mnt" or "/mnt/"; `mounts` is an
 * absolute path. Returns 0; ERR_INVALID for paths that are none; ERR_TOO_LONG. */
int windows_path_to_mount(const char *path, const char *mounts, char *mounted, size_t size);

#endif
