#include "usb_descriptor.h"

#include <stdbool.h>
#include <string.h>

#include "shared/core/error.h"

enum { OFFSET_TOTAL_LENGTH = 2, STRING_HEADER_BYTES = 2 };

void usb_descriptor_init(struct usb_descriptor *descriptor)
{
    descriptor->len_bytes = 0;
    descriptor->error = 0;
}

static void fail(struct usb_descriptor *descriptor, int error)
{
    if (descriptor->error == 0) {
        descriptor->error = error;
    }
}

void usb_descriptor_u8(struct usb_descriptor *descriptor, uint8_t value)
{
    usb_descriptor_bytes(descriptor, &value, 1);
}

void usb_descriptor_u16(struct usb_descriptor *descriptor, uint16_t value)
{
    const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8)};
    usb_descriptor_bytes(descriptor, bytes, sizeof bytes);
}

void usb_descriptor_bytes(struct usb_descriptor *descriptor, const uint8_t *bytes, size_t len)
{
    if (len > sizeof descriptor->bytes - descriptor->len_bytes) {
        fail(descriptor, ERR_TOO_LONG);
    }
    if (descriptor->error == 0 && len > 0) {
        memcpy(descriptor->bytes + descriptor->len_bytes, bytes, len);
        descriptor->len_bytes += len;
    }
}

/* How many continuation bytes follow a UTF-8 lead byte, and the bits it carries; -1 for none such.
 */
static int decode_lead(uint8_t lead, uint32_t *bits)
{
    static const struct {
        uint8_t mask;
        uint8_t value;
        int following;
    } leads[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 1}, {0xf0, 0xe0, 2}, {0xf8, 0xf0, 3}};

    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if ((lead & leads[i].mask) == leads[i].value) {
            *bits = lead & (uint8_t)~leads[i].mask;
            return leads[i].following;
        }
    }
    return -1;
}

/* Reads one code point and moves *text past it; false where the text is not UTF-8. */
static bool decode_code_point(const char **text, uint32_t *code_point)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    uint32_t value = 0;
    int following = decode_lead((uint8_t) * *text, &value);
    if (following < 0) {
        return false;
    }
    for (int i = 1; i <= following; i++) {
        uint8_t byte = (uint8_t)(*text)[i];
        if ((byte & 0xc0) != 0x80) {
            return false; /* The terminating NUL ends up here too, so nothing is read past it. */
        }
        value = value << 6 | (byte & 0x3f);
    }
    if (value < smallest[following] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return false;
    }
    *text += following + 1;
    *code_point = value;
    return true;
}

void usb_descriptor_string(struct usb_descriptor *descriptor, const char *text)
{
    size_t start = descriptor->len_bytes;
    size_t len_bytes;
    uint32_t code_point;
    usb_descriptor_u8(descriptor, 0);
    usb_descriptor_u8(descriptor, USB_DESCRIPTOR_STRING);
    while (*text != '\0') {
        if (!decode_code_point(&text, &code_point)) {
            fail(descriptor, ERR_INVALID);
            return;
        }
        if (code_point >= 0x10000) {
            code_point -= 0x10000;
            usb_descriptor_u16(descriptor, (uint16_t)(0xd800 | code_point >> 10));
            code_point = 0xdc00 | (code_point & 0x3ff);
        }
        usb_descriptor_u16(descriptor, (uint16_t)code_point);
    }
    len_bytes = descriptor->len_bytes - start;
    if (len_bytes > STRING_HEADER_BYTES + 2 * USB_STRING_MAX_UNITS) {
        fail(descriptor, ERR_TOO_LONG);
    }
    if (descriptor->error == 0) {
        descriptor->bytes[start] = (uint8_t)len_bytes;
    }
}

int usb_descriptor_finish_configuration(struct usb_descriptor *descriptor)
{
    if (descriptor->error == 0) {
        descriptor->bytes[OFFSET_TOTAL_LENGTH] = (uint8_t)descriptor->len_bytes;
        descriptor->bytes[OFFSET_TOTAL_LENGTH + 1] = (uint8_t)(descriptor->len_bytes >> 8);
    }
    return descriptor->error;
}

int usb_descriptor_finish(const struct usb_descriptor *descriptor)
{
    return descriptor->error;
}
