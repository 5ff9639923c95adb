#include "host-win/config_place.h"

#include <windows.h>

#include <string.h>

#include "host-win/wide.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define CONFIG_TAIL "\\ttyferry\\config.json"
#define LOG_TAIL "\\ttyferry\\agent.log"

static int find(const char *tail, char path[CONFIG_PLACE_PATH_SIZE])
{
    char whole[CONFIG_PLACE_PATH_SIZE];
    wchar_t folder[CONFIG_PLACE_PATH_SIZE];
    DWORD len = GetEnvironmentVariableW(L"LOCALAPPDATA", folder, CONFIG_PLACE_PATH_SIZE);

    if (len == 0) {
        return ERR_NOT_FOUND;
    }
    if (len >= CONFIG_PLACE_PATH_SIZE ||
        wide_to_utf8(folder, whole, sizeof whole - strlen(tail)) != 0) {
        return ERR_TOO_LONG;
    }
    memcpy(whole + strlen(whole), tail, strlen(tail) + 1);
    return text_copy(path, CONFIG_PLACE_PATH_SIZE, whole);
}

int config_place_default_path(char path[CONFIG_PLACE_PATH_SIZE])
{
    return find(CONFIG_TAIL, path);
}

int config_place_log_path(char path[CONFIG_PLACE_PATH_SIZE])
{
    return find(LOG_TAIL, path);
}
