/* The user's own PATH: our folder in it and out of it, everything else untouched to the byte. */
#ifndef TTYFERRY_HOST_WIN_USER_PATH_H
#define TTYFERRY_HOST_WIN_USER_PATH_H

#include "host-win/registry_value.h"

/* Where Windows keeps it: HKEY_CURRENT_USER\Environment, Path. */
struct registry_place user_path_place(HKEY root);

/* Changes `value`, as it was read, so that `folder` is its last entry; one that is in it already,
 * ignoring case and a backslash at its end, stays where it is, and `*is_changed` is false. A value
 * that does not exist becomes a REG_EXPAND_SZ. Returns 0, ERR_NOMEM, ERR_TOO_LONG, or ERR_INVALID
 * for a value that is no text. */
int user_path_add(struct registry_value *value, const wchar_t *folder, bool *is_changed);

/* The reverse: takes the last entry that is `folder` out, and the one semicolon that came with it.
 * Returns 0 or ERR_INVALID. */
int user_path_remove(struct registry_value *value, const wchar_t *folder, bool *is_changed);

/* Tells the programs that run, the Explorer above all, that the environment has changed. */
void user_path_announce(void);

#endif
