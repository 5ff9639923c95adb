#include "shared/core/error.h"

#include <stddef.h>

/* Indexed by the negated code. */
static const char *const texts[] = {
    [0] = "no error",
    [-ERR_NOMEM] = "memory is exhausted",
    [-ERR_INVALID] = "malformed input",
    [-ERR_TOO_LONG] = "too long",
    [-ERR_VERSION] = "another protocol version",
    [-ERR_AUTH] = "not authenticated",
    [-ERR_NOT_FOUND] = "not found",
    [-ERR_EXISTS] = "exists already",
    [-ERR_BUSY] = "in use",
    [-ERR_DENIED] = "permission denied",
    [-ERR_TIMEOUT] = "timed out",
    [-ERR_CLOSED] = "closed by the peer",
    [-ERR_REFUSED] = "connection refused",
    [-ERR_UNREACHABLE] = "unreachable",
    [-ERR_IO] = "the operating system failed",
    [-ERR_UNSUPPORTED] = "not supported here",
    [-ERR_FULL] = "full",
    [-ERR_CANCELLED] = "cancelled",
    [-ERR_IS_FOLDER] = "it is a folder, and not a file",
};

const char *error_text(int error)
{
    int count = (int)(sizeof texts / sizeof texts[0]);

    return error > 0 || error <= -count ? "unknown error" : texts[-error];
}
