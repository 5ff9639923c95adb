#include "shared/cli/cli_output.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>

#include "shared/cli/cli_output_os.h"
#include "shared/core/error.h"

void cli_output_init(void)
{
    _setmode(_fileno(stdout), _O_BINARY);
}

/* EINVAL is how Microsoft's C library reports a pipe whose reader has gone. */
int cli_output_os_write(const char *bytes, size_t len)
{
    if (fwrite(bytes, 1, len, stdout) != len || fflush(stdout) != 0) {
        return errno == EPIPE || errno == EINVAL ? ERR_CLOSED : ERR_IO;
    }
    return 0;
}
