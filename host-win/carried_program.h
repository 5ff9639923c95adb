/* The programs that ttyferry.exe carries inside, as resources of its own file. */
#ifndef TTYFERRY_HOST_WIN_CARRIED_PROGRAM_H
#define TTYFERRY_HOST_WIN_CARRIED_PROGRAM_H

#include <stddef.h>
#include <wchar.h>

/* The resources' numbers, as CMakeLists.txt gives them; of type RT_RCDATA. */
#define CARRIED_PROGRAM_GUEST 1      /* the guest's */
#define CARRIED_PROGRAM_WINDOWLESS 2 /* ttyferryw.exe */

#define CARRIED_PROGRAM_HASH_SIZE 65 /* as 64 lower-case hex digits, terminated */

/* Finds one in this process's own program. `*bytes` is part of that: valid for ever, never to be
 * freed. Returns 0, or ERR_NOT_FOUND for a program without it (ttyferryw.exe has neither). */
int carried_program_load(unsigned number, const char **bytes, size_t *len);

/* A copy of one of another ttyferry.exe, which is not run for that; `*bytes` is the caller's to
 * free(). Returns 0, ERR_NOT_FOUND or ERR_NOMEM. */
int carried_program_copy_from(const wchar_t *path, unsigned number, char **bytes, size_t *len);

/* Its SHA-256, as sha256sum prints it. */
void carried_program_hash(const char *bytes, size_t len, char hash[CARRIED_PROGRAM_HASH_SIZE]);

#endif
