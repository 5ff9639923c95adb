/* A debug probe: CMSIS-DAP over two bulk endpoints, for which Linux has no driver, and so no tty.
 * What a host looks for is the interface's name. */
#include "usb_board.h"

#include "shared/core/error.h"

static int control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    (void)board;
    (void)setup;
    (void)data;
    return ERR_UNSUPPORTED; /* It has no requests of its own. */
}

const struct usb_chip chip_cmsis_dap = {
    .name = "cmsis_dap",
    .vid = 0x0d28,
    .pid = 0x0204,
    .bcd_usb = 0x0200,
    .bcd_device = 0x0100,
    .packet_bytes_0 = 64,
    .attributes = 0x80,
    .manufacturer = "ttyferry",
    .product = "Lab CMSIS-DAP",
    .serial = "0240000034544E45",
    .interfaces =
        {
            {
                .class = {0xff, 0, 0},
                .name = "CMSIS-DAP v2",
                .endpoints =
                    {
                        {.address = 0x01, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                        {.address = 0x82, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                    },
                .endpoint_count = 2,
            },
        },
    .interface_count = 1,
    .channel_count = 1,
    .control = control,
};
