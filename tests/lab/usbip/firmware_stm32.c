/* An STM32 that runs a sketch, which leaves for the system bootloader by the same touch as the
 * Leonardo's. */
#include "usb_firmware.h"

enum { RETURN_MS = 100 };

static void start(struct usb_board *board)
{
    board->hardware->mode = USB_MODE_SKETCH;
}

static void on_wake(struct usb_board *board)
{
    usb_firmware_leave(board, USB_MODE_DFU, &chip_dfu, &firmware_stm32_dfu, RETURN_MS);
}

/* Any sketch: the stack's top and the reset vector. */
static const uint8_t image[] = {0x00, 0x50, 0x00, 0x20, 0xed, 0x00, 0x00, 0x08};

const struct usb_hardware_kind hardware_stm32 = {
    .flash_bytes = 65536, .image = image, .image_len = sizeof image};

const struct usb_firmware firmware_stm32 = {
    .name = "stm32",
    .kind = &hardware_stm32,
    .start = start,
    .take = usb_firmware_echo,
    .on_line_state = usb_firmware_heed_touch,
    .on_wake = on_wake,
};
