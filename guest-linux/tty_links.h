/* The stable links of named boards: /dev/ttyferry/<name> leads to the tty that the board has now.
 * The first tty of a board has the bare name, each further one the number of its interface behind
 * it: "leo-if02".
 *
 * The folder is ours: root's, and what is a link in it was made by an agent. Nothing is followed,
 * and what is no link stays. */
#ifndef TTYFERRY_GUEST_TTY_LINKS_H
#define TTYFERRY_GUEST_TTY_LINKS_H

#include "shared/core/board.h"

struct tty_links;

/* `dev_root` ("/dev") must outlive the links. Removes what a former run of the agent has left
 * behind and leads nowhere. Returns 0 or ERR_NOMEM. */
int tty_links_open(const char *dev_root, struct tty_links **links);

/* Makes `owner`'s links: `name`, valid or empty for none, leads to `ttys`, whose `link` is filled
 * in. Former links of that owner go; one that another owner has under the name becomes this one's.
 * A link that can't be made stays empty, and the log says why. */
void tty_links_put(struct tty_links *links, const void *owner, const char *name,
                   struct board_ttys *ttys);

/* Removes what `owner` still has. */
void tty_links_drop(struct tty_links *links, const void *owner);

/* Leaves the links of `owner` where they are, for the board stays; they are nobody's then. */
void tty_links_leave(struct tty_links *links, const void *owner);

/* Links stay. NULL is fine. */
void tty_links_close(struct tty_links *links);

#endif
