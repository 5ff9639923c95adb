#include "service_client.h"

#include <winsock2.h>

#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "tests/lab/pnp/lab_registry.h"

enum { LINE_BYTES = 256 };

static SOCKET connect_to(unsigned short port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    SOCKET peer = socket(AF_INET, SOCK_STREAM, 0);

    if (peer == INVALID_SOCKET)
        return INVALID_SOCKET;
    if (!connect(peer, (const struct sockaddr *)&address, sizeof(address)))
        return peer;
    closesocket(peer);
    return INVALID_SOCKET;
}

/* The answer is one line, and the service hangs up behind it. */
static bool exchange(SOCKET peer, const char *line)
{
    char answer[LINE_BYTES];
    int length = 0;
    int got = 1;

    if (send(peer, line, (int)strlen(line), 0) != (int)strlen(line))
        return false;
    while (got > 0 && length < LINE_BYTES) {
        got = recv(peer, answer + length, LINE_BYTES - length, 0);
        length += got > 0 ? got : 0;
    }
    return length >= 2 && !memcmp(answer, "ok", 2);
}

bool service_client_ask(const char *command, const wchar_t *busid)
{
    wchar_t port[LAB_REGISTRY_TEXT_CHARS];
    char line[LINE_BYTES];
    WSADATA data;
    SOCKET peer;
    bool done = false;

    lab_registry_get(LAB_REGISTRY_PORT, port);
    snprintf(line, sizeof(line), "%s %ls\n", command, busid);
    if (!port[0] || WSAStartup(MAKEWORD(2, 2), &data))
        return false;
    peer = connect_to((unsigned short)wcstoul(port, NULL, 10));
    if (peer != INVALID_SOCKET) {
        done = exchange(peer, line);
        closesocket(peer);
    }
    WSACleanup();
    return done;
}
