/* The stable links of named boards: /dev/ttyferry/<name> leads to the tty that the board has now.
 * The first tty of a board has the bare name, each further one the number of its interface behind
 * it: "leo-if02". */
#ifndef TTYFERRY_GUEST_TTY_LINKS_H
#define TTYFERRY_GUEST_TTY_LINKS_H

#include "guest-linux/dev_links.h"

/* Makes `owner`'s links: `name`, valid or empty for none, leads to `ttys`, whose `link` is filled
 * in. Former links of that owner go; one that another owner has under the name becomes this one's.
 * A link that can't be made stays empty, and the log says why. */
void tty_links_put(struct dev_links *links, const void *owner, const char *name,
                   struct board_ttys *ttys);

#endif
