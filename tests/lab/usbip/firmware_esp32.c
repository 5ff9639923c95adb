/* An ESP32 behind a USB serial chip, with the usual two transistors: EN is low while RTS alone is
 * asserted, IO0 while DTR alone is. EN comes back by a resistor and a capacitor; when it is up,
 * IO0 says whether the chip waits for a download or boots. Of the download protocol there is what
 * esptool begins with, a SYNC. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "usb_firmware.h"

enum {
    EN_RISE_US = 7000, /* 10 kOhm and 1 uF */
    FLASH_BYTES = 65536,

    SLIP_END = 0xc0,
    DIRECTION_REQUEST = 0,
    OPERATION_SYNC = 8,
    SYNC_BYTES = 44, /* a header of 8, and 36 bytes */
    SYNC_REPLIES = 8,
};

struct esp32 {
    bool is_held; /* EN is low */
    bool is_rising;
    uint8_t frame[SYNC_BYTES];
    size_t len; /* of the frame as far as it has come, and more if it does not fit */
};

static void start(struct usb_board *board)
{
    board->hardware->mode = USB_MODE_SKETCH;
}

static void on_line_state(struct usb_board *board, unsigned before)
{
    struct esp32 *esp = board->firmware_state;
    (void)before;
    if (board->line_state == USB_LINE_RTS) {
        esp->is_held = true;
        esp->is_rising = false;
        usb_firmware_sleep(board);
    } else if (esp->is_held && !esp->is_rising) {
        esp->is_rising = true;
        usb_firmware_wake_after(board, EN_RISE_US);
    }
}

static void say(struct usb_board *board, const char *text, int len)
{
    usb_firmware_send(board, 0, (const uint8_t *)text, (size_t)len);
}

static void on_wake(struct usb_board *board)
{
    char text[128];
    bool is_io0_low = board->line_state == USB_LINE_DTR;
    *(struct esp32 *)board->firmware_state = (struct esp32){0};
    usb_firmware_reset(board, is_io0_low ? USB_MODE_DOWNLOAD : USB_MODE_SKETCH);
    if (is_io0_low) {
        say(board, text,
            snprintf(text, sizeof text,
                     "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))"
                     "\r\nwaiting for download\r\n"));
    } else {
        say(board, text,
            snprintf(text, sizeof text, "boot %" PRIu32 "\r\n",
                     board->hardware->resets[USB_MODE_SKETCH]));
    }
}

static void run_frame(struct usb_board *board, const struct esp32 *esp)
{
    static const uint8_t reply[] = {SLIP_END, 1, OPERATION_SYNC, 4, 0, 0x07, 0x07, 0x12, 0x20, 0, 0,
                                    0,        0, SLIP_END};
    if (esp->len != SYNC_BYTES || esp->frame[0] != DIRECTION_REQUEST ||
        esp->frame[1] != OPERATION_SYNC) {
        return;
    }
    for (int i = 0; i < SYNC_REPLIES; i++) {
        usb_firmware_send(board, 0, reply, sizeof reply);
    }
}

/* A SYNC has no byte that SLIP would escape. */
static void take_byte(struct usb_board *board, struct esp32 *esp, uint8_t byte)
{
    if (byte == SLIP_END) {
        run_frame(board, esp);
        esp->len = 0;
        return;
    }
    if (esp->len < sizeof esp->frame) {
        esp->frame[esp->len] = byte;
    }
    esp->len++;
}

static size_t take(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len)
{
    struct esp32 *esp = board->firmware_state;
    if (esp->is_held) {
        return len;
    }
    if (board->hardware->mode == USB_MODE_SKETCH) {
        return usb_firmware_echo(board, channel, bytes, len);
    }
    for (size_t i = 0; i < len; i++) {
        take_byte(board, esp, bytes[i]);
    }
    return len;
}

static const struct usb_hardware_kind kind = {.flash_bytes = FLASH_BYTES};

const struct usb_firmware firmware_esp32 = {
    .name = "esp32",
    .kind = &kind,
    .state_bytes = sizeof(struct esp32),
    .start = start,
    .take = take,
    .on_line_state = on_line_state,
    .on_wake = on_wake,
};
