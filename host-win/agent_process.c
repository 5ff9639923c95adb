#include "host-win/agent_process.h"

#include <windows.h>

#include <io.h>

#include "host-win/pnp_listener.h"
#include "host-win/supervisor.h"
#include "shared/core/error.h"
#include "shared/link/local_connect.h"

#define END_LIMIT_MS 15000
#define COMMAND_SIZE 2048

/* Returns 0 and the process that serves the stream; `*id` is 0 if nobody does. */
static int find_server(const char *stream, DWORD *id)
{
    ULONG server = 0;
    uv_file pipe;
    int result = local_connect_open(stream, &pipe);

    if (result == ERR_NOT_FOUND || result == ERR_REFUSED) {
        *id = 0;
        return 0;
    }
    if (result != 0) {
        return result;
    }
    if (!GetNamedPipeServerProcessId((HANDLE)_get_osfhandle(pipe), &server) || server == 0) {
        result = ERR_DENIED;
    }
    _close(pipe);
    *id = server;
    return result;
}

/* Only windows of this session are found. */
static HWND find_window(const wchar_t *class, DWORD process)
{
    HWND window = NULL;
    DWORD id = 0;

    while ((window = FindWindowExW(NULL, window, class, NULL)) != NULL) {
        GetWindowThreadProcessId(window, &id);
        if (process == 0 || id == process) {
            return window;
        }
    }
    return NULL;
}

/* Asks the window's process to end, and waits for that. */
static int end_process_of(HWND window)
{
    HANDLE process;
    DWORD id = 0;
    int result = 0;

    GetWindowThreadProcessId(window, &id);
    process = OpenProcess(SYNCHRONIZE, FALSE, id);
    if (process == NULL) {
        return ERR_DENIED;
    }
    PostMessageW(window, WM_CLOSE, 0, 0);
    if (WaitForSingleObject(process, END_LIMIT_MS) != WAIT_OBJECT_0) {
        result = ERR_TIMEOUT;
    }
    CloseHandle(process);
    return result;
}

int agent_process_end(const char *stream, bool *ended)
{
    DWORD server = 0;
    HWND window;
    int result = find_server(stream, &server);

    *ended = false;
    if (result != 0) {
        return result;
    }
    window = server != 0 ? find_window(PNP_LISTENER_WINDOW_CLASS, server)
                         : find_window(SUPERVISOR_WINDOW_CLASS, 0);
    if (window == NULL) {
        return server != 0 ? ERR_DENIED : 0;
    }
    result = end_process_of(window);
    *ended = result == 0;
    return result;
}

int agent_process_start(const wchar_t *command)
{
    wchar_t line[COMMAND_SIZE];
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;

    if (wcslen(command) >= COMMAND_SIZE) {
        return ERR_TOO_LONG;
    }
    wcscpy(line, command); /* CreateProcess may write into it. */
    if (!CreateProcessW(NULL, line, NULL, NULL, FALSE, DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP,
                        NULL, NULL, &startup, &process)) {
        switch (GetLastError()) {
        case ERROR_FILE_NOT_FOUND:
        case ERROR_PATH_NOT_FOUND:
            return ERR_NOT_FOUND;
        case ERROR_ACCESS_DENIED:
            return ERR_DENIED;
        default:
            return ERR_IO;
        }
    }
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return 0;
}
