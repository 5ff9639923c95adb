#include "host-win/wsl_bridge.h"

#include <windows.h>

#include <stdio.h>
#include <string.h>

#include "host-win/wide.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define PROGRAM_TAIL "\\wsl.exe"
#define GUEST_PROGRAM "/usr/local/bin/ttyferry"

static void refuse(char reason[BRIDGE_REASON_SIZE], const char *why)
{
    text_copy(reason, BRIDGE_REASON_SIZE, why);
}

/* Windows' own wsl.exe, wherever a user's PATH leads. */
static int find_program(char program[WSL_BRIDGE_PROGRAM_SIZE])
{
    wchar_t folder[WSL_BRIDGE_PROGRAM_SIZE];
    UINT len = GetSystemDirectoryW(folder, WSL_BRIDGE_PROGRAM_SIZE);

    if (len == 0 || len >= WSL_BRIDGE_PROGRAM_SIZE ||
        wide_to_utf8(folder, program, WSL_BRIDGE_PROGRAM_SIZE - strlen(PROGRAM_TAIL)) != 0) {
        return ERR_NOT_FOUND;
    }
    memcpy(program + strlen(program), PROGRAM_TAIL, sizeof PROGRAM_TAIL);
    return 0;
}

static int get_command(void *context, struct bridge_child_command *command,
                       char peer[EVENT_PEER_SIZE], char reason[BRIDGE_REASON_SIZE])
{
    struct wsl_bridge *bridge = context;
    const char *const arguments[] = {
        bridge->program,
        "-d",
        bridge->distribution,
        "-u",
        "root",
        "--cd",
        "/",
        "--exec",
        GUEST_PROGRAM,
        "agent",
        "--stdio",
    };

    if (bridge->distribution[0] == '\0') {
        refuse(reason, "no distribution is named in the configuration (\"wsl\")");
        return ERR_NOT_FOUND;
    }
    text_copy(peer, EVENT_PEER_SIZE, bridge->distribution);
    if (find_program(bridge->program) != 0) {
        refuse(reason, "Windows' system folder can't be found out");
        return ERR_NOT_FOUND;
    }
    memcpy(command->arguments, arguments, sizeof arguments);
    command->environment[0] = "WSL_UTF8=1";
    return 0;
}

struct guest_link_bridge wsl_bridge_init(struct wsl_bridge *bridge, const char *distribution)
{
    bridge->distribution = distribution;
    return (struct guest_link_bridge){.get_command = get_command, .context = bridge};
}
