/* What the agent tells udev's rules (60-ttyferry.rules), in files that they import:
 *
 *   /run/ttyferry/udev          TTYFERRY_GROUP and TTYFERRY_MODE, for every device below vhci_hcd
 *   /run/ttyferry/udev-ttyACM0  TTYFERRY_LINK, the tty's stable link, for systemd to know it by
 *
 * The second is there as long as the link. When it has been written, udevd is asked to look at the
 * tty again, for it has seen the tty before the link was there. */
#ifndef TTYFERRY_GUEST_UDEV_NOTES_H
#define TTYFERRY_GUEST_UDEV_NOTES_H

#include "guest-linux/node_access.h"
#include "shared/core/board.h"

/* Borrowed; outlives its use. */
struct udev_notes {
    const char *run_folder; /* "/run/ttyferry" */
    const char *sysfs_root; /* "/sys" */
    const char *udev_root;  /* "/run/udev": nothing is written where no udevd runs */
};

/* Writes who may open the boards' nodes, and removes what a former run has left of ttys. What can't
 * be written is logged: the agent then does by its own hand what the rules would have done. */
void udev_notes_begin(const struct udev_notes *notes, const struct node_access *access);

/* Tells the links of these ttys; one without a link has none any more. */
void udev_notes_put(const struct udev_notes *notes, const struct board_ttys *ttys);

/* The ttys are gone, or have no link any more. */
void udev_notes_drop(const struct udev_notes *notes, const struct board_ttys *ttys);

#endif
