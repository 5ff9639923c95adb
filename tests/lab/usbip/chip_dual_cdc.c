/* A composite board with two serial lines (a debugger and its target's): two CDC-ACM functions. */
#include "usb_board.h"

static const uint8_t association_0[] = {8, 0x0b, 0, 2, 2, 2, 0, 0};
static const uint8_t association_2[] = {8, 0x0b, 2, 2, 2, 2, 0, 0};

static const uint8_t functional_0[] = {
    5, 0x24, 0x00, 0x10, 0x01, 5, 0x24, 0x01, 0x00, 0x01, 4, 0x24, 0x02, 0x02, 5, 0x24, 0x06, 0, 1,
};
static const uint8_t functional_2[] = {
    5, 0x24, 0x00, 0x10, 0x01, 5, 0x24, 0x01, 0x00, 0x03, 4, 0x24, 0x02, 0x02, 5, 0x24, 0x06, 2, 3,
};

const struct usb_chip chip_dual_cdc = {
    .name = "dual_cdc",
    .vid = 0x2e8a,
    .pid = 0x000c,
    .bcd_usb = 0x0200,
    .bcd_device = 0x0100,
    .class = {0xef, 2, 1},
    .packet_bytes_0 = 64,
    .attributes = 0x80,
    .manufacturer = "Raspberry Pi",
    .product = "Two lines",
    .serial = "E6614C311B7F3A29",
    .interfaces =
        {
            {
                .class = {2, 2, 0},
                .before = association_0,
                .before_len = sizeof association_0,
                .functional = functional_0,
                .functional_len = sizeof functional_0,
                .endpoints = {{.address = 0x81,
                               .kind = USB_ENDPOINT_INTERRUPT,
                               .packet_bytes = 8,
                               .interval = 16}},
                .endpoint_count = 1,
            },
            {
                .class = {10, 0, 0},
                .endpoints =
                    {
                        {.address = 0x02, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                        {.address = 0x82, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                    },
                .endpoint_count = 2,
            },
            {
                .class = {2, 2, 0},
                .before = association_2,
                .before_len = sizeof association_2,
                .functional = functional_2,
                .functional_len = sizeof functional_2,
                .endpoints = {{.address = 0x83,
                               .kind = USB_ENDPOINT_INTERRUPT,
                               .packet_bytes = 8,
                               .interval = 16}},
                .endpoint_count = 1,
            },
            {
                .class = {10, 0, 0},
                .endpoints =
                    {
                        {.address = 0x04,
                         .kind = USB_ENDPOINT_BULK,
                         .packet_bytes = 64,
                         .channel = 1},
                        {.address = 0x84,
                         .kind = USB_ENDPOINT_BULK,
                         .packet_bytes = 64,
                         .channel = 1},
                    },
                .endpoint_count = 2,
            },
        },
    .interface_count = 4,
    .channel_count = 2,
    .control = usb_chip_cdc_control,
};
