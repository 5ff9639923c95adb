/* Which distribution of WSL the guest agent lives in. Pure. */
#ifndef TTYFERRY_CORE_WSL_CHOICE_H
#define TTYFERRY_CORE_WSL_CHOICE_H

#include "shared/core/wsl_list.h"

#define WSL_CHOICE_TEXT_SIZE 512

enum wsl_choice {
    WSL_CHOICE_MADE,
    WSL_CHOICE_NONE_INSTALLED, /* WSL has no distribution */
    WSL_CHOICE_MISSING,        /* the configured one is not installed */
    WSL_CHOICE_VERSION_1,      /* the configured one is of version 1 */
    WSL_CHOICE_ONLY_VERSION_1, /* all of them are */
    WSL_CHOICE_ONLY_DOCKER,    /* of version 2 are only Docker's own, which nobody works in */
    WSL_CHOICE_NONE_RUNS,      /* the default one won't do, and no other of version 2 runs */
};

/* Chooses the configured distribution (empty: none is), else the default one if it is of version 2,
 * else the first running one of version 2; Docker's own only if configured. `*chosen` belongs to
 * the list, and is set for WSL_CHOICE_MADE alone. */
enum wsl_choice wsl_choice_make(const struct wsl_list *list, const char *configured,
                                const struct wsl_distribution **chosen);

/* Writes what is wrong and what the user can do about it; not for WSL_CHOICE_MADE. */
void wsl_choice_explain(enum wsl_choice choice, const char *configured,
                        char text[WSL_CHOICE_TEXT_SIZE]);

#endif
