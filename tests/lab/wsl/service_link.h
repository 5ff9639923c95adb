/*
 * The connection of the lab's wsl.exe to wsl_service.py: frames of a type (1 byte), a length (4
 * bytes, big-endian) and that many bytes.
 *
 *   to the service                               from the service
 *   'A' the call, first and once: UTF-8 strings, 'G' a Linux program runs: stdin is wanted
 *       each with a NUL behind it: the value of  'O' bytes for stdout
 *       WSL_UTF8, then the arguments             'R' bytes for stderr
 *   'I' bytes of stdin                           'X' the exit code, decimal text: always the last
 *   'E' the end of stdin
 */
#ifndef TTYFERRY_TESTS_LAB_WSL_SERVICE_LINK_H
#define TTYFERRY_TESTS_LAB_WSL_SERVICE_LINK_H

#include <stdbool.h>
#include <winsock2.h>

enum { SERVICE_LINK_FRAME_MAX = 65536 };

struct service_frame {
    char type;
    int len;
    char payload[SERVICE_LINK_FRAME_MAX + 1]; /* a NUL stands behind it */
};

/* To the port that C:\windows\wsl-lab-port.txt names. INVALID_SOCKET if nobody is there. */
SOCKET service_link_open(void);

bool service_link_send(SOCKET service, char type, const char *bytes, int len);

/* The next frame, at most SERVICE_LINK_FRAME_MAX long. False at the end of the connection. */
bool service_link_receive(SOCKET service, struct service_frame *frame);

#endif
