/* Our rules for udev, /etc/udev/rules.d/60-ttyferry.rules. Everything blocks. */
#ifndef TTYFERRY_GUEST_UDEV_RULES_H
#define TTYFERRY_GUEST_UDEV_RULES_H

#include <stdbool.h>

#include "guest-linux/guest_files.h"

/* Borrowed; outlives its use. */
struct udev_rules {
    struct guest_files *files;
    const char *udevadm; /* "/bin/udevadm" */
};

/* True if udev is installed here: it has its folder of the administrator's rules. */
bool udev_rules_are_read(const struct udev_rules *rules);

/* Writes our file where udev is, and nothing elsewhere, and has a running udevd read it. Returns 0
 * or an error of guest_files. */
int udev_rules_put(struct udev_rules *rules);

/* Takes it away; that there is none is fine. Returns as udev_rules_put. */
int udev_rules_remove(struct udev_rules *rules);

/* To be called when guest_files_undo has brought the former file back, or none. A udevd that is not
 * told reads its rules anew at the next device all the same. */
void udev_rules_reload(const struct udev_rules *rules);

#endif
