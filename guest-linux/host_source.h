/* Where the peer of a session has come from: the link's port, or the socket that bridges lead to.
 */
#ifndef TTYFERRY_GUEST_HOST_SOURCE_H
#define TTYFERRY_GUEST_HOST_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/core/event.h"
#include "shared/link/session.h"

/* True for the socket; false too for a session that has lost its connection. */
bool host_source_is_local(struct session *session);

/* "tcp" or "bridge". Static storage. */
const char *host_source_transport(struct session *session);

/* The address, without the port (0 in `*port` where there is none); `path`, the socket's, for one
 * that has come by that. A TCP peer that has just gone has none any more. Returns `address`. */
const char *host_source_address(struct session *session, const char *path,
                                char address[EVENT_PEER_SIZE], uint16_t *port);

/* The whole of it, for people: "127.0.0.1:51234", or `path`. */
void host_source_to_text(struct session *session, const char *path, char text[EVENT_PEER_SIZE]);

#endif
