/* Takes ttyferry out of this guest. */
#ifndef TTYFERRY_GUEST_SETUP_REMOVAL_H
#define TTYFERRY_GUEST_SETUP_REMOVAL_H

#include <stdbool.h>

#include "guest-linux/setup_steps.h"

/* Lets go of every board, ends the agent, takes away autostart, program and links; with `purges`
 * also the key, the configuration, logs and notes, as far as they were not there before the first
 * setup; what stays of those is named. Goes on after a step that fails. Returns 0, or the first
 * error. */
int setup_removal_run(const struct setup_machine *machine, bool purges);

#endif
