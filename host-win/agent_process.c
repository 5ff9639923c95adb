#include "host-win/agent_process.h"

#include <windows.h>

#include <io.h>
#include <tlhelp32.h>

#include "host-win/pnp_listener.h"
#include "host-win/program_files.h"
#include "host-win/supervisor.h"
#include "shared/core/error.h"
#include "shared/link/local_connect.h"

#define END_LIMIT_MS 15000
#define COMMAND_SIZE 2048
#define AGAIN_MS 50

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

static bool is_of_this_session(DWORD id)
{
    DWORD own = 0;
    DWORD other = 0;

    return ProcessIdToSessionId(GetCurrentProcessId(), &own) && ProcessIdToSessionId(id, &other) &&
           own == other;
}

/* The window of an agent, or of a supervisor that waits to start one. */
static HWND find_window_of(DWORD process)
{
    HWND window = find_window(PNP_LISTENER_WINDOW_CLASS, process);

    return window != NULL ? window : find_window(SUPERVISOR_WINDOW_CLASS, process);
}

/* --- The agent that serves the stream, whatever its program ----------------------------------- */

/* Nothing tells of a window that comes, so it is looked for again until the process has ended. */
static int end_process(HANDLE process, DWORD id)
{
    ULONGLONG until_ms = GetTickCount64() + END_LIMIT_MS;
    DWORD wait_ms = 0;

    while (WaitForSingleObject(process, wait_ms) != WAIT_OBJECT_0) {
        HWND window = find_window_of(id);

        if (window == NULL && !is_of_this_session(id)) {
            return ERR_DENIED;
        }
        if (GetTickCount64() >= until_ms) {
            return ERR_TIMEOUT;
        }
        if (window != NULL) {
            PostMessageW(window, WM_CLOSE, 0, 0);
        }
        wait_ms = AGAIN_MS;
    }
    return 0;
}

static int end_server(const char *stream, bool *ended)
{
    DWORD id = 0;
    HANDLE process;
    int result = find_server(stream, &id);

    if (result != 0) {
        return result;
    }
    if (id == 0) {
        HWND window = find_window(SUPERVISOR_WINDOW_CLASS, 0);

        if (window == NULL) {
            return 0;
        }
        GetWindowThreadProcessId(window, &id);
    }
    process = OpenProcess(SYNCHRONIZE, FALSE, id);
    if (process == NULL) {
        return ERR_DENIED;
    }
    result = end_process(process, id);
    CloseHandle(process);
    *ended |= result == 0;
    return result;
}

/* --- What runs the program -------------------------------------------------------------------- */

static bool runs_program(HANDLE process, const wchar_t *program)
{
    size_t len = wcslen(program);
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    DWORD size = PROGRAM_FILES_PATH_SIZE;

    return QueryFullProcessImageNameW(process, 0, path, &size) &&
           _wcsnicmp(path, program, len) == 0 &&
           (path[len] == L'\0' || program_files_is_aside(path + len));
}

/* The process if it runs the program, else NULL. */
static HANDLE open_if_runs(DWORD id, const wchar_t *program)
{
    HANDLE process = id != GetCurrentProcessId()
                         ? OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, id)
                         : NULL;

    if (process != NULL && !runs_program(process, program)) {
        CloseHandle(process);
        process = NULL;
    }
    return process;
}

/* Asks it if it has a window. A supervisor has none while its agent runs: it ends with that. */
static int ask(DWORD id)
{
    HWND window = find_window_of(id);

    if (window != NULL) {
        PostMessageW(window, WM_CLOSE, 0, 0);
    }
    return window != NULL || is_of_this_session(id) ? 0 : ERR_DENIED;
}

/* Asks all, and waits a moment for the last of them. */
static int ask_all(const wchar_t *program, bool *any)
{
    HANDLE list = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry = {.dwSize = sizeof entry};
    HANDLE last = NULL;
    int result = 0;

    if (list == INVALID_HANDLE_VALUE) {
        return ERR_IO;
    }
    for (BOOL more = Process32FirstW(list, &entry); more; more = Process32NextW(list, &entry)) {
        HANDLE process = open_if_runs(entry.th32ProcessID, program);

        if (process != NULL) {
            int error = ask(entry.th32ProcessID);

            result = result != 0 ? result : error;
            if (last != NULL) {
                CloseHandle(last);
            }
            last = process;
        }
    }
    CloseHandle(list);
    *any = last != NULL;
    if (last != NULL) {
        WaitForSingleObject(last, AGAIN_MS);
        CloseHandle(last);
    }
    return result;
}

static int end_program(const wchar_t *program, bool *ended)
{
    ULONGLONG until_ms = GetTickCount64() + END_LIMIT_MS;
    bool any = true;
    int result = 0;

    while (result == 0 && any) {
        any = false;
        result = ask_all(program, &any);
        *ended |= any;
        if (result == 0 && any && GetTickCount64() >= until_ms) {
            result = ERR_TIMEOUT;
        }
    }
    return result;
}

int agent_process_end(const char *stream, const wchar_t *program, bool *ended)
{
    int result;

    *ended = false;
    result = end_server(stream, ended);
    return result == 0 ? end_program(program, ended) : result;
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
