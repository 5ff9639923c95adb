#include "host-win/install_places.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "host-win/wide.h"
#include "shared/core/error.h"

#define STATE_NAME L"install.json"
#define NEW_NAME L"install.new"

static int join_utf8(const wchar_t *folder, const wchar_t *name,
                     char path[INSTALL_PLACES_PATH_SIZE])
{
    wchar_t wide[PROGRAM_FILES_PATH_SIZE];
    int result = program_files_join(folder, name, wide);

    return result == 0 ? wide_to_utf8(wide, path, INSTALL_PLACES_PATH_SIZE) : result;
}

static int find_source(wchar_t path[PROGRAM_FILES_PATH_SIZE])
{
    DWORD len = GetModuleFileNameW(NULL, path, PROGRAM_FILES_PATH_SIZE);

    return len > 0 && len < PROGRAM_FILES_PATH_SIZE ? 0 : ERR_TOO_LONG;
}

int install_places_find(struct install_places *places)
{
    wchar_t local[PROGRAM_FILES_PATH_SIZE];
    DWORD len = GetEnvironmentVariableW(L"LOCALAPPDATA", local, PROGRAM_FILES_PATH_SIZE);
    int result;

    memset(places, 0, sizeof *places);
    places->root = HKEY_CURRENT_USER;
    if (len == 0) {
        return ERR_NOT_FOUND;
    }
    if (len >= PROGRAM_FILES_PATH_SIZE) {
        return ERR_TOO_LONG;
    }
    result = program_files_join(local, L"Programs\\ttyferry", places->program_folder);
    if (result == 0) {
        result = program_files_join(local, L"ttyferry", places->data_folder);
    }
    if (result == 0) {
        result = find_source(places->source);
    }
    if (result == 0) {
        result = join_utf8(places->program_folder, L"ttyferry.exe", places->program);
    }
    if (result == 0) {
        result = join_utf8(places->data_folder, L"config.json", places->config);
    }
    if (result == 0) {
        result = join_utf8(places->data_folder, L"key", places->key);
    }
    if (result == 0) {
        result = join_utf8(places->data_folder, L"agent.log", places->log);
    }
    return result == 0 ? wsl_program_path(places->wsl) : result;
}

int install_places_read_file(const struct install_places *places, const wchar_t *name, char *text,
                             size_t size, size_t *len)
{
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    LARGE_INTEGER whole = {.QuadPart = 0};
    DWORD got = 0;
    HANDLE file;
    int result = program_files_join(places->data_folder, name, path);

    if (result != 0) {
        return result;
    }
    file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return GetLastError() == ERROR_FILE_NOT_FOUND || GetLastError() == ERROR_PATH_NOT_FOUND
                   ? ERR_NOT_FOUND
                   : ERR_IO;
    }
    if (!GetFileSizeEx(file, &whole) || !ReadFile(file, text, (DWORD)size, &got, NULL)) {
        result = ERR_IO;
    } else if (whole.QuadPart > (LONGLONG)size) {
        result = ERR_TOO_LONG;
    }
    CloseHandle(file);
    *len = got;
    return result;
}

int install_places_read_state(const struct install_places *places, struct install_state *state)
{
    char text[INSTALL_STATE_TEXT_MAX];
    size_t len;
    int result = install_places_read_file(places, STATE_NAME, text, sizeof text, &len);

    return result == 0 ? install_state_from_text(text, len, state) : result;
}

int install_places_write_file(const struct install_places *places, const wchar_t *name,
                              const char *text, size_t len)
{
    wchar_t fresh[PROGRAM_FILES_PATH_SIZE];
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    DWORD written = 0;
    HANDLE file;
    BOOL is_whole;
    int result = program_files_join(places->data_folder, name, path);

    if (result == 0) {
        result = program_files_join(places->data_folder, NEW_NAME, fresh);
    }
    if (result != 0) {
        return result;
    }
    file = CreateFileW(fresh, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return GetLastError() == ERROR_ACCESS_DENIED ? ERR_DENIED : ERR_IO;
    }
    is_whole = WriteFile(file, text, (DWORD)len, &written, NULL) && written == len;
    CloseHandle(file);
    if (!is_whole || !MoveFileExW(fresh, path, MOVEFILE_REPLACE_EXISTING)) {
        DeleteFileW(fresh);
        return ERR_IO;
    }
    return 0;
}

int install_places_write_state(const struct install_places *places,
                               const struct install_state *state)
{
    char *text;
    size_t len;
    int result = install_state_to_text(state, &text, &len);

    if (result == 0) {
        result = install_places_write_file(places, STATE_NAME, text, len);
        free(text);
    }
    return result;
}
