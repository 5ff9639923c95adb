#include "host-win/program_files.h"

#include <windows.h>

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"

#define ASIDE_MARK L".old-"
#define ASIDES_MAX 1000
#define NEW_MARK L".new"

static int error_from_windows(DWORD error)
{
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        return ERR_NOT_FOUND;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}

int program_files_join(const wchar_t *folder, const wchar_t *name,
                       wchar_t path[PROGRAM_FILES_PATH_SIZE])
{
    if (wcslen(folder) + wcslen(name) + 2 > PROGRAM_FILES_PATH_SIZE) {
        return ERR_TOO_LONG;
    }
    _snwprintf(path, PROGRAM_FILES_PATH_SIZE, L"%ls\\%ls", folder, name);
    return 0;
}

static bool exists(const wchar_t *path)
{
    return GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}

/* Cuts the last part off; false if there is none. */
static bool to_parent(wchar_t *path)
{
    wchar_t *last = wcsrchr(path, L'\\');

    if (last == NULL) {
        return false;
    }
    *last = L'\0';
    return true;
}

/* Folders and their depth are bounded by the length of a path. */
int program_files_make_folder(const wchar_t *folder, unsigned *made)
{
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    size_t len = wcslen(folder);
    int result = 0;

    *made = 0;
    if (len >= PROGRAM_FILES_PATH_SIZE) {
        return ERR_TOO_LONG;
    }
    for (size_t i = 3; i <= len && result == 0; i++) { /* behind the drive */
        if (folder[i] != L'\\' && folder[i] != L'\0') {
            continue;
        }
        wmemcpy(path, folder, i);
        path[i] = L'\0';
        if (CreateDirectoryW(path, NULL)) {
            (*made)++;
        } else if (GetLastError() != ERROR_ALREADY_EXISTS && !exists(path)) {
            result = error_from_windows(GetLastError());
        }
    }
    return result;
}

void program_files_remove_folders(const wchar_t *folder, unsigned count)
{
    wchar_t path[PROGRAM_FILES_PATH_SIZE];

    _snwprintf(path, PROGRAM_FILES_PATH_SIZE, L"%ls", folder);
    path[PROGRAM_FILES_PATH_SIZE - 1] = L'\0';
    for (unsigned i = 0; i < count && RemoveDirectoryW(path); i++) {
        if (!to_parent(path)) {
            return;
        }
    }
}

/* A name beside `path` that nobody has. */
static int find_aside(const wchar_t *path, wchar_t aside[PROGRAM_FILES_PATH_SIZE])
{
    if (wcslen(path) + wcslen(ASIDE_MARK) + 4 > PROGRAM_FILES_PATH_SIZE) {
        return ERR_TOO_LONG;
    }
    for (unsigned i = 0; i < ASIDES_MAX; i++) {
        _snwprintf(aside, PROGRAM_FILES_PATH_SIZE, L"%ls" ASIDE_MARK L"%u", path, i);
        if (!exists(aside)) {
            return 0;
        }
    }
    return ERR_EXISTS;
}

/* Where a file is written before it takes its place. */
static int find_fresh(const struct program_file *file, wchar_t fresh[PROGRAM_FILES_PATH_SIZE])
{
    if (wcslen(file->path) + wcslen(NEW_MARK) >= PROGRAM_FILES_PATH_SIZE) {
        return ERR_TOO_LONG;
    }
    _snwprintf(fresh, PROGRAM_FILES_PATH_SIZE, L"%ls" NEW_MARK, file->path);
    return 0;
}

/* Moves a whole file into its place, so that the place is never empty for longer than two renames
 * take. */
static int take_place(const wchar_t *fresh, struct program_file *file)
{
    int result = 0;

    if (exists(file->path)) {
        result = find_aside(file->path, file->aside);
        if (result == 0 && !MoveFileExW(file->path, file->aside, 0)) {
            result = error_from_windows(GetLastError());
        }
        if (result != 0) {
            file->aside[0] = L'\0';
            DeleteFileW(fresh);
            return result;
        }
    }
    file->is_placed = true;
    if (!MoveFileExW(fresh, file->path, MOVEFILE_REPLACE_EXISTING)) {
        result = error_from_windows(GetLastError());
        program_files_put_back(file);
        DeleteFileW(fresh);
    }
    return result;
}

