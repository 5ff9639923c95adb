/* Builds USB descriptors byte by byte into a bounded buffer.
 *
 * Nothing is checked at each step: a buffer that ran over, or a string that is not UTF-8, marks the
 * descriptor as failed, later additions do nothing, and usb_descriptor_finish reports it. */
#ifndef TTYFERRY_LAB_USB_DESCRIPTOR_H
#define TTYFERRY_LAB_USB_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

enum {
    USB_DESCRIPTOR_MAX_BYTES = 512,
    USB_STRING_MAX_UNITS = 126, /* UTF-16 units that fit, since bLength is one byte */
};

enum usb_descriptor_type {
    USB_DESCRIPTOR_DEVICE = 1,
    USB_DESCRIPTOR_CONFIGURATION = 2,
    USB_DESCRIPTOR_STRING = 3,
    USB_DESCRIPTOR_INTERFACE = 4,
    USB_DESCRIPTOR_ENDPOINT = 5,
    USB_DESCRIPTOR_DEVICE_QUALIFIER = 6,
    USB_DESCRIPTOR_BOS = 15,
    USB_DESCRIPTOR_CAPABILITY = 16,
    USB_DESCRIPTOR_ENDPOINT_COMPANION = 48,
};

struct usb_descriptor {
    uint8_t bytes[USB_DESCRIPTOR_MAX_BYTES];
    size_t len_bytes;
    int error; /* 0, or the first ERR_* */
};

void usb_descriptor_init(struct usb_descriptor *descriptor);

void usb_descriptor_u8(struct usb_descriptor *descriptor, uint8_t value);

/* Little-endian, as everything on the USB wire is. */
void usb_descriptor_u16(struct usb_descriptor *descriptor, uint16_t value);

void usb_descriptor_bytes(struct usb_descriptor *descriptor, const uint8_t *bytes, size_t len);

/* A whole string descriptor of NUL-terminated UTF-8 text; control characters pass unchanged. */
void usb_descriptor_string(struct usb_descriptor *descriptor, const char *text);

/* Sets wTotalLength of the configuration descriptor at the start, and answers for all that was
 * added: 0, ERR_TOO_LONG (buffer or string) or ERR_INVALID (not UTF-8). */
int usb_descriptor_finish_configuration(struct usb_descriptor *descriptor);
int usb_descriptor_finish(const struct usb_descriptor *descriptor);

#endif
