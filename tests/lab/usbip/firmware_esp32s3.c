/* An ESP32-S3 behind its own USB-Serial-JTAG unit, where DTR and RTS are the bits of a register
 * rather than lines: RTS alone resets the chip, which takes its USB with it; DTR alone, before
 * that, makes it a reset into download mode, and neither of the two takes that back. After a reset
 * it prints a line, whether or not anybody listens. */
#include <inttypes.h>
#include <stdio.h>

#include "usb_firmware.h"

enum { RETURN_MS = 100, FLASH_BYTES = 65536 };

struct esp32s3 {
    bool wants_download;
};

static void say(struct usb_board *board, const char *text, int len)
{
    usb_firmware_send(board, 0, (const uint8_t *)text, (size_t)len);
}

/* Download mode is left by a reset only. */
static void start(struct usb_board *board)
{
    struct usb_hardware *hardware = board->hardware;
    char text[64];
    if (!hardware->is_returning) {
        hardware->mode = USB_MODE_SKETCH;
    } else if (hardware->mode == USB_MODE_DOWNLOAD) {
        say(board, text, snprintf(text, sizeof text, "waiting for download\r\n"));
    } else {
        say(board, text,
            snprintf(text, sizeof text, "boot %" PRIu32 "\r\n", hardware->resets[USB_MODE_SKETCH]));
    }
}

static void on_line_state(struct usb_board *board, unsigned before)
{
    struct esp32s3 *esp = board->firmware_state;
    if (board->line_state == USB_LINE_DTR) {
        esp->wants_download = true;
    } else if (board->line_state == 0) {
        esp->wants_download = false;
    } else if (board->line_state == USB_LINE_RTS && before != USB_LINE_RTS) {
        usb_firmware_leave(board, esp->wants_download ? USB_MODE_DOWNLOAD : USB_MODE_SKETCH,
                           &chip_esp32s3, &firmware_esp32s3, RETURN_MS);
    }
}

/* JTAG is not there, and neither is what esptool would flash by. */
static size_t take(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len)
{
    if (channel != 0 || board->hardware->mode != USB_MODE_SKETCH) {
        return len;
    }
    return usb_firmware_echo(board, channel, bytes, len);
}

static const struct usb_hardware_kind kind = {.flash_bytes = FLASH_BYTES};

const struct usb_firmware firmware_esp32s3 = {
    .name = "esp32s3",
    .kind = &kind,
    .state_bytes = sizeof(struct esp32s3),
    .start = start,
    .take = take,
    .on_line_state = on_line_state,
};
