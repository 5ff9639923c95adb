/* Waits until the local agent is linked with the guest. */
#ifndef TTYFERRY_HOST_WIN_LINK_WAIT_H
#define TTYFERRY_HOST_WIN_LINK_WAIT_H

#include <stdint.h>

/* Follows the stream of this user's agent, which may still be starting, until it tells the link as
 * up. Returns 0; ERR_TIMEOUT if the agent runs but finds no guest within `limit_ms`;
 * ERR_NOT_FOUND if no agent serves its stream until then; or ours. */
int link_wait_run(const char *stream, uint64_t limit_ms);

#endif
