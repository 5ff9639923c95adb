#include "host-win/agent_process.h"

#include <windows.h>

#include <stdlib.h>

#include "host-win/pnp_listener.h"
#include "shared/core/error.h"

#define END_LIMIT_MS 15000
#define AGENTS_MAX 16
#define COMMAND_SIZE 2048

/* Only windows of this session are found; one of another user's in it can't be asked. */
int agent_process_end_all(unsigned *ended)
{
    HANDLE processes[AGENTS_MAX];
    DWORD count = 0;
    int result = 0;

    for (HWND window = FindWindowExW(NULL, NULL, PNP_LISTENER_WINDOW_CLASS, NULL);
         window != NULL && count < AGENTS_MAX;
         window = FindWindowExW(NULL, window, PNP_LISTENER_WINDOW_CLASS, NULL)) {
        DWORD id = 0;
        HANDLE process;

        GetWindowThreadProcessId(window, &id);
        process = OpenProcess(SYNCHRONIZE, FALSE, id);
        if (process == NULL) {
            result = ERR_DENIED;
            continue;
        }
        PostMessageW(window, WM_CLOSE, 0, 0);
        processes[count++] = process;
    }
    if (count > 0 && WaitForMultipleObjects(count, processes, TRUE, END_LIMIT_MS) == WAIT_TIMEOUT) {
        result = ERR_TIMEOUT;
    }
    for (DWORD i = 0; i < count; i++) {
        CloseHandle(processes[i]);
    }
    *ended = count;
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
        return GetLastError() == ERROR_FILE_NOT_FOUND ? ERR_NOT_FOUND : ERR_IO;
    }
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return 0;
}
