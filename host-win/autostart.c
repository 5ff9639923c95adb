#include "host-win/autostart.h"

#include <stdio.h>
#include <wchar.h>

#include "shared/core/error.h"

#define COMMAND L"\"%ls\" agent --supervise"

struct registry_place autostart_place(HKEY root)
{
    return (struct registry_place){
        .root = root,
        .key = L"Software\\Microsoft\\Windows\\CurrentVersion\\Run",
        .name = L"ttyferry",
    };
}

int autostart_command(const wchar_t *program, wchar_t command[AUTOSTART_COMMAND_SIZE])
{
    if (wcslen(program) + wcslen(COMMAND) >= AUTOSTART_COMMAND_SIZE) {
        return ERR_TOO_LONG;
    }
    _snwprintf(command, AUTOSTART_COMMAND_SIZE, COMMAND, program);
    return 0;
}
