#include "shared/link/link_address.h"

#include "shared/core/error.h"
#include "shared/core/text.h"

int link_address_from_text(const char *text, uint16_t port, struct sockaddr_storage *address)
{
    struct sockaddr_storage parsed = {0};

    if (uv_ip4_addr(text, port, (struct sockaddr_in *)&parsed) != 0 &&
        uv_ip6_addr(text, port, (struct sockaddr_in6 *)&parsed) != 0) {
        return ERR_INVALID;
    }
    *address = parsed;
    return 0;
}

uint16_t link_address_port(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    }
    return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

void link_address_of_peer(const uv_tcp_t *tcp, char ip[LINK_ADDRESS_TEXT_SIZE], uint16_t *port)
{
    struct sockaddr_storage address = {0};
    int len = sizeof address;

    text_copy(ip, LINK_ADDRESS_TEXT_SIZE, "?");
    *port = 0;
    if (tcp != NULL && uv_tcp_getpeername(tcp, (struct sockaddr *)&address, &len) == 0) {
        (void)uv_ip_name((const struct sockaddr *)&address, ip, LINK_ADDRESS_TEXT_SIZE);
        *port = link_address_port(&address);
    }
}
