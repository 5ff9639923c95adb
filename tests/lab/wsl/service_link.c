#include "service_link.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PORT_FILE "C:\\windows\\wsl-lab-port.txt"

enum { FRAME_HEADER_BYTES = 5 };

static unsigned short read_port(void)
{
    char text[16] = "";
    FILE *file = fopen(PORT_FILE, "r");

    if (!file)
        return 0;
    if (!fgets(text, sizeof(text), file))
        text[0] = '\0';
    fclose(file);
    return (unsigned short)strtoul(text, NULL, 10);
}

SOCKET service_link_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(read_port())};
    WSADATA data;
    BOOL on = TRUE;
    SOCKET service;

    if (!address.sin_port || WSAStartup(MAKEWORD(2, 2), &data))
        return INVALID_SOCKET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    service = socket(AF_INET, SOCK_STREAM, 0);
    if (service == INVALID_SOCKET)
        return INVALID_SOCKET;
    setsockopt(service, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof(on));
    if (!connect(service, (const struct sockaddr *)&address, sizeof(address)))
        return service;
    closesocket(service);
    return INVALID_SOCKET;
}

static bool send_all(SOCKET service, const char *bytes, int len)
{
    while (len > 0) {
        int put = send(service, bytes, len, 0);
        if (put <= 0)
            return false;
        bytes += put;
        len -= put;
    }
    return true;
}

bool service_link_send(SOCKET service, char type, const char *bytes, int len)
{
    uint32_t size = (uint32_t)len;
    char header[FRAME_HEADER_BYTES] = {type, (char)(size >> 24), (char)(size >> 16),
                                       (char)(size >> 8), (char)size};

    return send_all(service, header, sizeof(header)) && send_all(service, bytes, len);
}

static bool receive_all(SOCKET service, char *bytes, int len)
{
    while (len > 0) {
        int got = recv(service, bytes, len, 0);
        if (got <= 0)
            return false;
        bytes += got;
        len -= got;
    }
    return true;
}

bool service_link_receive(SOCKET service, struct service_frame *frame)
{
    unsigned char header[FRAME_HEADER_BYTES];
    uint32_t size;

    if (!receive_all(service, (char *)header, sizeof(header)))
        return false;
    size = (uint32_t)header[1] << 24 | (uint32_t)header[2] << 16 | (uint32_t)header[3] << 8 |
           header[4];
    if (size > SERVICE_LINK_FRAME_MAX)
        return false;
    frame->type = (char)header[0];
    frame->len = (int)size;
    frame->payload[size] = '\0';
    return receive_all(service, frame->payload, frame->len);
}
