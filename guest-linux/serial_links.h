/* The links of ttys below /dev/serial/by-id and /dev/serial/by-path, where no udevd has made them.
 *
 * Two boards of one name: the later has it, and the earlier again when the later has gone, as with
 * udevd. A link that somebody else has made under a name comes back in the end if it still leads
 * somewhere. What is no link stays, and the board has none then.
 *
 * What has been made is noted in a file, so that the next run of the agent can take it over, or
 * away if its tty has gone meanwhile. */
#ifndef TTYFERRY_GUEST_SERIAL_LINKS_H
#define TTYFERRY_GUEST_SERIAL_LINKS_H

#include "guest-linux/tty_node.h"

struct serial_links;

/* `dev_root` ("/dev") and `notes_path` ("/run/ttyferry/links") must outlive them. Reads the notes
 * of the former run; what no link of a former run would be is left alone. Returns 0 or ERR_NOMEM.
 */
int serial_links_open(const char *dev_root, const char *notes_path, struct serial_links **links);

/* Makes the links that `nodes` names for `owner`, and fills in `by_id` and `by_path` of its ttys.
 * Former links of that owner go. What can't be made is left empty, and the log says why. */
void serial_links_put(struct serial_links *links, const void *owner, struct tty_nodes *nodes);

/* Removes what `owner` has. */
void serial_links_drop(struct serial_links *links, const void *owner);

/* A tty has gone: removes what is a former run's and leads nowhere. */
void serial_links_sweep(struct serial_links *links);

/* The boards of a former run that nobody has taken over are being let go of: removes their links.
 */
void serial_links_drop_former(struct serial_links *links);

/* Leaves the links of `owner` where they are, for the board stays: they are a former run's then. */
void serial_links_leave(struct serial_links *links, const void *owner);

/* Links stay. NULL is fine. */
void serial_links_close(struct serial_links *links);

#endif
