/* What key_file needs of each system. */
#ifndef TTYFERRY_LINK_KEY_FILE_OS_H
#define TTYFERRY_LINK_KEY_FILE_OS_H

#include <stddef.h>

#include "shared/link/key_file.h"

/* The longest content that is read: more is no key. */
#define KEY_FILE_CONTENT_MAX (LINK_KEY_TEXT_SIZE + 1)

/* Checks who has access and reads up to KEY_FILE_CONTENT_MAX bytes. Returns and `reason` as
 * key_file_read; a `reason` left empty is filled in by the caller. */
int key_file_os_read(const struct key_file *file, char content[KEY_FILE_CONTENT_MAX], size_t *len,
                     char reason[KEY_FILE_REASON_SIZE]);

/* Writes a file that the owner alone can read, and puts it in place in one step. Returns 0 or ours.
 */
int key_file_os_write(const struct key_file *file, const char *content, size_t len);

#endif
