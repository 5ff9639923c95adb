#include "shared/cli/cli_terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/cli/cli_output.h"

bool cli_terminal_start(bool *takes_escapes)
{
    const char *term = getenv("TERM");

    *takes_escapes = term && term[0] != '\0' && strcmp(term, "dumb") != 0;
    return isatty(STDOUT_FILENO) != 0;
}

bool cli_terminal_size(size_t *width, size_t *height)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return false;
    }
    *width = size.ws_col;
    *height = size.ws_row;
    return true;
}

const int cli_terminal_end_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0};

const int cli_terminal_suspend_signal = SIGTSTP;

/* Whoever catches SIGTSTP, as the loop does, has to stop by the other one, which can't be caught.
 */
void cli_terminal_stop(void)
{
    (void)raise(SIGSTOP);
}

int cli_terminal_put(const char *text)
{
    return cli_output_text(text);
}
