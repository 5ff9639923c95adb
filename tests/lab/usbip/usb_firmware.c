#include "usb_firmware.h"

#include <string.h>

enum { TOUCH_BAUD = 1200, WATCHDOG_US = 120000 };

const struct usb_firmware *usb_firmware_find(const char *name)
{
    static const struct usb_firmware *const firmwares[] = {
        &firmware_caterina, &firmware_cmsis_dap, &firmware_counter,
        &firmware_esp32,    &firmware_esp32s3,   &firmware_leonardo,
        &firmware_optiboot, &firmware_stm32,     &firmware_stm32_dfu,
    };

    for (size_t i = 0; i < sizeof firmwares / sizeof firmwares[0]; i++) {
        if (strcmp(firmwares[i]->name, name) == 0) {
            return firmwares[i];
        }
    }
    return NULL;
}

size_t usb_firmware_echo(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len)
{
    return board->echo ? usb_fifo_put(&board->fifos[channel], bytes, len) : len;
}

void usb_firmware_heed_touch(struct usb_board *board, unsigned before)
{
    (void)before; /* The cores look at each request, changed or not. */
    if (usb_board_line_rate(board) == TOUCH_BAUD && !(board->line_state & USB_LINE_DTR)) {
        usb_firmware_wake_after(board, WATCHDOG_US);
    } else {
        usb_firmware_sleep(board);
    }
}

void usb_firmware_send(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len)
{
    usb_fifo_put(&board->fifos[channel], bytes, len);
}

void usb_firmware_wake_after(struct usb_board *board, int64_t us)
{
    board->wake_us = board->clock_us() + us;
}

void usb_firmware_sleep(struct usb_board *board)
{
    board->wake_us = USB_BOARD_NEVER;
}

void usb_firmware_reset(struct usb_board *board, enum usb_mode mode)
{
    board->hardware->mode = mode;
    board->hardware->resets[mode]++;
}

void usb_firmware_leave(struct usb_board *board, enum usb_mode mode, const struct usb_chip *chip,
                        const struct usb_firmware *firmware, unsigned after_ms)
{
    usb_firmware_reset(board, mode);
    usb_firmware_sleep(board);
    board->hardware->is_returning = true;
    board->departure =
        (struct usb_departure){.chip = chip, .firmware = firmware, .after_ms = after_ms};
}
