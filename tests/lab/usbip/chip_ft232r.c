/* FTDI FT232R: vendor requests, and two bytes of line status at the start of each packet. */
#include <string.h>

#include "usb_board.h"

enum {
    REQUEST_SET_MODEM_CONTROL = 1,
    REQUEST_GET_MODEM_STATUS = 5,
    REQUEST_GET_LATENCY = 0x0a,
    LATENCY_MS = 16,
    MODEM_DTR = 0x0001,
    MODEM_RTS = 0x0002,
    MODEM_SETS_DTR = 0x0100, /* the bit beside it counts */
    MODEM_SETS_RTS = 0x0200,
};

/* CTS and the fixed bit; transmitter empty, without which a close of the tty drains for 30 s. */
static const uint8_t status[] = {0x01, 0x60};

static int answer(const struct usb_setup *setup, uint8_t *data)
{
    if (setup->request == REQUEST_GET_LATENCY && setup->length > 0) {
        data[0] = LATENCY_MS;
    } else if (setup->request == REQUEST_GET_MODEM_STATUS && setup->length >= sizeof status) {
        memcpy(data, status, sizeof status);
    }
    return setup->length;
}

static int control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    unsigned state = board->line_state;
    if (setup->request_type & USB_ENDPOINT_IN) {
        return answer(setup, data);
    }
    if (setup->request == REQUEST_SET_MODEM_CONTROL) {
        if (setup->value & MODEM_SETS_DTR) {
            state = (state & ~USB_LINE_DTR) | (setup->value & MODEM_DTR ? USB_LINE_DTR : 0);
        }
        if (setup->value & MODEM_SETS_RTS) {
            state = (state & ~USB_LINE_RTS) | (setup->value & MODEM_RTS ? USB_LINE_RTS : 0);
        }
        usb_board_set_line_state(board, state);
    }
    return 0;
}

const struct usb_chip chip_ft232r = {
    .name = "ft232r",
    .vid = 0x0403,
    .pid = 0x6001,
    .bcd_usb = 0x0200,
    .bcd_device = 0x0600,
    .packet_bytes_0 = 8,
    .attributes = 0xa0,
    .manufacturer = "FTDI",
    .product = "FT232R USB UART",
    .serial = "A50285BI",
    .interfaces =
        {
            {
                .class = {0xff, 0xff, 0xff},
                .endpoints =
                    {
                        {.address = 0x81, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                        {.address = 0x02, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                    },
                .endpoint_count = 2,
            },
        },
    .interface_count = 1,
    .channel_count = 1,
    .packet_header = status,
    .packet_header_len = sizeof status,
    .control = control,
};
