/* One non-blocking TCP connection: reads exact lengths, and sends each write as a packet of its own
 * (usbipd-win writes its replies field by field, so a client sees them in fragments). */
#ifndef TTYFERRY_LAB_USBIP_CONN_H
#define TTYFERRY_LAB_USBIP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "usbip_export.h"

enum {
    USBIP_CONN_MAX_INPUT = 65536 + 48,  /* one URB with its header */
    USBIP_CONN_HIGH_WATER = 256 * 1024, /* unsent bytes above which no further request is read */
    USBIP_CONN_MAX_OUTPUT = 16 << 20,   /* unsent bytes that break the connection */
};

struct usbip_conn {
    int fd;
    uint8_t input[USBIP_CONN_MAX_INPUT];
    size_t input_len;
    uint8_t *output; /* unsent bytes, owned */
    size_t output_len;
    size_t output_capacity;
    size_t written; /* bytes so far, sent or not */
    struct usbip_patch patch;
    size_t budget;       /* bytes that may still be written; SIZE_MAX: no limit */
    int64_t drip_us;     /* between single bytes, until all are sent; 0: none */
    int64_t drip_due_us; /* when the next may go; CLOCK_MONOTONIC */
    bool finishing;      /* close once the output is sent */
    bool failed;         /* close now */
};

/* Takes fd over, even on failure. Returns 0 or ERR_IO. */
int usbip_conn_init(struct usbip_conn *conn, int fd);

void usbip_conn_close(struct usbip_conn *conn);

/* Reads until the input has want bytes. Returns 1 if it has, 0 if more must come first, or
 * ERR_CLOSED, ERR_IO. */
int usbip_conn_fill(struct usbip_conn *conn, size_t want);

/* Forgets the input. */
void usbip_conn_consume(struct usbip_conn *conn);

/* Sends what it can now and keeps the rest. Failures show in conn->failed. A write past the budget
 * is cut there, and the connection finishes. */
void usbip_conn_write(struct usbip_conn *conn, const void *bytes, size_t len);

/* Sends kept bytes, as far as possible. */
void usbip_conn_flush(struct usbip_conn *conn, int64_t now_us);

/* True if only time keeps bytes from being sent. */
bool usbip_conn_is_dripping(const struct usbip_conn *conn);

bool usbip_conn_is_done(const struct usbip_conn *conn);

#endif
