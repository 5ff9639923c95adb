/* A kernel uevent: one datagram of the kernel's netlink group, "ACTION@DEVPATH" and KEY=VALUE
 * texts, each ended by a NUL. Pure. */
#ifndef TTYFERRY_CORE_UEVENT_H
#define TTYFERRY_CORE_UEVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's own limits: UEVENT_BUFFER_SIZE for the environment, and a header that repeats
 * action and path. */
#define UEVENT_DATAGRAM_MAX 8192u

/* Every text points into the datagram and lives as long as it; an absent one is "". Numbers that
 * are absent or no numbers are -1. */
struct uevent {
    const char *action;    /* "add", "bind", "change", "move", "remove", "unbind", ... */
    const char *devpath;   /* "/devices/platform/vhci_hcd.0/usb1/1-1" */
    const char *subsystem; /* "usb", "tty" */
    const char *devname;   /* "ttyACM0", "bus/usb/001/002" */
    const char *devtype;   /* "usb_device", "usb_interface" */
    const char *interface; /* USB class/subclass/protocol, "2/2/1" */
    const char *modalias;
    const char *driver;
    int64_t major;
    int64_t minor;
    int64_t busnum;
    int64_t devnum;
    int64_t seqnum;
};

/* Reads a datagram. Returns 0, or ERR_INVALID: empty, too long, without a NUL at its very end
 * (cut off), without "action@/path", or with a header that its ACTION or DEVPATH contradicts. */
int uevent_from_datagram(const char *datagram, size_t len, struct uevent *event);

/* True if `path` is `root` or lies below it, by whole path elements. */
bool uevent_path_is_below(const char *path, const char *root);

#endif
