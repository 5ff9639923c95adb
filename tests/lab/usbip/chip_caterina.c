/* Arduino Leonardo in its bootloader: a CDC-ACM function that is the whole device, without a serial
 * number. */
#include "usb_board.h"

static const uint8_t functional[] = {
    5, 0x24, 0x00, 0x10, 0x01, /* header, CDC 1.10 */
    4, 0x24, 0x02, 0x06,       /* ACM: line coding, line state and break */
    5, 0x24, 0x06, 0x00, 0x01, /* union of 0 and 1 */
};

const struct usb_chip chip_caterina = {
    .name = "caterina",
    .vid = 0x2341,
    .pid = 0x0036,
    .bcd_usb = 0x0110,
    .bcd_device = 0x0001,
    .class = {2, 0, 0},
    .packet_bytes_0 = 8,
    .attributes = 0xc0,
    .manufacturer = "Arduino LLC",
    .product = "Arduino Leonardo",
    .interfaces =
        {
            {
                .class = {2, 2, 1},
                .functional = functional,
                .functional_len = sizeof functional,
                .endpoints = {{.address = 0x82,
                               .kind = USB_ENDPOINT_INTERRUPT,
                               .packet_bytes = 8,
                               .interval = 255}},
                .endpoint_count = 1,
            },
            {
                .class = {10, 0, 0},
                .endpoints =
                    {
                        {.address = 0x04, .kind = USB_ENDPOINT_BULK, .packet_bytes = 16},
                        {.address = 0x83, .kind = USB_ENDPOINT_BULK, .packet_bytes = 16},
                    },
                .endpoint_count = 2,
            },
        },
    .interface_count = 2,
    .channel_count = 1,
    .control = usb_chip_cdc_control,
};
