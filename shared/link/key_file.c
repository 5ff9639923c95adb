#include "shared/link/key_file.h"

#include <stdio.h>

#include "shared/core/error.h"
#include "shared/link/key_file_os.h"

/* What to do about a key that is missing or no good. */
#define RENEW "`ttyferry.exe pair --renew` on Windows gives both sides a new one"
#define INSTALL                                                                                    \
    "`ttyferry.exe install` on Windows makes one for both sides; or, where every local program "   \
    "may be trusted, set \"link\": {\"auth\": \"none\"} in both configurations"

static int explain_read(const struct key_file *file, int error, char reason[KEY_FILE_REASON_SIZE])
{
    if (reason[0] != '\0') {
        return error;
    }
    if (error == ERR_NOT_FOUND) {
        snprintf(reason, KEY_FILE_REASON_SIZE, "there is no key at %s: " INSTALL, file->path);
    } else if (error == ERR_INVALID) {
        snprintf(reason, KEY_FILE_REASON_SIZE,
                 "the key file %s does not hold 64 hex digits and nothing else: " RENEW,
                 file->path);
    } else {
        snprintf(reason, KEY_FILE_REASON_SIZE, "the key file %s can't be read: %s", file->path,
                 error_text(error));
    }
    return error;
}

int key_file_read(const struct key_file *file, struct link_key *key,
                  char reason[KEY_FILE_REASON_SIZE])
{
    char content[KEY_FILE_CONTENT_MAX];
    size_t len = 0;
    int error;

    reason[0] = '\0';
    error = key_file_os_read(file, content, &len, reason);
    if (error == 0) {
        error = link_key_from_text(content, len, key);
    }
    link_key_wipe_text(content, sizeof content);
    return error == 0 ? 0 : explain_read(file, error, reason);
}

int key_file_read_for_handshake(const void *context, struct link_key *key,
                                char reason[HANDSHAKE_REASON_SIZE])
{
    return key_file_read(context, key, reason);
}

int key_file_write(const struct key_file *file, const struct link_key *key,
                   char reason[KEY_FILE_REASON_SIZE])
{
    char content[LINK_KEY_TEXT_SIZE];
    int error;

    reason[0] = '\0';
    link_key_to_text(key, content);
    content[LINK_KEY_TEXT_SIZE - 1] = '\n';
    error = key_file_os_write(file, content, sizeof content);
    link_key_wipe_text(content, sizeof content);
    if (error != 0) {
        snprintf(reason, KEY_FILE_REASON_SIZE, "the key file %s can't be written: %s", file->path,
                 error_text(error));
    }
    return error;
}
