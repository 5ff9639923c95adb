#include "host-win/carried_program.h"

#include <windows.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

static int find(HMODULE module, unsigned number, const char **bytes, size_t *len)
{
    HRSRC found = FindResourceW(module, MAKEINTRESOURCEW(number), RT_RCDATA);
    HGLOBAL loaded = found != NULL ? LoadResource(module, found) : NULL;
    const char *start = loaded != NULL ? LockResource(loaded) : NULL;

    if (start == NULL) {
        return ERR_NOT_FOUND;
    }
    *bytes = start;
    *len = SizeofResource(module, found);
    return 0;
}

int carried_program_load(unsigned number, const char **bytes, size_t *len)
{
    return find(NULL, number, bytes, len);
}

int carried_program_copy_from(const wchar_t *path, unsigned number, char **bytes, size_t *len)
{
    HMODULE module =
        LoadLibraryExW(path, NULL, LOAD_LIBRARY_AS_DATAFILE | LOAD_LIBRARY_AS_IMAGE_RESOURCE);
    const char *start;
    char *copy;
    size_t size;
    int result = module != NULL ? find(module, number, &start, &size) : ERR_NOT_FOUND;

    if (result == 0) {
        copy = malloc(size + 1); /* malloc(0) may give nothing */
        if (copy == NULL) {
            result = ERR_NOMEM;
        } else {
            memcpy(copy, start, size);
            *bytes = copy;
            *len = size;
        }
    }
    if (module != NULL) {
        FreeLibrary(module);
    }
    return result;
}

void carried_program_hash(const char *bytes, size_t len, char hash[CARRIED_PROGRAM_HASH_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, (const unsigned char *)bytes, len);
    sodium_bin2hex(hash, CARRIED_PROGRAM_HASH_SIZE, digest, sizeof digest);
}
