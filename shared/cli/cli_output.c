#include "shared/cli/cli_output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_output_os.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define MESSAGE_SIZE 2048

int cli_output_bytes(const char *bytes, size_t len)
{
    int result = 0;

    for (size_t done = 0; done < len && result == 0; done += CLI_OUTPUT_PART_MAX) {
        size_t left = len - done;

        result = cli_output_os_write(bytes + done,
                                     left < CLI_OUTPUT_PART_MAX ? left : CLI_OUTPUT_PART_MAX);
    }
    return result;
}

int cli_output_text(const char *text)
{
    return cli_output_bytes(text, strlen(text));
}

/* The last part has the LF: several programs may write short lines to one pipe, each at once. */
int cli_output_line(const char *line, size_t len)
{
    char last[CLI_OUTPUT_PART_MAX];
    size_t last_len = len % sizeof last;
    int result = cli_output_bytes(line, len - last_len);

    if (result != 0) {
        return result;
    }
    memcpy(last, line + len - last_len, last_len);
    last[last_len] = '\n';
    return cli_output_os_write(last, last_len + 1);
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
