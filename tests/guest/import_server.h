/* A USB/IP server for one import at a time, on the rig's loop, that does what a test tells it. */
#ifndef TTYFERRY_TESTS_GUEST_IMPORT_SERVER_H
#define TTYFERRY_TESTS_GUEST_IMPORT_SERVER_H

#include "shared/core/usbip_protocol.h"
#include "tests/link/rig.h"

#define IMPORT_BUSID "1-3"
#define IMPORT_DEVID 0x00010003u

struct import_server {
    struct rig *rig;
    uv_tcp_t listener;
    uint16_t port;
    uv_tcp_t connection;
    size_t connections; /* so far */
    bool is_open;       /* the latest of them, on our side */
    char request[2 * USBIP_PROTOCOL_REQUEST_SIZE];
    size_t request_len;
    bool peer_gone; /* the client has closed */
};

void import_server_open(struct rig *rig, struct import_server *server);
void import_server_close(struct import_server *server);

/* Waits for a whole import request, on a new connection. */
void import_server_await(struct import_server *server);

/* Sends bytes; what is sent in one call can arrive in one piece. */
void import_server_send(struct import_server *server, const void *bytes, size_t len);

/* Closes the connection: in order, or by a reset. */
void import_server_hang_up(struct import_server *server);
void import_server_reset(struct import_server *server);

/* A reply that accepts the import of IMPORT_BUSID, full speed. */
void import_server_make_reply(uint8_t reply[USBIP_PROTOCOL_REPLY_MAX]);

/* A reply that refuses it. */
void import_server_make_refusal(uint8_t status, uint8_t reply[USBIP_PROTOCOL_HEADER_SIZE]);

#endif
