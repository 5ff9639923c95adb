/* Sets up both sides, and removes them: every step is a line with its time on stdout, and a step
 * that fails takes back what the ones before it have done, in reverse. */
#ifndef TTYFERRY_HOST_WIN_INSTALLER_H
#define TTYFERRY_HOST_WIN_INSTALLER_H

#include <stdbool.h>

#include "host-win/install_places.h"

struct installer_options {
    const char *distribution; /* NULL: the configuration's, else chosen */
    const char *transport;    /* "auto", "tcp", "bridge"; NULL: not named */
    bool yes;                 /* asks nothing */
    const char *stream;       /* of the agent that it starts */
};

/* Installs, or upgrades in place. Returns an exit code; stderr says what failed. */
int installer_install(const struct install_places *places, const struct installer_options *options);

/* Removes what an installation has made; `purge`: the configuration, the key and the logs too. */
int installer_remove(const struct install_places *places, bool purge);

/* Gives both sides a new key. */
int installer_renew_key(const struct install_places *places);

#endif
