#include "host-win/config_file.h"

#include <windows.h>

#include <stdlib.h>
#include <string.h>

#include "host-win/wide.h"
#include "shared/core/error.h"

#define DEFAULT_TAIL "\\ttyferry\\config.json"

static const char byte_order_mark[] = "\xef\xbb\xbf";

int config_file_default_path(char path[CONFIG_FILE_PATH_SIZE])
{
    char whole[CONFIG_FILE_PATH_SIZE];
    wchar_t folder[CONFIG_FILE_PATH_SIZE];
    DWORD len = GetEnvironmentVariableW(L"LOCALAPPDATA", folder, CONFIG_FILE_PATH_SIZE);

    if (len == 0) {
        return ERR_NOT_FOUND;
    }
    if (len >= CONFIG_FILE_PATH_SIZE ||
        wide_to_utf8(folder, whole, sizeof whole - strlen(DEFAULT_TAIL)) != 0) {
        return ERR_TOO_LONG;
    }
    strcat(whole, DEFAULT_TAIL);
    memcpy(path, whole, strlen(whole) + 1);
    return 0;
}

static int error_from_windows(DWORD error)
{
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
        return ERR_NOT_FOUND;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}

/* Reads up to `size` bytes. Returns how many, or a negative error. */
static long read_all(HANDLE file, char *bytes, DWORD size)
{
    DWORD len = 0;
    DWORD got = 0;

    do {
        if (!ReadFile(file, bytes + len, size - len, &got, NULL)) {
            return error_from_windows(GetLastError());
        }
        len += got;
    } while (got > 0 && len < size);
    return (long)len;
}

static int read_from(HANDLE file, struct config *config, char reason[CONFIG_REASON_SIZE])
{
    const size_t mark_len = strlen(byte_order_mark);
    /* One byte more than is allowed tells a file that is too long. */
    char *text = malloc(CONFIG_TEXT_MAX + 1);
    size_t skip = 0;
    int error;
    long len;

    if (text == NULL) {
        return ERR_NOMEM;
    }
    len = read_all(file, text, CONFIG_TEXT_MAX + 1);
    if (len < 0) {
        error = (int)len;
    } else if ((size_t)len > CONFIG_TEXT_MAX) {
        error = ERR_TOO_LONG;
    } else {
        if ((size_t)len >= mark_len && memcmp(text, byte_order_mark, mark_len) == 0) {
            skip = mark_len;
        }
        error = config_from_text(text + skip, (size_t)len - skip, config, reason);
    }
    free(text);
    return error;
}

int config_file_read(const char *path, struct config *config, char reason[CONFIG_REASON_SIZE])
{
    wchar_t wide[CONFIG_FILE_PATH_SIZE];
    HANDLE file;
    int error = wide_from_utf8(path, wide, CONFIG_FILE_PATH_SIZE);

    reason[0] = '\0';
    if (error != 0) {
        return error;
    }
    file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                       NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return error_from_windows(GetLastError());
    }
    error = read_from(file, config, reason);
    CloseHandle(file);
    return error;
}
