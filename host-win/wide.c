#include "host-win/wide.h"

#include <windows.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

int wide_to_utf8(const wchar_t *wide, char *utf8, size_t size)
{
    char whole[3 * WIDE_TEXT_MAX]; /* a UTF-16 unit takes up to three bytes */
    size_t len = wcsnlen(wide, WIDE_TEXT_MAX - 1);
    int written = 0;

    if (len > 0) {
        written =
            WideCharToMultiByte(CP_UTF8, 0, wide, (int)len, whole, sizeof whole - 1, NULL, NULL);
    }
    whole[written] = '\0';
    if (text_copy(utf8, size, whole) != 0 || wide[len] != L'\0') {
        return ERR_TOO_LONG;
    }
    return 0;
}

int wide_from_utf8(const char *utf8, wchar_t *wide, size_t count)
{
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8, -1, wide, (int)count) > 0) {
        return 0;
    }
    wide[0] = L'\0';
    return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ERR_TOO_LONG : ERR_INVALID;
}
