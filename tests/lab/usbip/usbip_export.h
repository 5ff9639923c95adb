/* A board as the USB/IP server exports it: its place on Windows' hub, its Windows instance id, who
 * has it, and the faults that tests plant. And the bounded table of all of them. */
#ifndef TTYFERRY_LAB_USBIP_EXPORT_H
#define TTYFERRY_LAB_USBIP_EXPORT_H

#include <stdint.h>

#include "usb_board.h"

enum {
    USBIP_EXPORT_MAX = 64,
    USBIP_BUSID_BYTES = 32,
    USBIP_PATH_BYTES = 256,
    USBIP_BUSID_MAX_NUMBER = 99, /* usbipd-win's own limit for either part */
};

/* As IMPORT replies carry them; NO_DEVICE is also the answer while another import is on its way. */
enum usbip_import_status {
    USBIP_IMPORT_OK = 0,
    USBIP_IMPORT_ATTACHED = 2,
    USBIP_IMPORT_NO_DEVICE = 4,
};

enum usbip_export_state {
    USBIP_EXPORT_IDLE,
    USBIP_EXPORT_CAPTURING, /* an import is on its way: in no list, and refused to others */
    USBIP_EXPORT_ATTACHED,
    USBIP_EXPORT_RELEASING, /* Windows gets it back: in no list, and refused */
    USBIP_EXPORT_AWAY,      /* it has left the bus, and will return: the same */
};

/* What the server wants Windows to do, where a controller plays that half of usbipd-win. */
enum usbip_windows_event {
    USBIP_WINDOWS_IMPORT,    /* capture it, then usbip_server_captured or usbip_server_refuse */
    USBIP_WINDOWS_RELEASED,  /* the client hung up: give it back, then usbip_server_freed */
    USBIP_WINDOWS_ABANDONED, /* it hung up before the reply; the same */
    USBIP_WINDOWS_LEAVES,    /* board->departure: unplug it, and plug what it returns as */
};

struct usbip_export;

typedef void usbip_on_windows_event(void *context, enum usbip_windows_event event,
                                    const struct usbip_export *item);

/* Bytes of a reply that are overwritten, as a server would that has gone mad. */
struct usbip_patch {
    size_t at;
    size_t len; /* 0: none */
    uint8_t value;
};

/* What goes wrong with the next imports. */
struct usbip_fault {
    unsigned times;    /* imports it still applies to; 0: none */
    long cut_reply_at; /* hang up after so many bytes of the reply; -1: do not */
    uint32_t status;   /* other than 0: refuse with it */
    unsigned delay_ms; /* before the reply */
    unsigned drip_ms;  /* between the bytes of the reply; 0: they go at once */
    struct usbip_patch patch;
};

/* All strings are copied; instance NULL makes one up from the ids. */
struct usbip_export_config {
    struct usb_board_config board;
    const char *busid;
    const char *instance;
    const char *hardware; /* of a board with firmware: its name, or NULL for the busid */
    unsigned delay_us;    /* before each answer to a URB */
    bool shared;          /* bound or allowed by policy */
};

/* What a board was plugged in as, for when its firmware runs again. */
struct usbip_identity {
    const struct usb_firmware *firmware;
    uint16_t vid;
    uint16_t pid;
    char product[USB_BOARD_MAX_STRING];
    char serial[USB_BOARD_MAX_STRING];
    char instance[USBIP_PATH_BYTES];
};

struct usbip_export {
    struct usb_board *board; /* owned */
    struct usbip_identity identity;
    char busid[USBIP_BUSID_BYTES];
    uint32_t hub;
    uint32_t port;
    char instance[USBIP_PATH_BYTES];
    unsigned delay_us;
    bool shared;
    bool is_stalled; /* URBs are taken and not answered */
    enum usbip_export_state state;
    uint64_t imports; /* that succeeded */
    struct usbip_fault fault;
    bool is_leaving_told; /* to the controller, which sees to it */
    int64_t return_us;    /* of the board's clock, while it is away */
};

struct usbip_export_table {
    struct usbip_export *items[USBIP_EXPORT_MAX]; /* owned */
    size_t count;
    usbip_on_windows_event *on_windows_event; /* NULL: an import is a matter of the server alone */
    void *context;
};

/* "HUB-PORT", both 1 to 99 without leading zeros. Returns 0 or ERR_INVALID. */
int usbip_export_parse_busid(const char *busid, uint32_t *hub, uint32_t *port);

/* 0, ERR_EXISTS (busid taken), ERR_FULL, ERR_INVALID (busid, or a string that is not UTF-8),
 * ERR_TOO_LONG (a string), ERR_NOMEM. */
int usbip_export_add(struct usbip_export_table *table, const struct usbip_export_config *config);

/* The table keeps it; NULL if there is none. */
struct usbip_export *usbip_export_find(const struct usbip_export_table *table, const char *busid);

/* Takes the export out of its table and frees it. No session may hold it. */
void usbip_export_remove(struct usbip_export_table *table, struct usbip_export *item);

/* A board that is away returns, as its departure says. No session may hold it. 0 or ERR_NOMEM; it
 * stays away then. */
int usbip_export_return(struct usbip_export *item);

void usbip_export_clear(struct usbip_export_table *table);

#endif
