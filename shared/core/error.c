#include "shared/core/error.h"

#include <stddef.h>

struct words {
    const char *name;
    const char *text;
};

/* Indexed by the negated code. */
static const struct words all_words[] = {
    [0] = {"ok", "no error"},
    [-ERR_NOMEM] = {"out_of_memory", "memory is exhausted"},
    [-ERR_INVALID] = {"invalid", "malformed input"},
    [-ERR_TOO_LONG] = {"too_long", "too long"},
    [-ERR_VERSION] = {"version", "another protocol version"},
    [-ERR_AUTH] = {"auth", "not authenticated"},
    [-ERR_NOT_FOUND] = {"not_found", "not found"},
    [-ERR_EXISTS] = {"exists", "exists already"},
    [-ERR_BUSY] = {"busy", "in use"},
    [-ERR_DENIED] = {"denied", "permission denied"},
    [-ERR_TIMEOUT] = {"timed_out", "timed out"},
    [-ERR_CLOSED] = {"closed", "closed by the peer"},
    [-ERR_REFUSED] = {"refused", "connection refused"},
    [-ERR_UNREACHABLE] = {"unreachable", "unreachable"},
    [-ERR_IO] = {"io", "the operating system failed"},
    [-ERR_UNSUPPORTED] = {"unsupported", "not supported here"},
    [-ERR_FULL] = {"full", "full"},
    [-ERR_CANCELLED] = {"cancelled", "cancelled"},
    [-ERR_IS_FOLDER] = {"is_folder", "it is a folder, and not a file"},
};

static const struct words unknown_words = {"unknown", "unknown error"};

static const struct words *find_words(int error)
{
    int count = (int)(sizeof all_words / sizeof all_words[0]);
    if (error > 0 || error <= -count) {
        return &unknown_words;
    }
    return &all_words[-error];
}

const char *error_name(int error)
{
    return find_words(error)->name;
}

const char *error_text(int error)
{
    return find_words(error)->text;
}
