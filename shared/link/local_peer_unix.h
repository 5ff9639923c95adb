/* Who is at the other end of a Unix socket, as the kernel says. */
#ifndef TTYFERRY_LINK_LOCAL_PEER_UNIX_H
#define TTYFERRY_LINK_LOCAL_PEER_UNIX_H

#include <stdbool.h>
#include <sys/types.h>

#define LOCAL_PEER_NO_GROUP ((gid_t)-1)

/* True if the connected socket's peer was, when it connected, root, this process's own user, or a
 * member of `group` (primary or supplementary; LOCAL_PEER_NO_GROUP: of none). `*uid` is its user
 * in any case, or (uid_t)-1 where the kernel does not tell. */
bool local_peer_may_enter(int fd, gid_t group, uid_t *uid);

/* True if the peer, which serves the socket, is root or this process's own user. */
bool local_peer_is_trusted_server(int fd);

/* True if it is root. */
bool local_peer_is_roots_server(int fd);

#endif
