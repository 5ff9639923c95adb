/* What runs on a board: a table of handlers, one firmware_<name>.c each, and what they can do.
 *
 * A firmware hears the host's bytes, the lines, control requests and its one timer. It answers by
 * usb_firmware_send, and may leave the bus to return as another chip with another firmware, or as
 * the same. A board without firmware echoes. */
#ifndef TTYFERRY_LAB_USB_FIRMWARE_H
#define TTYFERRY_LAB_USB_FIRMWARE_H

#include "usb_board.h"
#include "usb_hardware.h"

struct usb_firmware {
    const char *name;
    const struct usb_hardware_kind *kind;
    size_t state_bytes; /* of board->firmware_state, zeros at first */

    /* The board has power, or returns from a reset (hardware->is_returning). */
    void (*start)(struct usb_board *board);

    /* Bytes from the host. Returns how many it takes; the rest is offered again later. */
    size_t (*take)(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len);

    /* The host has set the lines, which were `before`, maybe to what they were. NULL: no matter. */
    void (*on_line_state)(struct usb_board *board, unsigned before);

    /* A class or vendor request ahead of the chip, as usb_chip's control. ERR_NOT_FOUND leaves it
     * to the chip. NULL: all of them. */
    int (*control)(struct usb_board *board, const struct usb_setup *setup, uint8_t *data);

    /* The time of usb_firmware_wake_after has come. NULL: there is none. */
    void (*on_wake)(struct usb_board *board);
};

extern const struct usb_firmware firmware_caterina;
extern const struct usb_firmware firmware_cmsis_dap;
extern const struct usb_firmware firmware_counter;
extern const struct usb_firmware firmware_esp32;
extern const struct usb_firmware firmware_esp32s3;
extern const struct usb_firmware firmware_leonardo;
extern const struct usb_firmware firmware_optiboot;
extern const struct usb_firmware firmware_stm32;
extern const struct usb_firmware firmware_stm32_dfu;

extern const struct usb_hardware_kind hardware_leonardo;
extern const struct usb_hardware_kind hardware_stm32;

/* NULL for a name that no firmware has. */
const struct usb_firmware *usb_firmware_find(const char *name);

/* A `take` that sends everything back. */
size_t usb_firmware_echo(struct usb_board *board, uint8_t channel, const uint8_t *bytes,
                         size_t len);

/* An `on_line_state` for sketches with a CDC-ACM function: wakes the firmware 120 ms after DTR was
 * dropped at 1200 baud, unless that is taken back in time. Arduino's cores use their watchdog. */
void usb_firmware_heed_touch(struct usb_board *board, unsigned before);

/* To the host. What does not fit the channel's FIFO is lost, as on a line without flow control. */
void usb_firmware_send(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len);

/* Sets the timer, in place of what it was set to. */
void usb_firmware_wake_after(struct usb_board *board, int64_t us);
void usb_firmware_sleep(struct usb_board *board);

/* A reset that keeps the board on the bus. */
void usb_firmware_reset(struct usb_board *board, enum usb_mode mode);

/* A reset that takes it off the bus: it is mute from here on. It returns with `firmware` on `chip`
 * after after_ms. */
void usb_firmware_leave(struct usb_board *board, enum usb_mode mode, const struct usb_chip *chip,
                        const struct usb_firmware *firmware, unsigned after_ms);

#endif
