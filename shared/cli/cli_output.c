#include "shared/cli/cli_output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/cli/cli.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define MESSAGE_SIZE 2048

/* EINVAL is how Microsoft's C library reports a pipe whose reader has gone. */
static int error_from_errno(void)
{
    return errno == EPIPE || errno == EINVAL ? ERR_CLOSED : ERR_IO;
}

int cli_output_bytes(const char *bytes, size_t len)
{
    if (fwrite(bytes, 1, len, stdout) != len || fflush(stdout) != 0) {
        return error_from_errno();
    }
    return 0;
}

int cli_output_text(const char *text)
{
    return cli_output_bytes(text, strlen(text));
}

int cli_output_line(const char *line, size_t len)
{
    if (fwrite(line, 1, len, stdout) != len) {
        return error_from_errno();
    }
    return cli_output_bytes("\n", 1);
}

void cli_output_error(const char *verb, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    char escaped[2 * MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "ttyferry%s%s: %s\n", verb ? " " : "", verb ? verb : "",
            text_escape(escaped, sizeof escaped, message));
}

int cli_output_conclude(const char *verb, int result)
{
    if (result == 0) {
        return CLI_DONE;
    }
    cli_output_error(verb, "cannot write to stdout: %s", error_text(result));
    return CLI_FAILED;
}
