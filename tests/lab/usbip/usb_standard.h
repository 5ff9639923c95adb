/* The standard requests of USB 2.0 chapter 9, as a board answers them. */
#ifndef TTYFERRY_LAB_USB_STANDARD_H
#define TTYFERRY_LAB_USB_STANDARD_H

#include "usb_board.h"

/* Builds what GET_DESCRIPTOR answers for wValue. Returns 0, ERR_NOT_FOUND for a descriptor the
 * board does not have, or what usb_descriptor_finish reports. */
int usb_standard_descriptor(const struct usb_board *board, uint16_t value,
                            struct usb_descriptor *descriptor);

/* A standard control request; data and result as with usb_chip's control. */
int usb_standard_control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data);

#endif
