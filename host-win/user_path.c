#include "host-win/user_path.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "shared/core/error.h"

/* A window that hangs may not hold us up for longer. */
#define ANNOUNCE_LIMIT_MS 1000

struct registry_place user_path_place(HKEY root)
{
    return (struct registry_place){.root = root, .key = L"Environment", .name = L"Path"};
}

static bool is_text(const struct registry_value *value)
{
    return value->type == REG_SZ || value->type == REG_EXPAND_SZ;
}

/* registry_value_read has put a terminator behind it. */
static wchar_t *text_of(struct registry_value *value)
{
    return (wchar_t *)(void *)value->bytes;
}

static size_t trimmed_len(const wchar_t *entry, size_t len)
{
    return len > 0 && entry[len - 1] == L'\\' ? len - 1 : len;
}

/* The last entry that is `folder`, or NULL; `*len` is its length. */
static wchar_t *find_entry(wchar_t *text, const wchar_t *folder, size_t *len)
{
    size_t folder_len = trimmed_len(folder, wcslen(folder));
    wchar_t *found = NULL;

    for (wchar_t *entry = text;; entry++) {
        size_t entry_len = wcscspn(entry, L";");

        if (trimmed_len(entry, entry_len) == folder_len &&
            _wcsnicmp(entry, folder, folder_len) == 0) {
            found = entry;
            *len = entry_len;
        }
        entry += entry_len;
        if (*entry == L'\0') {
            return found;
        }
    }
}

static int set_text(struct registry_value *value, wchar_t *text)
{
    free(value->bytes);
    value->bytes = (unsigned char *)text;
    value->size = (DWORD)((wcslen(text) + 1) * sizeof *text);
    return 0;
}

/* "A" becomes "A;folder", and "A;" becomes "A;folder;": either way one semicolon is ours. */
int user_path_add(struct registry_value *value, const wchar_t *folder, bool *is_changed)
{
    const wchar_t *old = L"";
    bool ends_open;
    wchar_t *text;
    size_t count;
    size_t found;

    *is_changed = false;
    if (value->exists) {
        if (!is_text(value)) {
            return ERR_INVALID;
        }
        if (find_entry(text_of(value), folder, &found) != NULL) {
            return 0;
        }
        old = text_of(value);
    }
    count = wcslen(old) + wcslen(folder) + 2;
    if (count * sizeof *text > REGISTRY_VALUE_MAX) {
        return ERR_TOO_LONG;
    }
    text = calloc(count, sizeof *text);
    if (text == NULL) {
        return ERR_NOMEM;
    }
    ends_open = old[0] != L'\0' && old[wcslen(old) - 1] == L';';
    _snwprintf(text, count, L"%ls%ls%ls%ls", old, old[0] == L'\0' || ends_open ? L"" : L";", folder,
               ends_open ? L";" : L"");
    if (!value->exists) {
        value->exists = true;
        value->type = REG_EXPAND_SZ;
    }
    *is_changed = true;
    return set_text(value, text);
}

int user_path_remove(struct registry_value *value, const wchar_t *folder, bool *is_changed)
{
    wchar_t *text = text_of(value);
    wchar_t *entry;
    wchar_t *behind;
    size_t len;

    *is_changed = false;
    if (!value->exists) {
        return 0;
    }
    if (!is_text(value)) {
        return ERR_INVALID;
    }
    entry = find_entry(text, folder, &len);
    if (entry == NULL) {
        return 0;
    }
    behind = entry + len;
    if (*behind == L';') {
        behind++;
    } else if (entry > text) {
        entry--;
    }
    memmove(entry, behind, (wcslen(behind) + 1) * sizeof *entry);
    value->size = (DWORD)((wcslen(text) + 1) * sizeof *text);
    *is_changed = true;
    return 0;
}

void user_path_announce(void)
{
    SendMessageTimeoutW(HWND_BROADCAST, WM_SETTINGCHANGE, 0, (LPARAM)L"Environment",
                        SMTO_ABORTIFHUNG, ANNOUNCE_LIMIT_MS, NULL);
}
