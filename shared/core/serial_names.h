/* What udev calls the links of a USB board's tty: the names below /dev/serial/by-id and
 * /dev/serial/by-path. For guests where no udevd makes them. Pure.
 *
 * Followed is systemd 252, which Debian 12 has: the rules 60-serial.rules with the builtins usb_id
 * and path_id. Newer ones make the same links, and from 254 on a second one by path that tells
 * USB 2 from USB 3 ("-usbv2-0:"), which is left out here. */
#ifndef TTYFERRY_CORE_SERIAL_NAMES_H
#define TTYFERRY_CORE_SERIAL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* A file name of Linux (NAME_MAX) and its terminator. */
#define SERIAL_NAMES_SIZE 256

/* No usb-serial driver, and so no port behind the name. */
#define SERIAL_NAMES_NO_PORT (-1)

/* A device's strings as sysfs has them; an empty one is one that the device has not. */
struct serial_names_device {
    const char *manufacturer;
    const char *product;
    const char *serial;
    uint16_t vid;
    uint16_t pid;
};

/* True if udev's rules make links for a tty of that kernel name: "ttyACM0", "ttyUSB12". */
bool serial_names_are_for(const char *tty);

/* Writes "usb-<vendor>_<product>[_<serial>]-if<NN>[-port<N>]", where each character that udev does
 * not allow in a link is an underscore. `port` is usb-serial's port_number, or
 * SERIAL_NAMES_NO_PORT. Returns 0, or ERR_TOO_LONG if no file can be called so. */
int serial_names_by_id(const struct serial_names_device *device, uint8_t interface, int port,
                       char name[SERIAL_NAMES_SIZE]);

/* Writes "platform-vhci_hcd.0-usb-0:1:1.0[-port<N>]" for the interface "1-1:1.0" of the device at
 * "/devices/platform/vhci_hcd.0/usb1/1-1". Returns 0; ERR_INVALID for other forms, such as those of
 * other controllers; ERR_TOO_LONG. */
int serial_names_by_path(const char *devpath, const char *interface, int port,
                         char name[SERIAL_NAMES_SIZE]);

#endif
