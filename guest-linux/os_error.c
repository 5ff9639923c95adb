#include "guest-linux/os_error.h"

#include <errno.h>
#include <stddef.h>

#include "shared/core/error.h"

static const struct {
    int number;
    int error;
} rows[] = {
    {ENOMEM, ERR_NOMEM},
    {EINVAL, ERR_INVALID},
    {ENOENT, ERR_NOT_FOUND},
    {ENOTDIR, ERR_NOT_FOUND},
    {ENODEV, ERR_NOT_FOUND},
    {ENXIO, ERR_NOT_FOUND},
    {EISDIR, ERR_IS_FOLDER},
    {EEXIST, ERR_EXISTS},
    {EADDRINUSE, ERR_EXISTS},
    {ENOSPC, ERR_FULL},
    {EDQUOT, ERR_FULL},
    {EBUSY, ERR_BUSY},
    {EAGAIN, ERR_BUSY},
    {EACCES, ERR_DENIED},
    {EPERM, ERR_DENIED},
    {EROFS, ERR_DENIED},
    {ETIMEDOUT, ERR_TIMEOUT},
    {ECONNRESET, ERR_CLOSED},
    {EPIPE, ERR_CLOSED},
    {ECONNREFUSED, ERR_REFUSED},
    {ENETUNREACH, ERR_UNREACHABLE},
    {EHOSTUNREACH, ERR_UNREACHABLE},
    {ENETDOWN, ERR_UNREACHABLE},
    {ENOSYS, ERR_UNSUPPORTED},
    {EOPNOTSUPP, ERR_UNSUPPORTED},
    {ELOOP, ERR_INVALID},
    {ENAMETOOLONG, ERR_TOO_LONG},
};

int os_error_from_errno(int number)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].number == number)
            return rows[i].error;
    return ERR_IO;
}
