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
