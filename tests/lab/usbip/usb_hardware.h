/* What a board with firmware remembers while it leaves the bus and returns as something else: its
 * flash memory, the mode it is in, how often it was reset, and what was done to its lines.
 *
 * A table of them outlives the boards' stays on the bus, by name. */
#ifndef TTYFERRY_LAB_USB_HARDWARE_H
#define TTYFERRY_LAB_USB_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    USB_HARDWARE_MAX = 64,
    USB_HARDWARE_NAME_BYTES = 64,
    USB_HARDWARE_FLASH_BYTES = 65536, /* at most; each kind says how many it has */
    USB_HARDWARE_LINES = 4096,        /* the newest are kept */
};

enum usb_mode {
    USB_MODE_SKETCH, /* the application */
    USB_MODE_BOOTLOADER,
    USB_MODE_DOWNLOAD, /* an ESP's */
    USB_MODE_DFU,
    USB_MODES,
};

/* A kind of board: all firmwares of one kind share its memory. */
struct usb_hardware_kind {
    size_t flash_bytes;
    const uint8_t *image; /* at the start of a new board's memory; the rest is erased */
    size_t image_len;
};

/* The lines as they are from `us` on. */
struct usb_line_change {
    int64_t us; /* of the board's clock */
    uint32_t baud;
    bool dtr;
    bool rts;
};

struct usb_hardware {
    char name[USB_HARDWARE_NAME_BYTES];
    const struct usb_hardware_kind *kind;
    uint8_t flash[USB_HARDWARE_FLASH_BYTES];
    enum usb_mode mode;
    bool is_returning; /* it was reset and is off the bus, with power */
    uint32_t resets[USB_MODES];
    uint64_t flash_writes; /* blocks programmed */
    struct usb_line_change lines[USB_HARDWARE_LINES];
    uint64_t line_changes; /* all of them; change number i is in lines[i % USB_HARDWARE_LINES] */
};

struct usb_hardware_table {
    struct usb_hardware *items[USB_HARDWARE_MAX]; /* owned */
    size_t count;
};

/* As it leaves its maker. */
void usb_hardware_init(struct usb_hardware *hardware, const char *name,
                       const struct usb_hardware_kind *kind);

/* All three are bounded by the memory: what lies outside is not written, and reads as erased. */
void usb_hardware_erase(struct usb_hardware *hardware, uint32_t at, size_t len);

/* Clears bits, as flash does. Counts as one block. */
void usb_hardware_program(struct usb_hardware *hardware, uint32_t at, const uint8_t *bytes,
                          size_t len);

uint8_t usb_hardware_read(const struct usb_hardware *hardware, uint32_t at);

void usb_hardware_log_lines(struct usb_hardware *hardware, const struct usb_line_change *change);

/* The table keeps it; NULL if there is none. */
struct usb_hardware *usb_hardware_find(const struct usb_hardware_table *table, const char *name);

/* The hardware of that name, made anew if there is none or one of another kind. 0, or ERR_FULL,
 * ERR_TOO_LONG (the name), ERR_NOMEM. */
int usb_hardware_take(struct usb_hardware_table *table, const char *name,
                      const struct usb_hardware_kind *kind, struct usb_hardware **hardware);

void usb_hardware_clear(struct usb_hardware_table *table);

#endif
