/* Small files in /run/ttyferry, which others read: each is written aside and takes its place in one
 * step, so that nobody finds half of one. */
#ifndef TTYFERRY_GUEST_WHOLE_FILE_H
#define TTYFERRY_GUEST_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes it, readable for all. The folder must be there. Returns 0, ERR_NOT_FOUND, ERR_FULL,
 * ERR_DENIED, ERR_TOO_LONG, ERR_IO; the former file is as it was then. */
int whole_file_write(const char *path, const char *text, size_t len);

/* Reads a plain file whole into `text`, terminated. Returns 0, ERR_NOT_FOUND, ERR_TOO_LONG,
 * ERR_INVALID for a link, ERR_IO. */
int whole_file_read(const char *path, char *text, size_t size);

/* One that is not there is fine. True if there was one. */
bool whole_file_remove(const char *path);

#endif
