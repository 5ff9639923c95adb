/* What both ends of the local named pipe need of Windows. */
#ifndef TTYFERRY_LINK_LOCAL_PIPE_WIN_H
#define TTYFERRY_LINK_LOCAL_PIPE_WIN_H

#include <windows.h>

/* "S-1-5-21-..." has at most 184 characters (SECURITY_MAX_SID_STRING_CHARACTERS is 187). */
#define LOCAL_PIPE_SID_SIZE 192
#define LOCAL_PIPE_PATH_SIZE 260

/* Maps an error of GetLastError to one of ours. */
int local_pipe_error(DWORD error);

/* UTF-8 to UTF-16. Returns 0, ERR_TOO_LONG or ERR_INVALID. */
int local_pipe_path_to_wide(const char *path, wchar_t wide[LOCAL_PIPE_PATH_SIZE]);

/* The user of this process: token.user.User.Sid, which points into the same memory. */
struct local_pipe_user {
    union {
        TOKEN_USER user;
        unsigned char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } token;
};

/* Fills `*user`, which must not be copied afterwards. Returns 0 or ours. */
int local_pipe_token_user(struct local_pipe_user *user);

/* The SID of this process's user as text. Returns 0 or ours. */
int local_pipe_user_sid(char text[LOCAL_PIPE_SID_SIZE]);

#endif
