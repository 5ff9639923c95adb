#include "usb_standard.h"

#include <string.h>

#include "shared/core/error.h"

enum usb_string_index {
    STRING_LANGUAGES,
    STRING_MANUFACTURER,
    STRING_PRODUCT,
    STRING_SERIAL,
    STRING_INTERFACES, /* one for each from here on */
};

enum {
    REQUEST_GET_STATUS = 0,
    REQUEST_GET_DESCRIPTOR = 6,
    REQUEST_GET_CONFIGURATION = 8,
    REQUEST_SET_CONFIGURATION = 9,
    REQUEST_GET_INTERFACE = 10,
    LANGUAGE_ENGLISH_US = 0x0409,
    CONFIGURATION_VALUE = 1,
    HIGH_SPEED_BULK_BYTES = 512,
    SUPER_SPEED_BULK_BYTES = 1024,
    CAPABILITY_USB_2_EXTENSION = 2,
    CAPABILITY_SUPER_SPEED = 3,
    SPEEDS_SUPPORTED = 0x000e, /* full, high, super */
    MAX_POWER_2_MA = 50,
};

static const char *board_string(const struct usb_board *board, unsigned index)
{
    switch (index) {
    case STRING_MANUFACTURER:
        return board->chip->manufacturer;
    case STRING_PRODUCT:
        return board->product[0] != '\0' ? board->product : NULL;
    case STRING_SERIAL:
        return board->serial[0] != '\0' ? board->serial : NULL;
    default:
        break;
    }
    if (index >= STRING_INTERFACES && index - STRING_INTERFACES < board->chip->interface_count) {
        return board->chip->interfaces[index - STRING_INTERFACES].name;
    }
    return NULL;
}

static uint8_t string_index(const struct usb_board *board, unsigned index)
{
    return board_string(board, index) ? (uint8_t)index : 0;
}

static void put_class(struct usb_descriptor *descriptor, const struct usb_class *class)
{
    usb_descriptor_u8(descriptor, class->code);
    usb_descriptor_u8(descriptor, class->subclass);
    usb_descriptor_u8(descriptor, class->protocol);
}

/* The fields that a device descriptor and a device qualifier share. */
static void put_device_start(const struct usb_board *board, struct usb_descriptor *descriptor,
                             uint8_t len, enum usb_descriptor_type type)
{
    uint16_t bcd_usb = board->chip->bcd_usb;
    if (board->speed == USB_SPEED_HIGH && bcd_usb < 0x0200) {
        bcd_usb = 0x0200; /* A high-speed device cannot be of an older version. */
    }
    usb_descriptor_u8(descriptor, len);
    usb_descriptor_u8(descriptor, (uint8_t)type);
    usb_descriptor_u16(descriptor, bcd_usb);
    put_class(descriptor, &board->chip->class);
    usb_descriptor_u8(descriptor,
                      board->speed == USB_SPEED_HIGH ? 64 : board->chip->packet_bytes_0);
}

static int put_device(const struct usb_board *board, unsigned index,
                      struct usb_descriptor *descriptor)
{
    (void)index;
    put_device_start(board, descriptor, 18, USB_DESCRIPTOR_DEVICE);
    usb_descriptor_u16(descriptor, board->vid);
    usb_descriptor_u16(descriptor, board->pid);
    usb_descriptor_u16(descriptor, board->chip->bcd_device);
    usb_descriptor_u8(descriptor, string_index(board, STRING_MANUFACTURER));
    usb_descriptor_u8(descriptor, string_index(board, STRING_PRODUCT));
    usb_descriptor_u8(descriptor, string_index(board, STRING_SERIAL));
    usb_descriptor_u8(descriptor, 1); /* bNumConfigurations */
    return usb_descriptor_finish(descriptor);
}

static int put_qualifier(const struct usb_board *board, unsigned index,
                         struct usb_descriptor *descriptor)
{
    (void)index;
    if (board->speed != USB_SPEED_HIGH) {
        return ERR_NOT_FOUND; /* A device without another speed stalls this. */
    }
    put_device_start(board, descriptor, 10, USB_DESCRIPTOR_DEVICE_QUALIFIER);
    usb_descriptor_u8(descriptor, 1);
    usb_descriptor_u8(descriptor, 0);
    return usb_descriptor_finish(descriptor);
}

