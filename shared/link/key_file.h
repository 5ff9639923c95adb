/* The file that holds the key of the link: 64 lower-case hex digits and a line feed, for its
 * owner's eyes alone. A file that others could read or put in place is refused, for its key proves
 * nothing.
 *
 * On Unix: a regular file (no symbolic link), of the owner, without any right of group or others.
 * On Windows: a regular file of this user, SYSTEM or the administrators, whose access list lets
 * nobody else in. */
#ifndef TTYFERRY_LINK_KEY_FILE_H
#define TTYFERRY_LINK_KEY_FILE_H

#include "shared/link/handshake.h"

#define KEY_FILE_PATH_SIZE 1024
#define KEY_FILE_REASON_SIZE HANDSHAKE_REASON_SIZE

struct key_file {
    const char *path; /* UTF-8 */
    unsigned owner;   /* Unix: the user id that the file must have, 0 for root's. Else unused */
};

/* Writes /etc/ttyferry/key or %LOCALAPPDATA%\ttyferry\key. Returns 0, ERR_NOT_FOUND where the
 * variable is not set, or ERR_TOO_LONG. */
int key_file_default_path(char path[KEY_FILE_PATH_SIZE]);

/* Reads the key. Returns 0; ERR_NOT_FOUND; ERR_DENIED where others have access, the owner is
 * another one, or the system forbids it; ERR_INVALID for what is no key; ERR_IO. On failure
 * `reason` is a sentence with the cause and the remedy. */
int key_file_read(const struct key_file *file, struct link_key *key,
                  char reason[KEY_FILE_REASON_SIZE]);

/* The same as a handshake_key_fn; `context` is the struct key_file. */
int key_file_read_for_handshake(const void *context, struct link_key *key,
                                char reason[HANDSHAKE_REASON_SIZE]);

/* Writes the key, in place of what is there in one step, and makes the folder if that is missing.
 * A reader sees the old key or the new one. Returns 0 or ours; `reason` as above. */
int key_file_write(const struct key_file *file, const struct link_key *key,
                   char reason[KEY_FILE_REASON_SIZE]);

#endif
