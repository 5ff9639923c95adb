/* start_wsl and keep_alive, each combination that differs. */
#include "shared/core/wsl_need.h"

#include "tests/core/cases.h"

#define NEVER CONFIG_START_NEVER
#define ARRIVAL CONFIG_START_ON_ARRIVAL
#define ALWAYS CONFIG_START_ALWAYS
#define OFF CONFIG_KEEP_OFF
#define ATTACHED CONFIG_KEEP_ATTACHED
#define KEEP CONFIG_KEEP_ALWAYS

struct row {
    const char *name;
    struct wsl_facts facts; /* start, keep_alive, has_attached, has_wanted, has_reason, is_away */
    enum wsl_need need;
    bool may_start;
};

static const struct row rows[] = {
    {"defaults: nothing there",
     {NEVER, ATTACHED, false, false, true, false},
     WSL_NEED_NOTHING,
     false},
    {"defaults: a board waits",
     {NEVER, ATTACHED, false, true, true, false},
     WSL_NEED_NOTHING,
     false},
    {"defaults: a board is attached",
     {NEVER, ATTACHED, true, false, false, false},
     WSL_NEED_HOLD,
     false},
    {"defaults: one attached, one waits",
     {NEVER, ATTACHED, true, true, true, false},
     WSL_NEED_HOLD,
     false},
    {"keep off: a board is attached",
     {NEVER, OFF, true, false, false, false},
     WSL_NEED_NOTHING,
     false},
    {"keep always: nothing there", {NEVER, KEEP, false, false, false, false}, WSL_NEED_HOLD, false},
    {"on arrival: nothing there",
     {ARRIVAL, ATTACHED, false, false, true, false},
     WSL_NEED_NOTHING,
     false},
    {"on arrival: a board has come",
     {ARRIVAL, ATTACHED, false, true, true, false},
     WSL_NEED_HOLD,
     true},
    {"on arrival: it still waits",
     {ARRIVAL, ATTACHED, false, true, false, false},
     WSL_NEED_HOLD,
     true},
    {"on arrival: it is attached",
     {ARRIVAL, ATTACHED, true, false, false, false},
     WSL_NEED_HOLD,
     false},
    {"on arrival, keep off: a board has come",
     {ARRIVAL, OFF, false, true, true, false},
     WSL_NEED_START,
     true},
    {"on arrival, keep off: it still waits",
     {ARRIVAL, OFF, false, true, false, false},
     WSL_NEED_NOTHING,
     true},
    {"on arrival, keep always: nothing there",
     {ARRIVAL, KEEP, false, false, true, false},
     WSL_NEED_HOLD,
     false},
    {"always: nothing there, at the start",
     {ALWAYS, ATTACHED, false, false, true, false},
     WSL_NEED_START,
     true},
    {"always: nothing there, later",
     {ALWAYS, ATTACHED, false, false, false, false},
     WSL_NEED_NOTHING,
     true},
    {"always: a board waits", {ALWAYS, ATTACHED, false, true, false, false}, WSL_NEED_HOLD, true},
    {"always, keep off: a board is attached",
     {ALWAYS, OFF, true, false, false, false},
     WSL_NEED_NOTHING,
     true},
    {"away: a board has come",
     {ARRIVAL, ATTACHED, false, true, true, true},
     WSL_NEED_NOTHING,
     false},
    {"away: a board is attached",
     {ARRIVAL, ATTACHED, true, false, false, true},
     WSL_NEED_HOLD,
     false},
    {"away, always: nothing there, at the start",
     {ALWAYS, ATTACHED, false, false, true, true},
     WSL_NEED_NOTHING,
     false},
    {"always, keep always: nothing there",
     {ALWAYS, KEEP, false, false, false, false},
     WSL_NEED_HOLD,
     true},
};

static void check_row(void **state)
{
    const struct row *row = *state;

    assert_int_equal(wsl_need_decide(&row->facts), row->need);
    assert_int_equal(wsl_need_may_start(&row->facts), row->may_start);
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, rows, check_row);
    return cases_run("wsl_need", &cases);
}
