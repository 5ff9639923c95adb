/* udevd's record of a device: a file in /run/udev/data, which is there when udevd has finished with
 * the device. systemd and eudev write the same. */
#ifndef TTYFERRY_GUEST_UDEV_RECORD_H
#define TTYFERRY_GUEST_UDEV_RECORD_H

#include <stdint.h>

#include "guest-linux/sysfs.h"
#include "shared/core/serial_names.h"

/* The links that a record names; empty where it names none, or none that a file can be called. */
struct udev_record {
    char by_id[SERIAL_NAMES_SIZE];
    char by_path[SERIAL_NAMES_SIZE];
};

/* Writes the folder where records appear. Returns 0, or ERR_NOT_FOUND where no udevd runs. */
int udev_record_folder(const char *udev_root, char path[SYSFS_PATH_SIZE]);

/* Reads the record of a character device. Of several links in one folder the one called as in
 * `preferred` is taken, else the first. Returns 0; ERR_BUSY if udevd has not finished, which a
 * record from before `since_us` (of CLOCK_MONOTONIC) does not say, for it is of another device;
 * ERR_NOMEM, ERR_IO, ERR_TOO_LONG. */
int udev_record_read(const char *udev_root, unsigned major, unsigned minor, uint64_t since_us,
                     const struct udev_record *preferred, struct udev_record *record);

#endif
