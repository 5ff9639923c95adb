#include "host-win/session.h"

#include <windows.h>

#include <wtsapi32.h>

#include "shared/core/session_activity.h"

static bool ask_state(uint32_t *state)
{
    WCHAR *answer = NULL;
    DWORD size = 0;
    bool is_known = WTSQuerySessionInformationW(WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION,
                                                WTSConnectState, &answer, &size) &&
                    answer != NULL && size >= sizeof(WTS_CONNECTSTATE_CLASS);

    if (is_known) {
        *state = (uint32_t) * (const WTS_CONNECTSTATE_CLASS *)(const void *)answer;
    }
    if (answer != NULL) {
        WTSFreeMemory(answer);
    }
    return is_known;
}

bool session_is_active(void)
{
    struct session_facts facts = {
        .knows_console = true,
        .console = WTSGetActiveConsoleSessionId(),
    };
    DWORD own = 0;

    facts.knows_own = ProcessIdToSessionId(GetCurrentProcessId(), &own);
    facts.own = own;
    facts.knows_state = ask_state(&facts.state);
    return session_activity_from_facts(&facts);
}
