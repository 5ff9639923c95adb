/* What WSL's life needs of the host agent: `start_wsl` and `keep_alive` of the configuration as a
 * decision. Pure. */
#ifndef TTYFERRY_CORE_WSL_NEED_H
#define TTYFERRY_CORE_WSL_NEED_H

#include <stdbool.h>

#include "shared/core/config.h"

struct wsl_facts {
    enum config_start_wsl start;
    enum config_keep_alive keep_alive;
    bool has_attached; /* a board is attached, or being attached */
    bool has_wanted;   /* a wanted board waits for it */
    bool has_reason;   /* to start: the agent has just started, or a wanted board has just come */
    bool is_away;      /* another session of Windows is the active one: nothing is started for it */
};

enum wsl_need {
    WSL_NEED_NOTHING,
    WSL_NEED_START, /* starts the distribution, and leaves it */
    WSL_NEED_HOLD,  /* keeps a session in it, which starts it too */
};

/* What it takes. */
enum wsl_need wsl_need_decide(const struct wsl_facts *facts);

/* True if that may be done to a distribution that does not run. Else it waits until it does. */
bool wsl_need_may_start(const struct wsl_facts *facts);

#endif
