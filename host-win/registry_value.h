/* One value of the registry as it stands there: its type and every byte, so that it can be put back
 * exactly. */
#ifndef TTYFERRY_HOST_WIN_REGISTRY_VALUE_H
#define TTYFERRY_HOST_WIN_REGISTRY_VALUE_H

#include <windows.h>

#include <stdbool.h>

/* More is refused: a PATH has at most 32,767 characters. */
#define REGISTRY_VALUE_MAX (128u * 1024)

struct registry_place {
    HKEY root;
    const wchar_t *key;
    const wchar_t *name;
};

struct registry_value {
    bool exists;
    DWORD type;
    unsigned char *bytes; /* owned; two zeros follow the last, so that a text always ends */
    DWORD size;
};

/* Reads it; one that is not there is `exists` false. registry_value_finish releases it. Returns 0,
 * ERR_NOMEM, ERR_DENIED, ERR_TOO_LONG or ERR_IO. */
int registry_value_read(const struct registry_place *place, struct registry_value *value);
void registry_value_finish(struct registry_value *value);

/* Makes the registry's value like `value`: removes it if that does not exist. A missing key is made
 * for one that does. Returns 0, ERR_DENIED or ERR_IO. */
int registry_value_write(const struct registry_place *place, const struct registry_value *value);

/* Writes a REG_SZ. Returns as registry_value_write. */
int registry_value_write_text(const struct registry_place *place, const wchar_t *text);

#endif