static uint16_t packet_bytes(const struct usb_board *board, const struct usb_endpoint *endpoint)
{
    if (endpoint->kind != USB_ENDPOINT_BULK || board->speed == USB_SPEED_FULL) {
        return endpoint->packet_bytes;
    }
    return board->speed == USB_SPEED_HIGH ? HIGH_SPEED_BULK_BYTES : SUPER_SPEED_BULK_BYTES;
}

static void put_companion(const struct usb_endpoint *endpoint, struct usb_descriptor *descriptor)
{
    bool is_interrupt = endpoint->kind == USB_ENDPOINT_INTERRUPT;
    usb_descriptor_u8(descriptor, 6);
    usb_descriptor_u8(descriptor, USB_DESCRIPTOR_ENDPOINT_COMPANION);
    usb_descriptor_u8(descriptor, 0); /* bMaxBurst */
    usb_descriptor_u8(descriptor, 0);
    usb_descriptor_u16(descriptor, is_interrupt ? endpoint->packet_bytes : 0);
}

static void put_endpoint(const struct usb_board *board, const struct usb_endpoint *endpoint,
                         struct usb_descriptor *descriptor)
{
    usb_descriptor_u8(descriptor, 7);
    usb_descriptor_u8(descriptor, USB_DESCRIPTOR_ENDPOINT);
    usb_descriptor_u8(descriptor, endpoint->address);
    usb_descriptor_u8(descriptor, (uint8_t)endpoint->kind);
    usb_descriptor_u16(descriptor, packet_bytes(board, endpoint));
    usb_descriptor_u8(descriptor, endpoint->interval);
    if (board->speed == USB_SPEED_SUPER) {
        put_companion(endpoint, descriptor);
    }
}

static void put_interface(const struct usb_board *board, uint8_t number,
                          struct usb_descriptor *descriptor)
{
    const struct usb_interface *interface = &board->chip->interfaces[number];
    usb_descriptor_bytes(descriptor, interface->before, interface->before_len);
    usb_descriptor_u8(descriptor, 9);
    usb_descriptor_u8(descriptor, USB_DESCRIPTOR_INTERFACE);
    usb_descriptor_u8(descriptor, number);
    usb_descriptor_u8(descriptor, 0); /* bAlternateSetting */
    usb_descriptor_u8(descriptor, (uint8_t)interface->endpoint_count);
    put_class(descriptor, &interface->class);
    usb_descriptor_u8(descriptor, string_index(board, STRING_INTERFACES + number));
    usb_descriptor_bytes(descriptor, interface->functional, interface->functional_len);
    for (size_t i = 0; i < interface->endpoint_count; i++) {
        put_endpoint(board, &interface->endpoints[i], descriptor);
    }
}

static int put_configuration(const struct usb_board *board, unsigned index,
                             struct usb_descriptor *descriptor)
{
    if (index != 0) {
        return ERR_NOT_FOUND;
    }
    usb_descriptor_u8(descriptor, 9);
    usb_descriptor_u8(descriptor, USB_DESCRIPTOR_CONFIGURATION);
    usb_descriptor_u16(descriptor, 0); /* wTotalLength, known at the end */
    usb_descriptor_u8(descriptor, (uint8_t)board->chip->interface_count);
    usb_descriptor_u8(descriptor, CONFIGURATION_VALUE);
    usb_descriptor_u8(descriptor, 0); /* iConfiguration */
    usb_descriptor_u8(descriptor, board->chip->attributes);
    usb_descriptor_u8(descriptor, MAX_POWER_2_MA);
    for (size_t i = 0; i < board->chip->interface_count; i++) {
        put_interface(board, (uint8_t)i, descriptor);
    }
    return usb_descriptor_finish_configuration(descriptor);
}

