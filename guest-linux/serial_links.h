/* The links of ttys below /dev/serial/by-id and /dev/serial/by-path, where no udevd has made
 * them. */
#ifndef TTYFERRY_GUEST_SERIAL_LINKS_H
#define TTYFERRY_GUEST_SERIAL_LINKS_H

#include "guest-linux/dev_links.h"
#include "guest-linux/tty_node.h"

/* Makes the links that `nodes` names for `owner`, and fills in `by_id` and `by_path` of its ttys.
 * Former links of that owner go. What can't be made is left empty, and the log says why. */
void serial_links_put(struct dev_links *links, const void *owner, struct tty_nodes *nodes);

#endif
