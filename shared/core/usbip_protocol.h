/* The few bytes of USB/IP that a guest speaks before the kernel takes the socket over: the import
 * request and its reply. Pure; every field is decoded byte by byte. */
#ifndef TTYFERRY_CORE_USBIP_PROTOCOL_H
#define TTYFERRY_CORE_USBIP_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "shared/core/board.h"

#define USBIP_PROTOCOL_VERSION 0x0111u
#define USBIP_PROTOCOL_REQUEST_SIZE 40u
#define USBIP_PROTOCOL_HEADER_SIZE 8u
#define USBIP_PROTOCOL_DEVICE_SIZE 312u
#define USBIP_PROTOCOL_REPLY_MAX (USBIP_PROTOCOL_HEADER_SIZE + USBIP_PROTOCOL_DEVICE_SIZE)
#define USBIP_PROTOCOL_PATH_SIZE 256u
#define USBIP_PROTOCOL_BUSID_SIZE 32u

/* A device record as the server gave it, in host byte order. */
struct usbip_device {
    char path[USBIP_PROTOCOL_PATH_SIZE]; /* usbipd-win: the original Windows instance id */
    char busid[USBIP_PROTOCOL_BUSID_SIZE];
    uint32_t devid; /* busnum << 16 | devnum; usbipd-win: hub << 16 | port */
    enum board_speed speed;
    uint16_t vid;
    uint16_t pid;
    uint16_t bcd_device;
    uint8_t device_class;
    uint8_t device_subclass;
    uint8_t device_protocol;
    uint8_t configuration_value;
    uint8_t configurations;
    uint8_t interfaces;
};

/* Writes OP_REQ_IMPORT for `busid`. Returns 0 or ERR_INVALID for what is no busid. */
int usbip_protocol_import_request(const char *busid, uint8_t request[USBIP_PROTOCOL_REQUEST_SIZE]);

enum usbip_reply_state {
    USBIP_REPLY_PARTIAL,  /* more bytes are wanted */
    USBIP_REPLY_ACCEPTED, /* `device` is filled in; what follows on the socket is the kernel's */
    USBIP_REPLY_REFUSED,  /* `status` says why; the server closes */
};

/* An OP_REP_IMPORT on its way in. The caller owns it; nothing needs to be released. */
struct usbip_reply {
    enum usbip_reply_state state;
    uint32_t status;            /* USBIP_REPLY_REFUSED: not 0 */
    struct usbip_device device; /* USBIP_REPLY_ACCEPTED */
    int error;                  /* what the feeding failed with; stays */
    const char *reason;         /* a static sentence about `error`, or NULL */
    char asked[BOARD_BUSID_SIZE];
    uint8_t bytes[USBIP_PROTOCOL_REPLY_MAX];
    size_t len;
};

/* Prepares for the reply to an import of `busid` (a valid one). */
void usbip_protocol_reply_init(struct usbip_reply *reply, const char *busid);

/* How many bytes may be read next; 0 when the reply is whole or has failed. Reading more would
 * steal from the kernel what it has to find on the socket. */
size_t usbip_protocol_reply_wanted(const struct usbip_reply *reply);

/* Feeds up to usbip_protocol_reply_wanted() bytes, in any fragments. Returns 0; ERR_VERSION for
 * another protocol version; ERR_INVALID for a reply to something else, a record that does not
 * name the busid that was asked for, an unknown speed, an unterminated text; ERR_TOO_LONG for
 * more bytes than wanted. */
int usbip_protocol_reply_feed(struct usbip_reply *reply, const uint8_t *bytes, size_t len);

#endif
