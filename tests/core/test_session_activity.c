/* Who keeps off: every combination of what Windows says of a session that differs. */
#include "shared/core/session_activity.h"

#include "tests/core/cases.h"

#define NONE SESSION_ACTIVITY_NO_CONSOLE
#define ACTIVE SESSION_CONNECT_ACTIVE
#define GONE SESSION_CONNECT_DISCONNECTED
#define STATE_INIT 9u

struct facts_row {
    const char *name;
    struct session_facts facts; /* knows_own, own, knows_console, console, knows_state, state */
    bool is_active;
};

static const struct facts_row facts_rows[] = {
    {"at the console", {true, 1, true, 1, true, ACTIVE}, true},
    {"at the console, the state unknown", {true, 1, true, 1, false, 0}, true},
    {"at the console, while it is being connected", {true, 2, true, 2, true, STATE_INIT}, true},
    {"switched away", {true, 1, true, 2, true, GONE}, false},
    {"switched away, the state unknown", {true, 1, true, 2, false, 0}, false},
    {"nobody at the console, ours disconnected", {true, 1, true, NONE, true, GONE}, false},
    {"nobody at the console, the state unknown", {true, 1, true, NONE, false, 0}, true},
    {"remote, its client connected", {true, 3, true, 1, true, ACTIVE}, true},
    {"remote, its client connecting", {true, 3, true, 1, true, SESSION_CONNECT_CONNECTED}, true},
    {"remote, shadowed", {true, 3, true, 1, true, SESSION_CONNECT_SHADOW}, true},
    {"remote, its client gone", {true, 3, true, 1, true, GONE}, false},
    {"a state that is none of ours", {true, 3, true, 1, true, 99}, false},
    {"session 0", {true, 0, true, 1, true, GONE}, true},
    {"the own session unknown", {false, 0, true, 1, true, GONE}, true},
    {"the console unknown, ours active", {true, 1, false, 0, true, ACTIVE}, true},
    {"the console unknown, ours disconnected", {true, 1, false, 0, true, GONE}, false},
    {"nothing but the own session known", {true, 1, false, 0, false, 0}, true},
    {"nothing known", {false, 0, false, 0, false, 0}, true},
};

struct change_row {
    const char *name;
    uint32_t change;
    bool was_active;
    bool is_active;
};

static const struct change_row change_rows[] = {
    {"console connected", SESSION_CHANGE_CONSOLE_CONNECT, false, true},
    {"console connected again", SESSION_CHANGE_CONSOLE_CONNECT, true, true},
    {"console disconnected", SESSION_CHANGE_CONSOLE_DISCONNECT, true, false},
    {"console disconnected again", SESSION_CHANGE_CONSOLE_DISCONNECT, false, false},
    {"client connected", SESSION_CHANGE_REMOTE_CONNECT, false, true},
    {"client disconnected", SESSION_CHANGE_REMOTE_DISCONNECT, true, false},
    {"logon, active", 5, true, true},
    {"logoff, inactive", 6, false, false},
    {"lock, active", 7, true, true},
    {"unlock, inactive", 8, false, false},
    {"no change of Windows'", 0, true, true},
    {"one of a later Windows", 0xFFFFFFFF, false, false},
};

static void check_facts(void **state)
{
    const struct facts_row *row = *state;

    assert_int_equal(session_activity_from_facts(&row->facts), row->is_active);
}

static void check_change(void **state)
{
    const struct change_row *row = *state;

    assert_int_equal(session_activity_after(row->was_active, row->change), row->is_active);
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, facts_rows, check_facts);
    CASES_ADD(&cases, change_rows, check_change);
    return cases_run("session_activity", &cases);
}
