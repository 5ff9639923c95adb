/* Asks an attached device whether it still answers: one GET_STATUS by usbfs. A peer that is gone
 * without a word is not noticed by vhci, and whoever opens the device's tty hangs.
 *
 * Nothing holds up the loop. Opening and closing run in libuv's threads, for the kernel may hold
 * the device's lock; a transfer that got no answer is never cancelled (vhci waits for the peer's
 * word on that too), it ends when the device is detached. */
#ifndef TTYFERRY_GUEST_USB_PROBE_H
#define TTYFERRY_GUEST_USB_PROBE_H

#include <stdbool.h>
#include <uv.h>

/* Nobody who is there takes so long, but a machine that is busy to the brim, or a way that is
 * shared with what other boards have to say, does take seconds; and to let go of a board that is
 * being flashed is worse than a silent one that stays a little longer. */
#define USB_PROBE_LIMIT_MS 4000u

struct usb_probe;

/* `is_silent`: no answer came in time. A device that refuses, or has gone by now, has answered. */
typedef void (*usb_probe_done_fn)(void *context, bool is_silent);

/* Probes the device at `node` ("/dev/bus/usb/001/002"; copied). Returns 0, and then `on_done` runs
 * once, not inside this call, unless usb_probe_forget comes first; or ERR_NOMEM, ERR_IO,
 * ERR_TOO_LONG. The limit counts from when the device has been asked; to ask it may take as long
 * again. */
int usb_probe_open(uv_loop_t *loop, const char *node, unsigned limit_ms, usb_probe_done_fn on_done,
                   void *context, struct usb_probe **probe);

/* `on_done` does not run any more; the probe ends by itself. Not after on_done. */
void usb_probe_forget(struct usb_probe *probe);

#endif
