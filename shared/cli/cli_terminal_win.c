#include "shared/cli/cli_terminal.h"

#include <windows.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/cli/cli_output.h"
#include "shared/core/error.h"

static HANDLE console(void)
{
    return GetStdHandle(STD_OUTPUT_HANDLE);
}

/* The mode is the console's own and not this program's alone, but nothing that runs in it later is
 * hurt by its understanding escapes. Before Windows 10 there is no such mode. */
bool cli_terminal_start(bool *takes_escapes)
{
    DWORD mode;

    *takes_escapes = false;
    if (!GetConsoleMode(console(), &mode)) {
        return false;
    }
    *takes_escapes = SetConsoleMode(console(), mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
    return true;
}

bool cli_terminal_size(size_t *width, size_t *height)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    int columns;
    int lines;

    if (!GetConsoleScreenBufferInfo(console(), &info)) {
        return false;
    }
    columns = info.srWindow.Right - info.srWindow.Left + 1;
    lines = info.srWindow.Bottom - info.srWindow.Top + 1;
    *width = columns > 0 ? (size_t)columns : 0;
    *height = lines > 0 ? (size_t)lines : 0;
    return true;
}

/* libuv's SIGHUP is the console window that is closed. */
const int cli_terminal_end_signals[] = {SIGINT, SIGTERM, SIGHUP, 0};

const int cli_terminal_suspend_signal = 0;

void cli_terminal_stop(void)
{
    /* Nobody suspends a program of Windows from its console. */
}

/* A console takes bytes in a code page of its own, so that it gets UTF-16; what is no console gets
 * the UTF-8. */
int cli_terminal_put(const char *text)
{
    int len = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    DWORD mode;
    DWORD written;
    wchar_t *wide;
    BOOL is_written;

    if (!GetConsoleMode(console(), &mode)) {
        return cli_output_text(text);
    }
    wide = len > 0 ? malloc((size_t)len * sizeof *wide) : NULL;
    if (wide == NULL) {
        return ERR_NOMEM;
    }
    MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, len);
    is_written = WriteConsoleW(console(), wide, (DWORD)len - 1, &written, NULL);
    free(wide);
    return is_written ? 0 : ERR_IO;
}
