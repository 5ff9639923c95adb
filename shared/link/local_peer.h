/* Who is at the other end of an accepted connection on this machine's own ground. */
#ifndef TTYFERRY_LINK_LOCAL_PEER_H
#define TTYFERRY_LINK_LOCAL_PEER_H

#include <uv.h>

/* Returns 0 if the peer is the user of this process: on Unix by the credentials that the kernel
 * noted when it connected; on Windows anybody else is kept out by the pipe itself. Else ERR_DENIED,
 * or ERR_IO where it can't be found out. */
int local_peer_check(const uv_pipe_t *pipe);

#endif
