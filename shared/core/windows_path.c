#include "shared/core/windows_path.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

#define SEPARATORS "\\/"

static char lower_letter(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return c >= 'a' && c <= 'z' ? c : '\0';
}

static bool is_element(const char *element, size_t len)
{
    bool is_dots = (len == 1 || len == 2) && strspn(element, ".") >= len;

    return len > 0 && !is_dots;
}

bool windows_path_is_valid(const char *path)
{
    size_t len = strlen(path);

    /* The characters that no name on Windows may have. */
    if (len < 4 || len >= WINDOWS_PATH_SIZE || lower_letter(path[0]) == '\0' || path[1] != ':' ||
        strchr(SEPARATORS, path[2]) == NULL || text_has_control(path) ||
        strpbrk(path + 2, ":*?\"<>|") != NULL) {
        return false;
    }
    for (const char *element = path + 3;; element++) {
        size_t element_len = strcspn(element, SEPARATORS);

        if (!is_element(element, element_len)) {
            return false;
        }
        element += element_len;
        if (*element == '\0') {
            return true;
        }
    }
}

int windows_path_to_mount(const char *path, const char *mounts, char *mounted, size_t size)
{
    size_t mounts_len = strlen(mounts);
    char made[2 * WINDOWS_PATH_SIZE];
    int len;

    if (!windows_path_is_valid(path) || mounts[0] != '/' || text_has_control(mounts)) {
        return ERR_INVALID;
    }
    if (mounts_len >= WINDOWS_PATH_SIZE) {
        return ERR_TOO_LONG;
    }
    len = snprintf(made, sizeof made, "%s%s%c/%s", mounts, mounts[mounts_len - 1] == '/' ? "" : "/",
                   lower_letter(path[0]), path + 3);
    if (len < 0 || (size_t)len >= size) {
        return ERR_TOO_LONG;
    }
    for (char *c = made + mounts_len; *c != '\0'; c++) {
        *c = *c == '\\' ? '/' : *c;
    }
    memcpy(mounted, made, (size_t)len + 1);
    return 0;
}
