/* A sensor that talks without being asked: while DTR is asserted it sends the numbers 0 to 255 over
 * and over, at 115,200 baud, from 0 each time that DTR rises. Whoever reads sees what is lost. */
#include "usb_firmware.h"

enum {
    BYTES_PER_S = 11520, /* a byte has ten bits on the line */
    TICK_US = 10000,
    US_PER_S = 1000000,
    CHUNK = 256,
};

struct counter {
    int64_t risen_us; /* when DTR rose */
    uint64_t sent;
};

static void start(struct usb_board *board)
{
    board->hardware->mode = USB_MODE_SKETCH;
}

static void on_line_state(struct usb_board *board, unsigned before)
{
    struct counter *counter = board->firmware_state;
    if (!(board->line_state & USB_LINE_DTR)) {
        usb_firmware_sleep(board);
    } else if (!(before & USB_LINE_DTR)) {
        *counter = (struct counter){.risen_us = board->clock_us()};
        usb_firmware_wake_after(board, TICK_US);
    }
}

/* As many as the line has carried since it rose, however late this is. */
static void on_wake(struct usb_board *board)
{
    struct counter *counter = board->firmware_state;
    int64_t elapsed_us = board->clock_us() - counter->risen_us;
    uint64_t due = (uint64_t)(elapsed_us * BYTES_PER_S / US_PER_S);
    while (counter->sent < due) {
        uint8_t bytes[CHUNK];
        size_t len = 0;
        while (len < CHUNK && counter->sent < due) {
            bytes[len++] = (uint8_t)counter->sent++;
        }
        usb_firmware_send(board, 0, bytes, len);
    }
    usb_firmware_wake_after(board, TICK_US);
}

/* It does not listen. */
static size_t take(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len)
{
    (void)board;
    (void)channel;
    (void)bytes;
    return len;
}

static const struct usb_hardware_kind kind = {.flash_bytes = 0};

const struct usb_firmware firmware_counter = {
    .name = "counter",
    .kind = &kind,
    .state_bytes = sizeof(struct counter),
    .start = start,
    .take = take,
    .on_line_state = on_line_state,
    .on_wake = on_wake,
};