/* What a device of USB 3 has beyond its descriptor: no power states of the link, and its speeds. */
static int put_bos(const struct usb_board *board, unsigned index, struct usb_descriptor *descriptor)
{
    enum { BOS_BYTES = 5, EXTENSION_BYTES = 7, SUPER_SPEED_BYTES = 10 };
    if (board->speed != USB_SPEED_SUPER || index != 0) {
        return ERR_NOT_FOUND;
    }
    usb_descriptor_u8(descriptor, BOS_BYTES);
    usb_descriptor_u8(descriptor, USB_DESCRIPTOR_BOS);
    usb_descriptor_u16(descriptor, BOS_BYTES + EXTENSION_BYTES + SUPER_SPEED_BYTES);
    usb_descriptor_u8(descriptor, 2); /* bNumDeviceCaps */
    usb_descriptor_u8(descriptor, EXTENSION_BYTES);
    usb_descriptor_u8(descriptor, USB_DESCRIPTOR_CAPABILITY);
    usb_descriptor_u8(descriptor, CAPABILITY_USB_2_EXTENSION);
    usb_descriptor_u16(descriptor, 0);
    usb_descriptor_u16(descriptor, 0);
    usb_descriptor_u8(descriptor, SUPER_SPEED_BYTES);
    usb_descriptor_u8(descriptor, USB_DESCRIPTOR_CAPABILITY);
    usb_descriptor_u8(descriptor, CAPABILITY_SUPER_SPEED);
    usb_descriptor_u8(descriptor, 0);
    usb_descriptor_u16(descriptor, SPEEDS_SUPPORTED);
    usb_descriptor_u8(descriptor, 1);  /* works from full speed on */
    usb_descriptor_u8(descriptor, 0);  /* exit latency of U1 */
    usb_descriptor_u16(descriptor, 0); /* and of U2 */
    return usb_descriptor_finish(descriptor);
}

static int put_string(const struct usb_board *board, unsigned index,
                      struct usb_descriptor *descriptor)
{
    const char *text = board_string(board, index);
    if (index == STRING_LANGUAGES) {
        usb_descriptor_u8(descriptor, 4);
        usb_descriptor_u8(descriptor, USB_DESCRIPTOR_STRING);
        usb_descriptor_u16(descriptor, LANGUAGE_ENGLISH_US);
        return usb_descriptor_finish(descriptor);
    }
    if (!text) {
        return ERR_NOT_FOUND;
    }
    usb_descriptor_string(descriptor, text);
    return usb_descriptor_finish(descriptor);
}

int usb_standard_descriptor(const struct usb_board *board, uint16_t value,
                            struct usb_descriptor *descriptor)
{
    static const struct {
        uint8_t type;
        int (*put)(const struct usb_board *, unsigned index, struct usb_descriptor *);
    } kinds[] = {
        {USB_DESCRIPTOR_DEVICE, put_device}, {USB_DESCRIPTOR_CONFIGURATION, put_configuration},
        {USB_DESCRIPTOR_STRING, put_string}, {USB_DESCRIPTOR_DEVICE_QUALIFIER, put_qualifier},
        {USB_DESCRIPTOR_BOS, put_bos},
    };

    usb_descriptor_init(descriptor);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].type == value >> 8) {
            return kinds[i].put(board, value & 0xff, descriptor);
        }
    }
    return ERR_NOT_FOUND;
}

static int get_descriptor(const struct usb_board *board, const struct usb_setup *setup,
                          uint8_t *data)
{
    struct usb_descriptor descriptor;
    size_t len;
    int error = usb_standard_descriptor(board, setup->value, &descriptor);
    if (error != 0) {
        return error;
    }
    len = descriptor.len_bytes < setup->length ? descriptor.len_bytes : setup->length;
    memcpy(data, descriptor.bytes, len);
    return (int)len;
}

static int shorter(int len, const struct usb_setup *setup)
{
    return len < setup->length ? len : setup->length;
}

int usb_standard_control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    if (!(setup->request_type & USB_ENDPOINT_IN)) {
        if (setup->request == REQUEST_SET_CONFIGURATION) {
            board->configuration = (uint8_t)setup->value;
        }
        return 0; /* SET_INTERFACE and the features change nothing that is modelled here. */
    }
    switch (setup->request) {
    case REQUEST_GET_DESCRIPTOR:
        return get_descriptor(board, setup, data);
    case REQUEST_GET_STATUS:
        return shorter(2, setup);
    case REQUEST_GET_CONFIGURATION:
        if (setup->length > 0) {
            data[0] = board->configuration;
        }
        return shorter(1, setup);
    case REQUEST_GET_INTERFACE:
        return shorter(1, setup);
    default:
        return ERR_UNSUPPORTED;
    }
}
