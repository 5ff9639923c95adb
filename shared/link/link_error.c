#include "shared/link/link_error.h"

#include <stddef.h>
#include <uv.h>

#include "shared/core/error.h"

struct translation {
    int uv;
    int ours;
};

static const struct translation translations[] = {
    {UV_EOF, ERR_CLOSED},
    {UV_EPIPE, ERR_CLOSED},
    {UV_ECONNRESET, ERR_CLOSED},
    {UV_ECONNABORTED, ERR_CLOSED},
    {UV_ENOTCONN, ERR_CLOSED},
    {UV_ESHUTDOWN, ERR_CLOSED},
    {UV_ECONNREFUSED, ERR_REFUSED},
    {UV_ENETUNREACH, ERR_UNREACHABLE},
    {UV_EHOSTUNREACH, ERR_UNREACHABLE},
    {UV_EADDRNOTAVAIL, ERR_UNREACHABLE},
    {UV_ETIMEDOUT, ERR_TIMEOUT},
    {UV_ECANCELED, ERR_CANCELLED},
    {UV_EADDRINUSE, ERR_EXISTS},
    {UV_EEXIST, ERR_EXISTS},
    {UV_EBUSY, ERR_BUSY},
    {UV_EAGAIN, ERR_BUSY},
    {UV_EACCES, ERR_DENIED},
    {UV_EPERM, ERR_DENIED},
    {UV_ENOENT, ERR_NOT_FOUND},
    {UV_ENOTDIR, ERR_NOT_FOUND},
    {UV_ENODEV, ERR_NOT_FOUND},
    {UV_ENXIO, ERR_NOT_FOUND},
    {UV_EISDIR, ERR_IS_FOLDER},
    {UV_EINVAL, ERR_INVALID},
    {UV_ENAMETOOLONG, ERR_TOO_LONG},
    {UV_E2BIG, ERR_TOO_LONG},
    {UV_ENOMEM, ERR_NOMEM},
    {UV_ENOSPC, ERR_FULL},
    {UV_EROFS, ERR_DENIED},
    {UV_ENOBUFS, ERR_NOMEM},
    {UV_ENOTSUP, ERR_UNSUPPORTED},
    {UV_ENOSYS, ERR_UNSUPPORTED},
    {UV_EAFNOSUPPORT, ERR_UNSUPPORTED},
};

int link_error_from_uv(int uv_status)
{
    if (uv_status >= 0)
        return 0;
    for (size_t i = 0; i < sizeof translations / sizeof translations[0]; i++) {
        if (translations[i].uv == uv_status)
            return translations[i].ours;
    }
    return ERR_IO;
}
