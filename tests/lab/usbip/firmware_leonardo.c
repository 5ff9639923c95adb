/* An Arduino Leonardo that runs a sketch. Its core resets into the bootloader when DTR falls while
 * the rate is 1200 baud, by a watchdog that a change of mind still stops. */
#include "usb_firmware.h"

enum { RETURN_MS = 100 };

static void start(struct usb_board *board)
{
    board->hardware->mode = USB_MODE_SKETCH;
}

static void on_wake(struct usb_board *board)
{
    usb_firmware_leave(board, USB_MODE_BOOTLOADER, &chip_caterina, &firmware_caterina, RETURN_MS);
}

/* Any sketch: a jump over the interrupt vectors. */
static const uint8_t image[] = {0x0c, 0x94, 0x5c, 0x01};

const struct usb_hardware_kind hardware_leonardo = {
    .flash_bytes = 32768, .image = image, .image_len = sizeof image};

const struct usb_firmware firmware_leonardo = {
    .name = "leonardo",
    .kind = &hardware_leonardo,
    .start = start,
    .take = usb_firmware_echo,
    .on_line_state = usb_firmware_heed_touch,
    .on_wake = on_wake,
};
