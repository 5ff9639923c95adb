#include "shared/link/link_key.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "shared/core/error.h"

#define DIGITS (LINK_KEY_TEXT_SIZE - 1)

void link_key_generate(struct link_key *key)
{
    randombytes_buf(key->bytes, sizeof key->bytes);
}

static bool is_line_end(const char *text, size_t len)
{
    return len == 0 || (len == 1 && text[0] == '\n') || (len == 2 && memcmp(text, "\r\n", 2) == 0);
}

int link_key_from_text(const char *text, size_t len, struct link_key *key)
{
    struct link_key read;

    if (len < DIGITS || !is_line_end(text + DIGITS, len - DIGITS)) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < DIGITS; i++) {
        if (text[i] >= 'A' && text[i] <= 'F') {
            return ERR_INVALID; /* sodium_hex2bin takes them, and one key has one text. */
        }
    }
    if (sodium_hex2bin(read.bytes, sizeof read.bytes, text, DIGITS, NULL, NULL, NULL) != 0) {
        link_key_wipe(&read);
        return ERR_INVALID;
    }
    *key = read;
    link_key_wipe(&read);
    return 0;
}

void link_key_to_text(const struct link_key *key, char text[LINK_KEY_TEXT_SIZE])
{
    sodium_bin2hex(text, LINK_KEY_TEXT_SIZE, key->bytes, sizeof key->bytes);
}

void link_key_wipe(struct link_key *key)
{
    sodium_memzero(key->bytes, sizeof key->bytes);
}

void link_key_wipe_text(char *text, size_t size)
{
    sodium_memzero(text, size);
}
