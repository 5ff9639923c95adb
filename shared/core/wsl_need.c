#include "shared/core/wsl_need.h"

bool wsl_need_may_start(const struct wsl_facts *facts)
{
    return !facts->is_away && (facts->start == CONFIG_START_ALWAYS ||
                               (facts->start == CONFIG_START_ON_ARRIVAL && facts->has_wanted));
}

/* WSL ends a distribution 15 s after its last session: one that was started for a board is held
 * until the board is attached, unless it shall not be kept at all. */
static bool is_held(const struct wsl_facts *facts)
{
    switch (facts->keep_alive) {
    case CONFIG_KEEP_ALWAYS:
        return true;
    case CONFIG_KEEP_ATTACHED:
        return facts->has_attached || (facts->has_wanted && wsl_need_may_start(facts));
    default:
        return false;
    }
}

/* Without a hold a start is for once: it would be undone every 15 s. */
enum wsl_need wsl_need_decide(const struct wsl_facts *facts)
{
    if (is_held(facts)) {
        return WSL_NEED_HOLD;
    }
    return facts->has_reason && wsl_need_may_start(facts) ? WSL_NEED_START : WSL_NEED_NOTHING;
}
