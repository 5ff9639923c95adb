#include "shared/link/local_pipe_win.h"

#include <sddl.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

int local_pipe_error(DWORD error)
{
    switch (error) {
    case ERROR_SUCCESS:
        return 0;
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        return ERR_NOT_FOUND;
    case ERROR_ACCESS_DENIED:
        return ERR_DENIED;
    case ERROR_PIPE_BUSY:
    case ERROR_SEM_TIMEOUT:
        return ERR_BUSY;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
        return ERR_NOMEM;
    case ERROR_INVALID_NAME:
    case ERROR_INVALID_PARAMETER:
        return ERR_INVALID;
    default:
        log_debug("Windows error %lu", error);
        return ERR_IO;
    }
}

int local_pipe_path_to_wide(const char *path, wchar_t wide[LOCAL_PIPE_PATH_SIZE])
{
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, LOCAL_PIPE_PATH_SIZE)) {
        return 0;
    }
    return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ERR_TOO_LONG : ERR_INVALID;
}

int local_pipe_token_user(struct local_pipe_user *user)
{
    HANDLE token;
    DWORD size;
    DWORD error = ERROR_SUCCESS;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        return local_pipe_error(GetLastError());
    }
    if (!GetTokenInformation(token, TokenUser, &user->token, sizeof user->token, &size)) {
        error = GetLastError();
    }
    CloseHandle(token);
    return local_pipe_error(error);
}

int local_pipe_user_sid(char text[LOCAL_PIPE_SID_SIZE])
{
    struct local_pipe_user user = {0};
    char *converted;
    int result = local_pipe_token_user(&user);

    if (result != 0) {
        return result;
    }
    if (!ConvertSidToStringSidA(user.token.user.User.Sid, &converted)) {
        return local_pipe_error(GetLastError());
    }
    result = text_copy(text, LOCAL_PIPE_SID_SIZE, converted);
    LocalFree(converted);
    return result;
}
