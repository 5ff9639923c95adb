#include "host-win/config_place.h"

#include <windows.h>

#include <string.h>

#include "host-win/wide.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define DEFAULT_TAIL "\\ttyferry\\config.json"

int config_place_default_path(char path[CONFIG_PLACE_PATH_SIZE])
{
    char whole[CONFIG_PLACE_PATH_SIZE];
    wchar_t folder[CONFIG_PLACE_PATH_SIZE];
    DWORD len = GetEnvironmentVariableW(L"LOCALAPPDATA", folder, CONFIG_PLACE_PATH_SIZE);

    if (len == 0) {
        return ERR_NOT_FOUND;
    }
    if (len >= CONFIG_PLACE_PATH_SIZE ||
        wide_to_utf8(folder, whole, sizeof whole - strlen(DEFAULT_TAIL)) != 0) {
        return ERR_TOO_LONG;
    }
    memcpy(whole + strlen(whole), DEFAULT_TAIL, sizeof DEFAULT_TAIL);
    return text_copy(path, CONFIG_PLACE_PATH_SIZE, whole);
}
