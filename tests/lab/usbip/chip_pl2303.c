/* Prolific PL2303 HX: vendor requests of which the driver wants an answer and no more, and CDC's
 * for the line. */
#include "usb_board.h"

enum { REQUEST_SET_CONTROL_LINE_STATE = 0x22 };

static int control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    (void)data;
    if (setup->request_type & USB_ENDPOINT_IN) {
        return setup->length;
    }
    if (setup->request == REQUEST_SET_CONTROL_LINE_STATE) {
        usb_board_set_line_state(board, setup->value & (USB_LINE_DTR | USB_LINE_RTS));
    }
    return 0;
}

const struct usb_chip chip_pl2303 = {
    .name = "pl2303",
    .vid = 0x067b,
    .pid = 0x2303,
    .bcd_usb = 0x0110,
    .bcd_device = 0x0300,
    .packet_bytes_0 = 64,
    .attributes = 0x80,
    .manufacturer = "Prolific Technology Inc.",
    .product = "USB-Serial Controller",
    .interfaces =
        {
            {
                .class = {0xff, 0, 0},
                .endpoints =
                    {
                        {.address = 0x81,
                         .kind = USB_ENDPOINT_INTERRUPT,
                         .packet_bytes = 10,
                         .interval = 1},
                        {.address = 0x02, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                        {.address = 0x83, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                    },
                .endpoint_count = 3,
            },
        },
    .interface_count = 1,
    .channel_count = 1,
    .control = control,
};
