/* What makes one USB serial chip differ from another: a table of constants, and a handler for the
 * class and vendor requests that its Linux driver depends on.
 *
 * A further chip is one more chip_<name>.c with such a table, and a line in usb_chip.c. */
#ifndef TTYFERRY_LAB_USB_CHIP_H
#define TTYFERRY_LAB_USB_CHIP_H

#include <stddef.h>
#include <stdint.h>

struct usb_board;

enum {
    USB_CHIP_MAX_INTERFACES = 4,
    USB_CHIP_MAX_ENDPOINTS = 3, /* of one interface, endpoint 0 not counted */
    USB_CHIP_MAX_CHANNELS = 2,  /* serial lines; each has a FIFO of its own */
};

enum usb_endpoint_kind { USB_ENDPOINT_BULK = 2, USB_ENDPOINT_INTERRUPT = 3 };

enum { USB_ENDPOINT_IN = 0x80 }; /* the direction bit of an endpoint address */

struct usb_endpoint {
    uint8_t address;
    enum usb_endpoint_kind kind;
    uint16_t packet_bytes; /* at full speed; a bulk endpoint has 512 at high speed */
    uint8_t interval;
    uint8_t channel; /* the serial line that a bulk endpoint belongs to */
};

struct usb_class {
    uint8_t code;
    uint8_t subclass;
    uint8_t protocol;
};

struct usb_interface {
    struct usb_class class;
    const char *name;      /* iInterface's string, or NULL */
    const uint8_t *before; /* descriptors ahead of the interface's own: an association */
    size_t before_len;
    const uint8_t *functional; /* class-specific descriptors after it */
    size_t functional_len;
    struct usb_endpoint endpoints[USB_CHIP_MAX_ENDPOINTS];
    size_t endpoint_count;
};

/* A control request's eight bytes, decoded. */
struct usb_setup {
    uint8_t request_type;
    uint8_t request;
    uint16_t value;
    uint16_t index;
    uint16_t length;
};

struct usb_chip {
    const char *name;
    uint16_t vid;
    uint16_t pid;
    uint16_t bcd_usb;
    uint16_t bcd_device;
    struct usb_class class;
    uint8_t packet_bytes_0; /* of endpoint 0; at SuperSpeed its logarithm */
    uint8_t attributes;     /* bmAttributes of the configuration */
    const char *manufacturer;
    const char *product;
    const char *serial; /* this and the two above: NULL where the chip has no such string */
    const uint8_t *packet_header; /* at the start of each bulk packet to the host, or NULL */
    size_t packet_header_len;
    struct usb_interface interfaces[USB_CHIP_MAX_INTERFACES];
    size_t interface_count;
    size_t channel_count;

    /* A class or vendor request. data has setup->length bytes: zeros to be filled in for a request
     * to the host, else what the host sent. Returns how many bytes go to the host (0 for a request
     * to the board), or an ERR_* that stalls. */
    int (*control)(struct usb_board *board, const struct usb_setup *setup, uint8_t *data);
};

extern const struct usb_chip chip_caterina;
extern const struct usb_chip chip_cdc_acm;
extern const struct usb_chip chip_cdc_super;
extern const struct usb_chip chip_ch341;
extern const struct usb_chip chip_cmsis_dap;
extern const struct usb_chip chip_cp2102;
extern const struct usb_chip chip_dfu;
extern const struct usb_chip chip_dual_cdc;
extern const struct usb_chip chip_esp32s3;
extern const struct usb_chip chip_ft232r;
extern const struct usb_chip chip_pl2303;
extern const struct usb_chip chip_stm32_vcp;

/* The class requests of a CDC-ACM function, for the tables of such chips. */
int usb_chip_cdc_control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data);

/* NULL for a name that no chip has. */
const struct usb_chip *usb_chip_find(const char *name);

#endif
