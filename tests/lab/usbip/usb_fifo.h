/* A bounded ring of bytes: what a board has received and not yet echoed. */
#ifndef TTYFERRY_LAB_USB_FIFO_H
#define TTYFERRY_LAB_USB_FIFO_H

#include <stddef.h>
#include <stdint.h>

enum { USB_FIFO_BYTES = 65536 };

struct usb_fifo {
    uint8_t bytes[USB_FIFO_BYTES];
    size_t start;
    size_t len;
};

void usb_fifo_clear(struct usb_fifo *fifo);

/* Appends as many of len bytes as there is room for, and returns how many that were. */
size_t usb_fifo_put(struct usb_fifo *fifo, const uint8_t *bytes, size_t len);

/* Takes at most len bytes off the front, and returns how many that were. */
size_t usb_fifo_take(struct usb_fifo *fifo, uint8_t *bytes, size_t len);

#endif
