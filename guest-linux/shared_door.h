/* The stream's second door, for the other distributions of the WSL VM: "events.sock" in a folder of
 * ours in what they all share. */
#ifndef TTYFERRY_GUEST_SHARED_DOOR_H
#define TTYFERRY_GUEST_SHARED_DOOR_H

#include <stdbool.h>

#include "shared/stream/stream.h"

/* Opens it below `root` ("/mnt/wsl"), with the same rights as the first one. True if so. Where
 * there is no such place nothing happens; if it can't be opened, the log says why, and the stream
 * goes on without. */
bool shared_door_open(struct stream *stream, const char *root, const char *group);

/* Removes what an agent has left there that was killed. One that serves there, of whatever
 * distribution, keeps it, and so does what is not root's. */
void shared_door_clean(const char *root);

/* Removes the folder, once the stream has closed. One that is not empty stays. */
void shared_door_remove(const char *root);

#endif
