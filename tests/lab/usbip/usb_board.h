/* An emulated USB serial board: descriptors, control requests, and bulk endpoints that echo, or do
 * what the board's firmware does.
 *
 * No I/O: transfers come in by usb_board_submit and go out by the callback that the host gave to
 * usb_board_attach, at once or later. A serial line keeps at most USB_FIFO_BYTES unread bytes;
 * while its FIFO is full, transfers from the host stay pending, as a real board would answer NAK.
 */
#ifndef TTYFERRY_LAB_USB_BOARD_H
#define TTYFERRY_LAB_USB_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "usb_chip.h"
#include "usb_descriptor.h"
#include "usb_fifo.h"

struct usb_firmware;
struct usb_hardware;

#define USB_BOARD_NEVER INT64_MAX

enum {
    USB_BOARD_MAX_TRANSFER_BYTES = 65536,
    USB_BOARD_MAX_PENDING = 128, /* cdc-acm keeps 16 reads pending, and up to 16 writes */
    USB_BOARD_MAX_STRING = 4 * USB_STRING_MAX_UNITS + 1,
    USB_BOARD_LINE_CODING_BYTES = 7,
};

enum usb_speed {
    USB_SPEED_FULL = 2,
    USB_SPEED_HIGH = 3,
    USB_SPEED_SUPER = 5
}; /* USB/IP's numbers */

enum usb_line_state { USB_LINE_DTR = 1, USB_LINE_RTS = 2 };

/* What a board is to be. All strings are copied. */
struct usb_board_config {
    const struct usb_chip *chip;
    enum usb_speed speed;
    uint16_t vid;
    uint16_t pid;
    const char *product; /* UTF-8; NULL or "": no such string. The same for serial. */
    const char *serial;
    bool echo;                           /* false: bytes from the host are counted and dropped */
    const struct usb_firmware *firmware; /* NULL: none, and the two below are not needed */
    struct usb_hardware *hardware;       /* borrowed; of the firmware's kind */
    int64_t (*clock_us)(void);           /* never goes backwards */
};

/* A board that has left the bus, and what it will return as. */
struct usb_departure {
    const struct usb_chip *chip; /* NULL: it has not left */
    const struct usb_firmware *firmware;
    unsigned after_ms; /* from the leaving on */
};

/* One transfer the host asks for. */
struct usb_transfer {
    uint32_t id; /* the host's own, unique among its pending ones */
    uint8_t endpoint;
    bool in;                /* to the host */
    uint32_t len_bytes;     /* of data, or of the host's buffer */
    struct usb_setup setup; /* endpoint 0 only */
    const uint8_t *data;    /* from the host only; borrowed for the call */
};

struct usb_completion {
    uint32_t id;
    bool in;
    int32_t status; /* 0, or the negative Linux errno that USB/IP carries */
    uint32_t len_bytes;
    const uint8_t *data; /* len_bytes for the host if in, else NULL; borrowed for the call */
};

/* Must not call the board. */
typedef void usb_board_on_complete(void *context, const struct usb_completion *completion);

struct usb_board_counters {
    uint64_t rx_bytes; /* bulk, from the host */
    uint64_t tx_bytes; /* bulk, to the host */
    uint64_t line_state_changes;
    uint64_t opens; /* DTR raised */
};

struct usb_pending;

struct usb_board {
    const struct usb_chip *chip;
    enum usb_speed speed;
    uint16_t vid;
    uint16_t pid;
    char product[USB_BOARD_MAX_STRING];
    char serial[USB_BOARD_MAX_STRING];
    bool echo;
    usb_board_on_complete *on_complete; /* NULL while no host is attached */
    void *context;
    struct usb_board_counters counters;
    uint8_t configuration;
    unsigned line_state;
    uint8_t line_coding[USB_BOARD_LINE_CODING_BYTES];
    const struct usb_firmware *firmware;
    void *firmware_state; /* owned */
    struct usb_hardware *hardware;
    int64_t (*clock_us)(void);
    int64_t wake_us; /* when the firmware's timer is due, or USB_BOARD_NEVER */
    struct usb_departure departure;
    struct usb_fifo fifos[USB_CHIP_MAX_CHANNELS];
    struct usb_pending *pending; /* oldest first */
    size_t pending_count;
};

/* Returns the board, which the caller destroys; or NULL with *error set: ERR_INVALID (a string is
 * not UTF-8), ERR_TOO_LONG (a string has over USB_STRING_MAX_UNITS), ERR_NOMEM. */
struct usb_board *usb_board_create(const struct usb_board_config *config, int *error);

/* NULL is fine. Pending transfers are dropped without completion. */
void usb_board_destroy(struct usb_board *board);

/* A host takes the board: from here on its transfers complete by on_complete(context). */
void usb_board_attach(struct usb_board *board, usb_board_on_complete *on_complete, void *context);

/* The host is gone: pending transfers and unread bytes are dropped, the line falls, counters stay.
 */
void usb_board_detach(struct usb_board *board);

/* Completes the transfer now or keeps it pending; one to a board that has left the bus is dropped
 * without completion. A transfer that the board stalls is no error: it completes with -EPIPE.
 * ERR_TOO_LONG, ERR_FULL (too many pending) and ERR_NOMEM are, and leave the transfer without
 * completion. */
int usb_board_submit(struct usb_board *board, const struct usb_transfer *transfer);

/* True if the transfer was pending; it never completes then. */
bool usb_board_cancel(struct usb_board *board, uint32_t id);

/* Runs the firmware's timer if its time has come. */
void usb_board_run_timer(struct usb_board *board);

/* For a chip's control handler: bits of enum usb_line_state. */
void usb_board_set_line_state(struct usb_board *board, unsigned line_state);

/* The same, for CDC's seven bytes, and for a chip that tells the rate alone. */
void usb_board_set_line_coding(struct usb_board *board,
                               const uint8_t coding[USB_BOARD_LINE_CODING_BYTES]);
void usb_board_set_line_rate(struct usb_board *board, uint32_t baud);

uint32_t usb_board_line_rate(const struct usb_board *board);

#endif
