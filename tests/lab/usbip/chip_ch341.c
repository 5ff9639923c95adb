/* WCH CH340, as the kernel's ch341 driver and most cheap boards know it: vendor requests only, no
 * serial number. */
#include "usb_board.h"

enum {
    REQUEST_READ_VERSION = 0x5f,
    REQUEST_WRITE_REGISTER = 0x9a,
    REQUEST_MODEM_CONTROL = 0xa4,
    REGISTERS_RATE = 0x1312, /* two of them: the divisor's, the prescaler's */
    VERSION = 0x31,
    MODEM_DTR = 0x20, /* both active low */
    MODEM_RTS = 0x40,
    CLOCK_HZ = 48000000,
};

/* The prescaler has 2^(12 - 3 * its low bits), half of that if bit 2 is set; the divisor counts up
 * to 256. */
static uint32_t rate_of(uint16_t registers)
{
    unsigned prescaler = 12 - 3 * (registers & 3u) - (registers >> 2 & 1u);
    unsigned divisor = 256 - (registers >> 8);
    return CLOCK_HZ / (divisor << prescaler);
}

static int control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    if (setup->request_type & USB_ENDPOINT_IN) {
        if (setup->request == REQUEST_READ_VERSION && setup->length > 0) {
            data[0] = VERSION;
        }
        return setup->length;
    }
    if (setup->request == REQUEST_MODEM_CONTROL) {
        unsigned dtr = setup->value & MODEM_DTR ? 0 : USB_LINE_DTR;
        unsigned rts = setup->value & MODEM_RTS ? 0 : USB_LINE_RTS;
        usb_board_set_line_state(board, dtr | rts);
    } else if (setup->request == REQUEST_WRITE_REGISTER && setup->value == REGISTERS_RATE) {
        usb_board_set_line_rate(board, rate_of(setup->index));
    }
    return 0;
}

const struct usb_chip chip_ch341 = {
    .name = "ch341",
    .vid = 0x1a86,
    .pid = 0x7523,
    .bcd_usb = 0x0110,
    .bcd_device = 0x0264,
    .class = {0xff, 0, 0},
    .packet_bytes_0 = 8,
    .attributes = 0x80,
    .product = "USB Serial",
    .interfaces =
        {
            {
                .class = {0xff, 1, 2},
                .endpoints =
                    {
                        {.address = 0x82, .kind = USB_ENDPOINT_BULK, .packet_bytes = 32},
                        {.address = 0x02, .kind = USB_ENDPOINT_BULK, .packet_bytes = 32},
                        {.address = 0x81,
                         .kind = USB_ENDPOINT_INTERRUPT,
                         .packet_bytes = 8,
                         .interval = 1},
                    },
                .endpoint_count = 3,
            },
        },
    .interface_count = 1,
    .channel_count = 1,
    .control = control,
};
