/* The kernel's USB/IP host controller, vhci_hcd, and what hangs below it, through their sysfs
 * files. Nothing else in the guest writes below /sys.
 *
 * A port that was given out stays held until vhci_release, even if the kernel has freed it in
 * between: otherwise the late clean-up after one board could hit the next one. */
#ifndef TTYFERRY_GUEST_VHCI_H
#define TTYFERRY_GUEST_VHCI_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/core/board.h"
#include "shared/core/vhci_status.h"

/* The kernel module. */
#define VHCI_MODULE "vhci_hcd"

struct vhci;

/* Where a board was attached. Plain data. */
struct vhci_place {
    unsigned port;
    uint32_t devid;
    char devpath[VHCI_STATUS_DEVPATH_SIZE]; /* where the kernel will put the device */
};

/* `sysfs_root` ("/sys") must outlive it. The module need not be loaded yet; where it is, a port
 * whose device is just coming may be of a former run of this agent. Returns 0 or ERR_NOMEM; `*vhci`
 * is the caller's until vhci_destroy. */
int vhci_create(const char *sysfs_root, struct vhci **vhci);
void vhci_destroy(struct vhci *vhci);

/* True if the controller is there. */
bool vhci_is_loaded(const struct vhci *vhci);

/* True while such a port's device is still coming: only when it is there can be seen whose it is.
 */
bool vhci_awaits_former(struct vhci *vhci);

/* Waits for them no longer. */
void vhci_forget_former(struct vhci *vhci);

/* True unless every port that suits `speed` is taken. */
bool vhci_has_room(struct vhci *vhci, enum board_speed speed);

/* Gives a connected socket to the kernel, on a free port that suits `speed`, of the controller
 * where least goes on and nothing hangs. The kernel takes its own reference: `fd` stays the
 * caller's, to be closed right after, whatever the outcome. Returns 0 and fills `*place`;
 * ERR_NOT_FOUND without the module, ERR_FULL without a free port, ERR_DENIED, ERR_INVALID if the
 * kernel does not like the socket, ERR_IO. */
int vhci_attach(struct vhci *vhci, int fd, uint32_t devid, enum board_speed speed,
                struct vhci_place *place);

/* Takes over a device that is attached already, such as by a former run of this agent: `devid` is
 * what its server gave it. Returns 0 and fills `*place`, whose port then counts as given out;
 * ERR_NOT_FOUND if there is none, or several, or its port is given out; ERR_NOMEM, ERR_IO. */
int vhci_adopt(struct vhci *vhci, uint32_t devid, struct vhci_place *place);

/* Asks the kernel to let go. The port is free only when vhci_is_free says so, normally within
 * milliseconds, with a silent peer after some 4 s. Returns 0; ERR_NOT_FOUND if the port is free
 * already or somebody else's by now; ERR_DENIED, ERR_IO. */
int vhci_detach(struct vhci *vhci, const struct vhci_place *place);

/* True if the port is free, or no longer carries this device. */
bool vhci_is_free(struct vhci *vhci, const struct vhci_place *place);

/* True if the device has not answered the kernel's first request, and no other one of ours keeps
 * the kernel from asking it. */
bool vhci_is_unanswered(struct vhci *vhci, const struct vhci_place *place);

/* The port may be given out again. */
void vhci_release(struct vhci *vhci, const struct vhci_place *place);

/* Has the kernel tell udevd of an attached board's tty ("ttyACM0") again, as a "change". Returns 0;
 * ERR_NOT_FOUND if the tty is gone, ERR_TOO_LONG, ERR_DENIED, ERR_IO.
 * Source: the kernel's Documentation/ABI/testing/sysfs-uevent. */
int vhci_tell_again(const char *sysfs_root, const char *tty);

#endif
