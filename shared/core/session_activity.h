/* Whether the session of Windows that an agent runs in is the one that somebody sits in front of:
 * with fast user switching several users' agents run, and only one of them has the boards. Pure. */
#ifndef TTYFERRY_CORE_SESSION_ACTIVITY_H
#define TTYFERRY_CORE_SESSION_ACTIVITY_H

#include <stdbool.h>
#include <stdint.h>

/* WTSGetActiveConsoleSessionId while no session has the console. */
#define SESSION_ACTIVITY_NO_CONSOLE UINT32_C(0xFFFFFFFF)

/* WTS_CONNECTSTATE_CLASS, as far as a session with a user knows it. */
enum session_connect_state {
    SESSION_CONNECT_ACTIVE = 0,
    SESSION_CONNECT_CONNECTED = 1,
    SESSION_CONNECT_SHADOW = 3,
    SESSION_CONNECT_DISCONNECTED = 4,
};

/* The wParam of WM_WTSSESSION_CHANGE. */
enum session_change {
    SESSION_CHANGE_CONSOLE_CONNECT = 1,
    SESSION_CHANGE_CONSOLE_DISCONNECT = 2,
    SESSION_CHANGE_REMOTE_CONNECT = 3,
    SESSION_CHANGE_REMOTE_DISCONNECT = 4,
};

/* What Windows has answered; what it has not is not known. */
struct session_facts {
    bool knows_own;
    uint32_t own;
    bool knows_console;
    uint32_t console;
    bool knows_state;
    uint32_t state; /* enum session_connect_state, or another of Windows' */
};

/* True for the session at the console, for a remote one while its client is connected, for session
 * 0 (services, which nobody switches away from), and where Windows does not say. */
bool session_activity_from_facts(const struct session_facts *facts);

/* The same after a change of the own session; a change that says nothing of it (a lock, a logon)
 * leaves it as it is. */
bool session_activity_after(bool is_active, uint32_t change);

#endif
