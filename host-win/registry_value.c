#include "host-win/registry_value.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "shared/core/error.h"

#define TERMINATOR_SIZE (2 * sizeof(wchar_t))

static int error_from_status(LSTATUS status)
{
    switch (status) {
    case ERROR_SUCCESS:
        return 0;
    case ERROR_ACCESS_DENIED:
        return ERR_DENIED;
    case ERROR_FILE_NOT_FOUND:
        return ERR_NOT_FOUND;
    case ERROR_MORE_DATA:
        return ERR_BUSY; /* It grew between the asking and the reading. */
    default:
        return ERR_IO;
    }
}

static int read_from(HKEY key, const wchar_t *name, struct registry_value *value)
{
    unsigned char *bytes;
    DWORD type = REG_NONE;
    DWORD size = 0;
    LSTATUS status = RegQueryValueExW(key, name, NULL, NULL, NULL, &size);

    if (status != ERROR_SUCCESS) {
        return error_from_status(status);
    }
    if (size > REGISTRY_VALUE_MAX) {
        return ERR_TOO_LONG;
    }
    bytes = calloc(1, size + TERMINATOR_SIZE);
    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    status = RegQueryValueExW(key, name, NULL, &type, bytes, &size);
    if (status != ERROR_SUCCESS) {
        free(bytes);
        return error_from_status(status);
    }
    *value = (struct registry_value){.exists = true, .type = type, .bytes = bytes, .size = size};
    return 0;
}

int registry_value_read(const struct registry_place *place, struct registry_value *value)
{
    struct registry_value read = {.exists = false};
    HKEY key;
    int result = error_from_status(RegOpenKeyExW(place->root, place->key, 0, KEY_READ, &key));

    if (result == 0) {
        result = read_from(key, place->name, &read);
        RegCloseKey(key);
    }
    if (result != 0 && result != ERR_NOT_FOUND) {
        return result;
    }
    *value = read;
    return 0;
}

void registry_value_finish(struct registry_value *value)
{
    free(value->bytes);
    *value = (struct registry_value){.exists = false};
}

static int remove_value(const struct registry_place *place)
{
    HKEY key;
    int result = error_from_status(RegOpenKeyExW(place->root, place->key, 0, KEY_WRITE, &key));

    if (result == 0) {
        result = error_from_status(RegDeleteValueW(key, place->name));
        RegCloseKey(key);
    }
    return result == ERR_NOT_FOUND ? 0 : result;
}

int registry_value_write(const struct registry_place *place, const struct registry_value *value)
{
    HKEY key;
    int result;

    if (!value->exists) {
        return remove_value(place);
    }
    result = error_from_status(
        RegCreateKeyExW(place->root, place->key, 0, NULL, 0, KEY_WRITE, NULL, &key, NULL));
    if (result == 0) {
        result = error_from_status(
            RegSetValueExW(key, place->name, 0, value->type, value->bytes, value->size));
        RegCloseKey(key);
    }
    return result;
}

int registry_value_write_text(const struct registry_place *place, const wchar_t *text)
{
    struct registry_value value = {
        .exists = true,
        .type = REG_SZ,
        .bytes = (unsigned char *)(uintptr_t)text,
        .size = (DWORD)((wcslen(text) + 1) * sizeof(wchar_t)),
    };

    return registry_value_write(place, &value);
}
