/* Silicon Labs CP2102, as on most ESP32 boards: vendor requests only. */
#include "usb_board.h"

enum {
    REQUEST_SET_MODEM_CONTROL = 0x07,
    REQUEST_SET_BAUDRATE = 0x1e,
    REQUEST_VENDOR = 0xff,
    VENDOR_GET_PART_NUMBER = 0x370b,
    PART_NUMBER_CP2102 = 0x02,
    MODEM_DTR = 0x0001,
    MODEM_RTS = 0x0002,
    MODEM_SETS_DTR = 0x0100, /* the bit beside it counts */
    MODEM_SETS_RTS = 0x0200,
};

static unsigned set_bit(unsigned state, unsigned bit, bool counts, bool on)
{
    if (!counts) {
        return state;
    }
    return on ? state | bit : state & ~bit;
}

static int control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    unsigned state = board->line_state;
    if (setup->request_type & USB_ENDPOINT_IN) {
        if (setup->request == REQUEST_VENDOR && setup->value == VENDOR_GET_PART_NUMBER &&
            setup->length > 0) {
            data[0] = PART_NUMBER_CP2102;
        }
        return setup->length;
    }
    if (setup->request == REQUEST_SET_MODEM_CONTROL) {
        state =
            set_bit(state, USB_LINE_DTR, setup->value & MODEM_SETS_DTR, setup->value & MODEM_DTR);
        state =
            set_bit(state, USB_LINE_RTS, setup->value & MODEM_SETS_RTS, setup->value & MODEM_RTS);
        usb_board_set_line_state(board, state);
    } else if (setup->request == REQUEST_SET_BAUDRATE && setup->length == sizeof(uint32_t)) {
        usb_board_set_line_rate(board, (uint32_t)data[0] | (uint32_t)data[1] << 8 |
                                           (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24);
    }
    return 0;
}

const struct usb_chip chip_cp2102 = {
    .name = "cp2102",
    .vid = 0x10c4,
    .pid = 0xea60,
    .bcd_usb = 0x0110,
    .bcd_device = 0x0100,
    .packet_bytes_0 = 64,
    .attributes = 0x80,
    .manufacturer = "Silicon Labs",
    .product = "CP2102 USB to UART Bridge Controller",
    .serial = "0001",
    .interfaces =
        {
            {
                .class = {0xff, 0, 0},
                .endpoints =
                    {
                        {.address = 0x81, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                        {.address = 0x01, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                    },
                .endpoint_count = 2,
            },
        },
    .interface_count = 1,
    .channel_count = 1,
    .control = control,
};
