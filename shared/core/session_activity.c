#include "shared/core/session_activity.h"

bool session_activity_from_facts(const struct session_facts *facts)
{
    if (!facts->knows_own || facts->own == 0) {
        return true;
    }
    if (facts->knows_console && facts->console == facts->own) {
        return true;
    }
    if (facts->knows_state) {
        return facts->state == SESSION_CONNECT_ACTIVE ||
               facts->state == SESSION_CONNECT_CONNECTED || facts->state == SESSION_CONNECT_SHADOW;
    }
    /* Somebody else at the console, and nothing that says ours is a remote one: switched away. */
    return !facts->knows_console || facts->console == SESSION_ACTIVITY_NO_CONSOLE;
}

bool session_activity_after(bool is_active, uint32_t change)
{
    switch (change) {
    case SESSION_CHANGE_CONSOLE_CONNECT:
    case SESSION_CHANGE_REMOTE_CONNECT:
        return true;
    case SESSION_CHANGE_CONSOLE_DISCONNECT:
    case SESSION_CHANGE_REMOTE_DISCONNECT:
        return false;
    default:
        return is_active;
    }
}
