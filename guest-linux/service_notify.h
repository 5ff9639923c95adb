/* Tells systemd how the agent stands, where it has started it with Type=notify: sd_notify(3)'s
 * protocol, a datagram to the socket that NOTIFY_SOCKET names. */
#ifndef TTYFERRY_GUEST_SERVICE_NOTIFY_H
#define TTYFERRY_GUEST_SERVICE_NOTIFY_H

/* Everything that the agent serves can be used. */
#define SERVICE_NOTIFY_READY "READY=1"
/* It ends in order. */
#define SERVICE_NOTIFY_STOPPING "STOPPING=1"

/* Never blocks. Returns 0, also where nobody wants to know; ERR_INVALID for a NOTIFY_SOCKET that
 * is no Unix socket's name; or an error of the socket. */
int service_notify_send(const char *state);

#endif
