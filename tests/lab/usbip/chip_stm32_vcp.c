/* An STM32 whose application has ST's virtual COM port: a CDC-ACM function that is the whole
 * device. */
#include "usb_board.h"

static const uint8_t functional[] = {
    5, 0x24, 0x00, 0x10, 0x01, /* header, CDC 1.10 */
    5, 0x24, 0x01, 0x00, 0x01, /* call management, not over the data interface */
    4, 0x24, 0x02, 0x02,       /* ACM: line coding and line state */
    5, 0x24, 0x06, 0x00, 0x01, /* union of 0 and 1 */
};

const struct usb_chip chip_stm32_vcp = {
    .name = "stm32_vcp",
    .vid = 0x0483,
    .pid = 0x5740,
    .bcd_usb = 0x0200,
    .bcd_device = 0x0200,
    .class = {2, 2, 0},
    .packet_bytes_0 = 64,
    .attributes = 0xc0,
    .manufacturer = "STMicroelectronics",
    .product = "STM32 Virtual ComPort",
    .serial = "335B364D3034",
    .interfaces =
        {
            {
                .class = {2, 2, 1},
                .functional = functional,
                .functional_len = sizeof functional,
                .endpoints = {{.address = 0x82,
                               .kind = USB_ENDPOINT_INTERRUPT,
                               .packet_bytes = 8,
                               .interval = 16}},
                .endpoint_count = 1,
            },
            {
                .class = {10, 0, 0},
                .endpoints =
                    {
                        {.address = 0x01, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                        {.address = 0x81, .kind = USB_ENDPOINT_BULK, .packet_bytes = 64},
                    },
                .endpoint_count = 2,
            },
        },
    .interface_count = 2,
    .channel_count = 1,
    .control = usb_chip_cdc_control,
};
