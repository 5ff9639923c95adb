/* An STM32 in its system bootloader: USB DFU, no endpoint but 0, and so no tty. */
#include "usb_board.h"

enum {
    REQUEST_GET_STATUS = 3,
    REQUEST_GET_STATE = 5,
    STATUS_BYTES = 6,
    STATUS_STATE = 4, /* where it is in the status */
    STATE_IDLE = 2,
};

static int control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    (void)board;
    if (setup->request == REQUEST_GET_STATUS && setup->length >= STATUS_BYTES) {
        data[STATUS_STATE] = STATE_IDLE;
        return STATUS_BYTES;
    }
    if (setup->request == REQUEST_GET_STATE && setup->length > 0) {
        data[0] = STATE_IDLE;
        return 1;
    }
    return setup->request_type & USB_ENDPOINT_IN ? setup->length : 0;
}

/* Download, upload and manifestation; 2048 bytes at a time; DFU 1.1a. */
static const uint8_t functional[] = {9, 0x21, 0x0b, 0xff, 0x00, 0x00, 0x08, 0x1a, 0x01};

const struct usb_chip chip_dfu = {
    .name = "dfu",
    .vid = 0x0483,
    .pid = 0xdf11,
    .bcd_usb = 0x0100,
    .bcd_device = 0x2200,
    .packet_bytes_0 = 64,
    .attributes = 0xc0,
    .manufacturer = "STMicroelectronics",
    .product = "STM32  BOOTLOADER",
    .serial = "335B364D3034",
    .interfaces = {{.class = {0xfe, 1, 2},
                    .name = "@Internal Flash  /0x08000000/064*0001Kg",
                    .functional = functional,
                    .functional_len = sizeof functional}},
    .interface_count = 1,
    .control = control,
};
