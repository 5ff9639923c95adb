/* What sysfs says about one USB device: its interfaces, their drivers, the ttys below them. */
#ifndef TTYFERRY_GUEST_USB_TREE_H
#define TTYFERRY_GUEST_USB_TREE_H

#include <stddef.h>

#include "guest-linux/sysfs.h"
#include "shared/core/board.h"

/* USB allows more; the kernel itself stops at 32 (USB_MAXINTERFACES). */
#define USB_TREE_INTERFACES_MAX 32
#define USB_TREE_MODALIAS_SIZE 128

struct usb_tree_tty {
    char name[SYSFS_NAME_SIZE]; /* "ttyACM0" */
    unsigned major;
    unsigned minor;
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

#endif