int program_files_place(const wchar_t *source, const wchar_t *folder, const wchar_t *name,
                        struct program_file *file)
{
    wchar_t fresh[PROGRAM_FILES_PATH_SIZE];
    int result;

    memset(file, 0, sizeof *file);
    result = program_files_join(folder, name, file->path);
    if (result != 0 || _wcsicmp(source, file->path) == 0) {
        return result;
    }
    result = find_fresh(file, fresh);
    if (result != 0) {
        return result;
    }
    return CopyFileW(source, fresh, FALSE) ? take_place(fresh, file)
                                           : error_from_windows(GetLastError());
}

static int write_whole(const wchar_t *path, const char *bytes, size_t len)
{
    HANDLE file =
        CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    DWORD written = 0;
    int result = 0;

    if (file == INVALID_HANDLE_VALUE) {
        return error_from_windows(GetLastError());
    }
    if (!WriteFile(file, bytes, (DWORD)len, &written, NULL) || written != len) {
        result = ERR_IO;
    }
    CloseHandle(file);
    if (result != 0) {
        DeleteFileW(path);
    }
    return result;
}

int program_files_place_bytes(const char *bytes, size_t len, const wchar_t *folder,
                              const wchar_t *name, struct program_file *file)
{
    wchar_t fresh[PROGRAM_FILES_PATH_SIZE];
    int result;

    memset(file, 0, sizeof *file);
    result = program_files_join(folder, name, file->path);
    if (result == 0) {
        result = find_fresh(file, fresh);
    }
    if (result == 0) {
        result = write_whole(fresh, bytes, len);
    }
    return result == 0 ? take_place(fresh, file) : result;
}

int program_files_put_back(struct program_file *file)
{
    wchar_t unwanted[PROGRAM_FILES_PATH_SIZE];

    if (!file->is_placed) {
        return 0;
    }
    if (!DeleteFileW(file->path) && exists(file->path) &&
        (find_aside(file->path, unwanted) != 0 || !MoveFileExW(file->path, unwanted, 0))) {
        return error_from_windows(GetLastError());
    }
    if (file->aside[0] != L'\0' && !MoveFileExW(file->aside, file->path, 0)) {
        return error_from_windows(GetLastError());
    }
    file->is_placed = false;
    return 0;
}

int program_files_remove(const wchar_t *folder, const wchar_t *name)
{
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    wchar_t aside[PROGRAM_FILES_PATH_SIZE];
    int result = program_files_join(folder, name, path);

    if (result != 0 || DeleteFileW(path) || !exists(path)) {
        return result;
    }
    result = find_aside(path, aside);
    if (result == 0 && !MoveFileExW(path, aside, 0)) {
        result = error_from_windows(GetLastError());
    }
    return result;
}

bool program_files_is_aside(const wchar_t *tail)
{
    return wcsncmp(tail, ASIDE_MARK, wcslen(ASIDE_MARK)) == 0;
}

unsigned program_files_remove_asides(const wchar_t *folder)
{
    wchar_t pattern[PROGRAM_FILES_PATH_SIZE];
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    WIN32_FIND_DATAW found;
    unsigned left = 0;
    HANDLE search;

    if (program_files_join(folder, L"*" ASIDE_MARK L"*", pattern) != 0) {
        return 0;
    }
    search = FindFirstFileW(pattern, &found);
    if (search == INVALID_HANDLE_VALUE) {
        return 0;
    }
    do {
        if (program_files_join(folder, found.cFileName, path) == 0 && !DeleteFileW(path)) {
            left++;
        }
    } while (FindNextFileW(search, &found));
    FindClose(search);
    return left;
}
