#include "shared/link/link_error.h"

#include <uv.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

static const struct error_case {
    const char *name;
    int uv;
    int ours;
} error_cases[] = {
    {"link_error: success", 0, 0},
    {"link_error: a count is success", 17, 0},
    {"link_error: the end of the stream", UV_EOF, ERR_CLOSED},
    {"link_error: a reset", UV_ECONNRESET, ERR_CLOSED},
    {"link_error: a broken pipe", UV_EPIPE, ERR_CLOSED},
    {"link_error: nobody listens", UV_ECONNREFUSED, ERR_REFUSED},
    {"link_error: no route", UV_EHOSTUNREACH, ERR_UNREACHABLE},
    {"link_error: a firewall that drops", UV_ETIMEDOUT, ERR_TIMEOUT},
    {"link_error: the port is taken", UV_EADDRINUSE, ERR_EXISTS},
    {"link_error: no such file", UV_ENOENT, ERR_NOT_FOUND},
    {"link_error: forbidden", UV_EACCES, ERR_DENIED},
    {"link_error: not the owner", UV_EPERM, ERR_DENIED},
    {"link_error: closed here", UV_ECANCELED, ERR_CANCELLED},
    {"link_error: no memory", UV_ENOMEM, ERR_NOMEM},
    {"link_error: no buffers", UV_ENOBUFS, ERR_NOMEM},
    {"link_error: not on this system", UV_ENOTSUP, ERR_UNSUPPORTED},
    {"link_error: no room", UV_ENOSPC, ERR_FULL},
    {"link_error: read-only", UV_EROFS, ERR_DENIED},
    {"link_error: a folder", UV_EISDIR, ERR_IS_FOLDER},
    {"link_error: anything else", UV_EIO, ERR_IO},
};

static void run_error(void **state)
{
    const struct error_case *row = *state;

    assert_int_equal(link_error_from_uv(row->uv), row->ours);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, error_cases, run_error);
    return cases_run("link_error", &cases);
}
