#include "shared/link/local_connect.h"

#include <windows.h>

#include <aclapi.h>
#include <fcntl.h>
#include <io.h>
#include <stdbool.h>
#include <stdio.h>

#include "shared/core/error.h"
#include "shared/link/local_pipe_win.h"

/* All instances of the pipe may be taken for the moment that the server needs for the next. */
#define CONNECT_WAIT_MS 1000u
#define CONNECT_TRIES 5

static bool is_trusted_owner(PSID owner)
{
    struct local_pipe_user user;
    union {
        SID sid;
        unsigned char bytes[SECURITY_MAX_SID_SIZE];
    } system;
    DWORD size = sizeof system;

    if (local_pipe_token_user(&user) == 0 && EqualSid(owner, user.token.user.User.Sid)) {
        return true;
    }
    return CreateWellKnownSid(WinLocalSystemSid, NULL, &system.sid, &size) &&
           EqualSid(owner, &system.sid);
}

/* Any user may create a pipe of any free name, so that the name proves nothing. */
static int check_owner(HANDLE pipe)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    DWORD error = GetSecurityInfo(pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL,
                                  NULL, NULL, &descriptor);
    bool trusted;

    if (error != ERROR_SUCCESS) {
        return local_pipe_error(error);
    }
    trusted = owner && is_trusted_owner(owner);
    LocalFree(descriptor);
    return trusted ? 0 : ERR_AUTH;
}

static int open_pipe(const wchar_t *path, HANDLE *pipe)
{
    DWORD error = ERROR_PIPE_BUSY;

    for (int i = 0; i < CONNECT_TRIES; i++) {
        /* SECURITY_IDENTIFICATION: whoever serves the pipe cannot act as this user. */
        HANDLE opened = CreateFileW(
            path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
            FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);

        if (opened != INVALID_HANDLE_VALUE) {
            *pipe = opened;
            return 0;
        }
        error = GetLastError();
        if (error != ERROR_PIPE_BUSY) {
            break;
        }
        WaitNamedPipeW(path, CONNECT_WAIT_MS);
    }
    return local_pipe_error(error);
}

int local_connect_open(const char *path, uv_file *file)
{
    wchar_t wide[LOCAL_PIPE_PATH_SIZE];
    HANDLE pipe = INVALID_HANDLE_VALUE;
    int opened;
    int result = local_pipe_path_to_wide(path, wide);

    if (result != 0) {
        return result;
    }
    result = open_pipe(wide, &pipe);
    if (result != 0) {
        return result;
    }
    result = check_owner(pipe);
    if (result != 0) {
        CloseHandle(pipe);
        return result;
    }
    opened = _open_osfhandle((intptr_t)pipe, _O_BINARY);
    if (opened < 0) {
        CloseHandle(pipe);
        return ERR_NOMEM;
    }
    *file = opened;
    return 0;
}

/* Nothing of the kind is known here. */
int local_connect_open_shared(const char *root, char *path, size_t size, uv_file *file)
{
    (void)root;
    (void)file;
    if (size == 0) {
        return ERR_TOO_LONG;
    }
    path[0] = '\0';
    return ERR_NOT_FOUND;
}

int local_connect_default_path(char *path, size_t size)
{
    char sid[LOCAL_PIPE_SID_SIZE];
    int result = local_pipe_user_sid(sid);
    int len;

    if (result != 0) {
        return result;
    }
    len = snprintf(path, size, "\\\\.\\pipe\\ttyferry-%s", sid);
    return len > 0 && (size_t)len < size ? 0 : ERR_TOO_LONG;
}
