#include "guest-linux/usb_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

struct reading {
    const char *root;
    const char *path; /* the folder being listed */
    struct usb_tree *tree;
    struct usb_tree_interface *interface;
    int port; /* of the usb-serial device being listed */
};

static int join(const char *path, const char *name, char joined[SYSFS_PATH_SIZE])
{
    return sysfs_join("", path, name, joined);
}

/* A name below ".../tty/": a tty once the kernel has given it a number. */
static int visit_tty(void *context, const char *name)
{
    struct reading *reading = context;
    struct usb_tree_interface *interface = reading->interface;
    struct usb_tree_tty *tty = &interface->ttys[interface->tty_count];
    char path[SYSFS_PATH_SIZE];

    if (interface->tty_count == BOARD_TTYS_MAX || join(reading->path, name, path) != 0)
        return 0;
    if (sysfs_read_dev(reading->root, path, "dev", &tty->major, &tty->minor) != 0)
        return 0;
    text_copy(tty->name, sizeof tty->name, name);
    tty->port = reading->port;
    interface->tty_count++;
    return 0;
}

/* cdc_acm: "tty/ttyACM0" right below the interface; usb-serial: "ttyUSB0/tty/ttyUSB0". */
static int visit_interface_entry(void *context, const char *name)
{
    struct reading *reading = context;
    struct reading below = *reading;
    char path[SYSFS_PATH_SIZE];
    char tty_path[SYSFS_PATH_SIZE];
    unsigned long port;

    if (strncmp(name, "tty", 3) != 0 || join(reading->path, name, path) != 0)
        return 0;
    below.path = path;
    if (strcmp(name, "tty") != 0) {
        if (join(path, "tty", tty_path) != 0)
            return 0;
        below.path = tty_path;
        if (sysfs_read_number(below.root, path, "port_number", 10, &port) == 0 && port <= UINT8_MAX)
            below.port = (int)port;
    }
    /* A folder that goes away meanwhile holds no tty. */
    (void)sysfs_list(below.root, below.path, visit_tty, &below);
    return 0;
}

static int compare_ttys(const void *a, const void *b)
{
    const struct usb_tree_tty *left = a;
    const struct usb_tree_tty *right = b;
    size_t left_len = strlen(left->name);
    size_t right_len = strlen(right->name);

    if (left_len != right_len)
        return left_len < right_len ? -1 : 1;
    return strcmp(left->name, right->name);
}

static void read_interface(struct reading *reading, const char *path)
{
    struct usb_tree_interface *interface = reading->interface;
    struct reading below = *reading;

    below.path = path;
    if (sysfs_link_name(reading->root, path, "driver", interface->driver,
                        sizeof interface->driver) != 0)
        interface->driver[0] = '\0';
    if (sysfs_read_text(reading->root, path, "modalias", interface->modalias,
                        sizeof interface->modalias) != 0)
        interface->modalias[0] = '\0';
    (void)sysfs_list(reading->root, path, visit_interface_entry, &below);
    qsort(interface->ttys, interface->tty_count, sizeof interface->ttys[0], compare_ttys);
}

/* Interfaces are the device's own name, a colon, configuration and interface: "1-1:1.0". */
static int visit_device_entry(void *context, const char *name)
{
    struct reading *reading = context;
    struct usb_tree *tree = reading->tree;
    const char *device = strrchr(reading->path, '/') + 1;
    size_t len = strlen(device);
    char path[SYSFS_PATH_SIZE];
    unsigned long number;

    if (strncmp(name, device, len) != 0 || name[len] != ':' ||
        tree->interface_count == USB_TREE_INTERFACES_MAX || join(reading->path, name, path) != 0)
        return 0;
    if (sysfs_read_number(reading->root, path, "bInterfaceNumber", 16, &number) != 0 ||
        number > UINT8_MAX)
        return 0;
    reading->interface = &tree->interfaces[tree->interface_count++];
    text_copy(reading->interface->name, sizeof reading->interface->name, name);
    reading->interface->number = (int)number;
    read_interface(reading, path);
    return 0;
}

static int compare_interfaces(const void *a, const void *b)
{
    const struct usb_tree_interface *left = a;
    const struct usb_tree_interface *right = b;

    return left->number - right->number;
}

static uint16_t read_id(const struct reading *reading, const char *element)
{
    unsigned long number;
    int err = sysfs_read_number(reading->root, reading->path, element, 16, &number);

    return err == 0 && number <= UINT16_MAX ? (uint16_t)number : 0;
}

static void read_ids(const struct reading *reading)
{
    struct usb_tree *tree = reading->tree;

    text_copy(tree->devpath, sizeof tree->devpath, reading->path);
    tree->vid = read_id(reading, "idVendor");
    tree->pid = read_id(reading, "idProduct");
}

int usb_tree_read(const char *sysfs_root, const char *devpath, struct usb_tree *tree)
{
    struct reading reading = {sysfs_root, devpath, tree, NULL, SERIAL_NAMES_NO_PORT};
    unsigned long busnum, devnum;
    int err;

    memset(tree, 0, sizeof *tree);
    if (!strrchr(devpath, '/'))
        return ERR_INVALID;
    err = sysfs_read_number(sysfs_root, devpath, "busnum", 10, &busnum);
    if (!err)
        err = sysfs_read_number(sysfs_root, devpath, "devnum", 10, &devnum);
    if (!err)
        err = sysfs_read_dev(sysfs_root, devpath, "dev", &tree->major, &tree->minor);
    if (err)
        return err;
    tree->busnum = (unsigned)busnum;
    tree->devnum = (unsigned)devnum;
    read_ids(&reading);
    err = sysfs_list(sysfs_root, devpath, visit_device_entry, &reading);
    qsort(tree->interfaces, tree->interface_count, sizeof tree->interfaces[0], compare_interfaces);
    return err;
}

static void read_string(const char *sysfs_root, const char *devpath, const char *element,
                        char text[USB_TREE_STRING_SIZE])
{
    if (sysfs_read_text(sysfs_root, devpath, element, text, USB_TREE_STRING_SIZE) != 0)
        text[0] = '\0';
}

void usb_tree_read_strings(const char *sysfs_root, struct usb_tree *tree)
{
    read_string(sysfs_root, tree->devpath, "manufacturer", tree->manufacturer);
    read_string(sysfs_root, tree->devpath, "product", tree->product);
    read_string(sysfs_root, tree->devpath, "serial", tree->serial);
}
