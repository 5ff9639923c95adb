/* Which of vhci's ports have boards that we attached, kept in a file beside the stream's socket:
 * the next run of the agent, and the removal, can tell them from what other programs have attached
 * and let go of what nobody wants any more. */
#ifndef TTYFERRY_GUEST_HELD_PORTS_H
#define TTYFERRY_GUEST_HELD_PORTS_H

#include <stdbool.h>
#include <stddef.h>

#include "guest-linux/vhci.h"

struct held_ports;

/* Reads what a former run has noted; a file that can't be trusted or understood counts as none, and
 * the log says so. `sysfs_root` ("/sys") must outlive it; the file is the one beside the socket at
 * `stream_path`. Returns 0, ERR_NOMEM or ERR_TOO_LONG; `*held` is the caller's until
 * held_ports_close. */
int held_ports_open(const char *sysfs_root, const char *stream_path, struct held_ports **held);

/* The file stays, if it has a port. NULL is fine. */
void held_ports_close(struct held_ports *held);

/* Notes the device at `place` as ours; none that is not in the device tree. If it can't be written,
 * the log says so once, and it still counts for this run. */
void held_ports_note(struct held_ports *held, const struct vhci_place *place);

/* The port is no longer ours. */
void held_ports_forget(struct held_ports *held, const struct vhci_place *place);

/* True if the device at `place` is the very one that this or a former run has attached: another
 * that came to the same port with the same devid is not. */
bool held_ports_has(const struct held_ports *held, const struct vhci_place *place);

/* Tells the kernel to let go of what a former run has attached and this one has not taken over.
 * Returns of how many; their ports are free a little later. */
size_t held_ports_let_go(struct held_ports *held, struct vhci *vhci);

#endif
