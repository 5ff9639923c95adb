/* Waits until the kernel is through with a USB device that is in the device tree: it is configured,
 * and the drivers that are loaded have probed its interfaces. For those who have not heard its
 * uevents; for the others its `bind` says the same. */
#ifndef TTYFERRY_GUEST_USB_SETTLE_H
#define TTYFERRY_GUEST_USB_SETTLE_H

#include <uv.h>

struct usb_settle;

/* The kernel is through, or the device is gone. */
typedef void (*usb_settle_done_fn)(void *context);

/* Starts. `sysfs_root` must outlive the loop, `devpath` is copied. Returns 0, and then `on_done`
 * runs once, never from inside this call, unless it is forgotten before; `*settle` is valid until
 * then. Returns ERR_NOMEM, ERR_IO. */
int usb_settle_open(uv_loop_t *loop, const char *sysfs_root, const char *devpath,
                    usb_settle_done_fn on_done, void *context, struct usb_settle **settle);

/* `on_done` does not run any more. */
void usb_settle_forget(struct usb_settle *settle);

#endif
