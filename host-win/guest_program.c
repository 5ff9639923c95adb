#include "host-win/guest_program.h"

#include <windows.h>

#include <sodium.h>

#include "shared/core/error.h"

int guest_program_load(const char **bytes, size_t *len)
{
    HRSRC found = FindResourceW(NULL, MAKEINTRESOURCEW(GUEST_PROGRAM_RESOURCE), RT_RCDATA);
    HGLOBAL loaded = found != NULL ? LoadResource(NULL, found) : NULL;
    const char *start = loaded != NULL ? LockResource(loaded) : NULL;

    if (start == NULL) {
        return ERR_NOT_FOUND;
    }
    *bytes = start;
    *len = SizeofResource(NULL, found);
    return 0;
}

void guest_program_hash(const char *bytes, size_t len, char hash[GUEST_PROGRAM_HASH_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, (const unsigned char *)bytes, len);
    sodium_bin2hex(hash, GUEST_PROGRAM_HASH_SIZE, digest, sizeof digest);
}
