/* Numeric addresses and ports, as the configuration has them, for sockets. */
#ifndef TTYFERRY_LINK_LINK_ADDRESS_H
#define TTYFERRY_LINK_LINK_ADDRESS_H

#include <stdint.h>
#include <uv.h>

/* Reads a numeric IPv4 or IPv6 address. Returns 0 or ERR_INVALID. */
int link_address_from_text(const char *text, uint16_t port, struct sockaddr_storage *address);

/* The port in the address, in the host's byte order. */
uint16_t link_address_port(const struct sockaddr_storage *address);

#define LINK_ADDRESS_TEXT_SIZE 48

/* Who is at the other end of a connection, "127.0.0.1" and the port; "?" and 0 once it is gone, as
 * for NULL. */
void link_address_of_peer(const uv_tcp_t *tcp, char ip[LINK_ADDRESS_TEXT_SIZE], uint16_t *port);

#endif
