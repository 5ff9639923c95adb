/* ESP32-S3, its own USB-Serial-JTAG unit: a CDC-ACM function and a vendor interface for JTAG. */
#include "usb_board.h"

/* Interfaces 0 and 1 are one function. */
static const uint8_t association[] = {8, 0x0b, 0, 2, 2, 2, 0, 0};

static const uint8_t functional[] = {
    5, 0x24, 0x00, 0x10, 0x01, /* header, CDC 1.10 */
    4, 0x24, 0x02, 0x02,       /* ACM: line coding and line state */
    5, 0x24, 0x06, 0x00, 0x01, /* union of 0 and 1 */
    5, 0x24, 0x01, 0x00, 0x01, /* call management, not over the data interface */
};

const struct usb_chip chip_esp32s3 = {
    .name = "esp32s3",
    .vid = 0x303a,
    .pid = 0x1001,
    .bcd_usb = 0x0200,
    .bcd_device = 0x0101,
    .class = {0xef, 2, 1},
    .packet_bytes_0 = 64,
    .attributes = 0xc0,
    .manufacturer = "Espressif",
    .product = "USB JTAG/serial debug unit",
    .serial = "7C:DF:A1:E0:3B:54",
    .interfaces =
        {
            {
                .class = {2, 2, 0},
                .before = association,
                .before_len = sizeof association,
                .functional = functional,
                .functional_len = sizeof functional,
                .endpoints = {{.address = 0x82,
                               .kind = USB_ENDPOINT_INTERRUPT,
                               .packet_bytes = 64,
                               .interval = 1}},
                .endpoint_count = 1,
            },
            {
                .class = {10, 2, 0},
                .endpoints =
                    {
                        {.address = 0x01, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                        {.address = 0x81, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                    },
                .endpoint_count = 2,
            },
            {
                .class = {0xff, 0xff, 1},
                .endpoints =
                    {
                        {.address = 0x02,
                         .kind = USB_ENDPOINT_BULK,
                         .packet_bytes = 64,
                         .channel = 1},
                        {.address = 0x83,
                         .kind = USB_ENDPOINT_BULK,
                         .packet_bytes = 64,
                         .channel = 1},
                    },
                .endpoint_count = 2,
            },
        },
    .interface_count = 3,
    .channel_count = 2,
    .control = usb_chip_cdc_control,
};
