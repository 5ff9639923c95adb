/* Reads sysfs (and whatever looks like it) below a root that the caller names. Paths are those of
 * the kernel, such as "/devices/platform/vhci_hcd.0/nports". Nothing here writes. */
#ifndef TTYFERRY_GUEST_SYSFS_H
#define TTYFERRY_GUEST_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#define SYSFS_PATH_SIZE 512
#define SYSFS_NAME_SIZE 64

/* Joins root, path and an optional further element. Returns 0 or ERR_TOO_LONG. */
int sysfs_join(const char *root, const char *path, const char *element,
               char joined[SYSFS_PATH_SIZE]);

/* Reads a whole file into `text`, terminated, its last line feed cut off. Returns 0,
 * ERR_NOT_FOUND, ERR_TOO_LONG if it does not fit, ERR_DENIED, ERR_IS_FOLDER, ERR_IO. */
int sysfs_read_text(const char *root, const char *path, const char *element, char *text,
                    size_t size);

/* Reads a file that holds one number in `base` (10 or 16). Returns 0, ERR_NOT_FOUND,
 * ERR_INVALID. */
int sysfs_read_number(const char *root, const char *path, const char *element, int base,
                      unsigned long *number);

/* Reads a device number, "188:0". Returns 0, ERR_NOT_FOUND, ERR_INVALID. */
int sysfs_read_dev(const char *root, const char *path, const char *element, unsigned *major,
                   unsigned *minor);

/* The last element of what a symbolic link points to, as for a device's "driver". Returns 0,
 * ERR_NOT_FOUND, ERR_TOO_LONG. */
int sysfs_link_name(const char *root, const char *path, const char *element, char *name,
                    size_t size);

bool sysfs_exists(const char *root, const char *path, const char *element);

/* Calls `visit` for every name in a folder, "." and ".." left out, in no order; names that
 * exceed SYSFS_NAME_SIZE are left out too. A return other than 0 ends it and is handed on.
 * Returns 0, ERR_NOT_FOUND, ERR_IO. */
int sysfs_list(const char *root, const char *path, int (*visit)(void *context, const char *name),
               void *context);

#endif
