/* What sysfs says about one USB device: its interfaces, their drivers, the ttys below them. */
#ifndef TTYFERRY_GUEST_USB_TREE_H
#define TTYFERRY_GUEST_USB_TREE_H

#include <stddef.h>

#include "guest-linux/sysfs.h"
#include "shared/core/board.h"
#include "shared/core/serial_names.h"

/* USB allows more; the kernel itself stops at 32 (USB_MAXINTERFACES). */
#define USB_TREE_INTERFACES_MAX 32
#define USB_TREE_MODALIAS_SIZE 128
/* 126 UTF-16 units, a line feed, and the terminator. */
#define USB_TREE_STRING_SIZE (126 * 3 + 2)

struct usb_tree_tty {
    char name[SYSFS_NAME_SIZE]; /* "ttyACM0" */
    unsigned major;
    unsigned minor;
    int port; /* usb-serial's port_number; SERIAL_NAMES_NO_PORT for other drivers */
};

struct usb_tree_interface {
    char name[SYSFS_NAME_SIZE];   /* "1-1:1.0" */
    int number;                   /* bInterfaceNumber */
    char driver[SYSFS_NAME_SIZE]; /* empty if none is bound */
    char modalias[USB_TREE_MODALIAS_SIZE];
    struct usb_tree_tty ttys[BOARD_TTYS_MAX]; /* by name */
    size_t tty_count;
};

struct usb_tree {
    char devpath[SYSFS_PATH_SIZE];
    uint16_t vid;
    uint16_t pid;
    /* What the device says of itself, in UTF-8, a USB string each; empty if it says nothing, and
     * until usb_tree_read_strings. */
    char manufacturer[USB_TREE_STRING_SIZE];
    char product[USB_TREE_STRING_SIZE];
    char serial[USB_TREE_STRING_SIZE];
    unsigned busnum;
    unsigned devnum;
    unsigned major; /* of the device's own node, /dev/bus/usb/BBB/DDD */
    unsigned minor;
    struct usb_tree_interface interfaces[USB_TREE_INTERFACES_MAX]; /* by number */
    size_t interface_count;
};

/* Reads the device at `devpath`. Returns 0; ERR_NOT_FOUND if it is not there (yet, or any more);
 * ERR_INVALID for a path that is none, or numbers that are none. */
int usb_tree_read(const char *sysfs_root, const char *devpath, struct usb_tree *tree);

/* Adds the strings to what usb_tree_read has read. The kernel takes the device's lock for them,
 * which a driver's probing holds: not before every driver is through, for a board whose bytes this
 * process relays would never get there. */
void usb_tree_read_strings(const char *sysfs_root, struct usb_tree *tree);

#endif
