#include "usb_fifo.h"

#include <string.h>

void usb_fifo_clear(struct usb_fifo *fifo)
{
    fifo->start = 0;
    fifo->len = 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t usb_fifo_put(struct usb_fifo *fifo, const uint8_t *bytes, size_t len)
{
    size_t end = (fifo->start + fifo->len) % USB_FIFO_BYTES;
    size_t total = smaller(len, USB_FIFO_BYTES - fifo->len);
    size_t before_wrap = smaller(total, USB_FIFO_BYTES - end);
    if (total > 0) {
        memcpy(fifo->bytes + end, bytes, before_wrap);
        memcpy(fifo->bytes, bytes + before_wrap, total - before_wrap);
    }
    fifo->len += total;
    return total;
}

size_t usb_fifo_take(struct usb_fifo *fifo, uint8_t *bytes, size_t len)
{
    size_t total = smaller(len, fifo->len);
    size_t before_wrap = smaller(total, USB_FIFO_BYTES - fifo->start);
    memcpy(bytes, fifo->bytes + fifo->start, before_wrap);
    memcpy(bytes + before_wrap, fifo->bytes, total - before_wrap);
    fifo->start = (fifo->start + total) % USB_FIFO_BYTES;
    fifo->len -= total;
    return total;
}
