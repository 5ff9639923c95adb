/* Goes on in the background, as a daemon that whoever started it need not wait for, once it works.
 */
#ifndef TTYFERRY_GUEST_BACKGROUND_H
#define TTYFERRY_GUEST_BACKGROUND_H

#include <stdbool.h>

struct background {
    int ready_fd;
};

/* Before threads, loops and files. Returns true in the daemon: a session of its own, folder `/`,
 * nothing inherited but stdin, stdout and stderr. Returns false in the program that was started,
 * once the daemon has called background_ready (`*is_ready` is true then) or has ended without.
 * Where the system makes no process of it false comes at once. */
bool background_enter(struct background *background, bool *is_ready);

/* The daemon works: lets go of stdin, stdout and stderr, and of who waits. */
void background_ready(const struct background *background);

#endif
