/* Arduino Leonardo: one CDC-ACM function behind an interface association, with a serial number. */
#include <string.h>

#include "usb_board.h"

#include "shared/core/error.h"

enum {
    REQUEST_SET_LINE_CODING = 0x20,
    REQUEST_GET_LINE_CODING = 0x21,
    REQUEST_SET_CONTROL_LINE_STATE = 0x22,
};

int usb_chip_cdc_control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    switch (setup->request) {
    case REQUEST_SET_LINE_CODING:
        if (setup->length != sizeof board->line_coding) {
            return ERR_INVALID;
        }
        usb_board_set_line_coding(board, data);
        return 0;
    case REQUEST_GET_LINE_CODING:
        if (setup->length < sizeof board->line_coding) {
            return ERR_INVALID;
        }
        memcpy(data, board->line_coding, sizeof board->line_coding);
        return sizeof board->line_coding;
    case REQUEST_SET_CONTROL_LINE_STATE:
        /* wValue has DTR and RTS in the same two bits as ours. */
        usb_board_set_line_state(board, setup->value & (USB_LINE_DTR | USB_LINE_RTS));
        return 0;
    default:
        return setup->request_type & USB_ENDPOINT_IN ? ERR_UNSUPPORTED : 0;
    }
}

/* Interfaces 0 and 1 are one function. */
static const uint8_t association[] = {8, 0x0b, 0, 2, 2, 2, 0, 0};

static const uint8_t functional[] = {
    5, 0x24, 0x00, 0x10, 0x01, /* header, CDC 1.10 */
    5, 0x24, 0x01, 0x01, 0x01, /* call management, over interface 1 */
    4, 0x24, 0x02, 0x06,       /* ACM: line coding, line state and break */
    5, 0x24, 0x06, 0x00, 0x01, /* union of 0 and 1 */
};

const struct usb_chip chip_cdc_acm = {
    .name = "cdc_acm",
    .vid = 0x2341,
    .pid = 0x8036,
    .bcd_usb = 0x0200,
    .bcd_device = 0x0100,
    .class = {0xef, 2, 1},
    .packet_bytes_0 = 64,
    .attributes = 0x80,
    .manufacturer = "Arduino LLC",
    .product = "Arduino Leonardo",
    .serial = "LEO0001",
    .interfaces =
        {
            {
                .class = {2, 2, 0},
                .before = association,
                .before_len = sizeof association,
                .functional = functional,
                .functional_len = sizeof functional,
                .endpoints = {{.address = 0x81,
                               .kind = USB_ENDPOINT_INTERRUPT,
                               .packet_bytes = 16,
                               .interval = 10}},
                .endpoint_count = 1,
            },
            {
                .class = {10, 0, 0},
                .endpoints =
                    {
                        {.address = 0x02, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                        {.address = 0x83, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                    },
                .endpoint_count = 2,
            },
        },
    .interface_count = 2,
    .channel_count = 1,
    .control = usb_chip_cdc_control,
};

/* The same function in a board that only SuperSpeed ports take. */
const struct usb_chip chip_cdc_super = {
    .name = "cdc_super",
    .vid = 0x1209,
    .pid = 0x0001,
    .bcd_usb = 0x0300,
    .bcd_device = 0x0100,
    .class = {0xef, 2, 1},
    .packet_bytes_0 = 9,
    .attributes = 0x80,
    .manufacturer = "pid.codes",
    .product = "SuperSpeed serial",
    .serial = "SUPER0001",
    .interfaces =
        {
            {
                .class = {2, 2, 0},
                .before = association,
                .before_len = sizeof association,
                .functional = functional,
                .functional_len = sizeof functional,
                .endpoints = {{.address = 0x81,
                               .kind = USB_ENDPOINT_INTERRUPT,
                               .packet_bytes = 16,
                               .interval = 10}},
                .endpoint_count = 1,
            },
            {
                .class = {10, 0, 0},
                .endpoints =
                    {
                        {.address = 0x02, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                        {.address = 0x83, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                    },
                .endpoint_count = 2,
            },
        },
    .interface_count = 2,
    .channel_count = 1,
    .control = usb_chip_cdc_control,
};
