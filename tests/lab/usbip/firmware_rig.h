/* A board with firmware on the bench, for tests: its clock is set by hand, and what it sends is
 * kept. Every function asserts that nothing fails on the way. */
#ifndef TTYFERRY_LAB_FIRMWARE_RIG_H
#define TTYFERRY_LAB_FIRMWARE_RIG_H

#include "usb_firmware.h"

enum { FIRMWARE_RIG_RECEIVED_BYTES = 8192 };

struct firmware_rig {
    struct usb_hardware hardware;
    struct usb_board *board;
    uint8_t received[FIRMWARE_RIG_RECEIVED_BYTES]; /* since the last look */
    size_t received_len;
    bool is_reading;
    int32_t status; /* of the last control request */
    uint8_t answer[USB_BOARD_MAX_TRANSFER_BYTES];
    uint32_t answer_len;
    uint32_t next_id;
};

/* A new board. The rig is zeroed first. */
void firmware_rig_start(struct firmware_rig *rig, const char *chip, const char *firmware);
void firmware_rig_stop(struct firmware_rig *rig);

/* Time passes. */
void firmware_rig_pass(struct firmware_rig *rig, int64_t us);

/* The board has left the bus, as chip and firmware; it returns. */
void firmware_rig_return(struct firmware_rig *rig, const char *chip, const char *firmware);

/* Somebody pulls the board and plugs it in again. */
void firmware_rig_plug_again(struct firmware_rig *rig);

void firmware_rig_write(struct firmware_rig *rig, const void *bytes, size_t len);

/* The board has sent exactly this since the last look. */
void firmware_rig_expect(struct firmware_rig *rig, const void *bytes, size_t len);

/* Returns the status; rig->answer has what came back. */
int32_t firmware_rig_control(struct firmware_rig *rig, const struct usb_setup *setup,
                             const void *data);

/* The two in the requests of CDC. */
void firmware_rig_cdc_lines(struct firmware_rig *rig, unsigned line_state);
void firmware_rig_cdc_rate(struct firmware_rig *rig, uint32_t baud);

#endif
