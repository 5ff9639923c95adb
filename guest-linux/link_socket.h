/* The guest's own door for the host agent: a Unix socket beside the stream's, for root alone. */
#ifndef TTYFERRY_GUEST_LINK_SOCKET_H
#define TTYFERRY_GUEST_LINK_SOCKET_H

#define LINK_SOCKET_PATH_SIZE 256

/* "/run/ttyferry/link.sock" for the stream "/run/ttyferry/events.sock". Returns 0 or ERR_TOO_LONG.
 */
int link_socket_path(const char *stream_path, char path[LINK_SOCKET_PATH_SIZE]);

#endif
