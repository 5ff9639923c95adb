/* The guest's program, which ours carries inside as a resource. */
#ifndef TTYFERRY_HOST_WIN_GUEST_PROGRAM_H
#define TTYFERRY_HOST_WIN_GUEST_PROGRAM_H

#include <stddef.h>

/* The resource's number in ttyferry.rc, of type RT_RCDATA. */
#define GUEST_PROGRAM_RESOURCE 1

#define GUEST_PROGRAM_HASH_SIZE 65 /* as 64 lower-case hex digits, terminated */

/* Finds it in this process's own program. `*bytes` is part of that: valid for ever, never to be
 * freed. Returns 0, or ERR_NOT_FOUND for a build without it. */
int guest_program_load(const char **bytes, size_t *len);

/* Its SHA-256, as sha256sum prints it. */
void guest_program_hash(const char *bytes, size_t len, char hash[GUEST_PROGRAM_HASH_SIZE]);

#endif
