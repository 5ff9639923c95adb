/* The links to boards' ttys that the agent makes below /dev: /dev/serial/by-id and by-path, and
 * /dev/ttyferry.
 *
 * The first two are for everybody. Two boards of one name: the later has it, and the earlier again
 * when the later has gone, as with udevd. A link that somebody else has made under a name comes
 * back in the end if it still leads to the same node. /dev/ttyferry is ours, and what is a link in
 * it an agent has made; a name there is his who has had it last. What is no link stays anywhere,
 * and the board has none then.
 *
 * What has been made is noted in a file, so that the next run of the agent can take it over, or
 * away if its tty has gone meanwhile. */
#ifndef TTYFERRY_GUEST_DEV_LINKS_H
#define TTYFERRY_GUEST_DEV_LINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/core/board.h"
#include "shared/core/link_note.h"

/* Two for each tty. */
#define DEV_LINKS_WISH_MAX (2 * BOARD_TTYS_MAX)

struct dev_links;

struct dev_links_item {
    enum link_note_folder folder;
    const char *name;
    const struct board_tty *tty;
    bool is_theirs; /* udevd has made it: it is not to be ours any more */
    char *path;     /* of BOARD_LINK_SIZE; "/dev/ttyferry/leo" once it is made */
};

/* What a board is to have, in the folders that are in `folders` (1u << folder); borrowed during the
 * call. */
struct dev_links_wish {
    const void *owner;
    const struct board_ttys *ttys;
    unsigned folders;
    struct dev_links_item items[DEV_LINKS_WISH_MAX];
    size_t count;
};

/* `dev_root` ("/dev") and `notes_path` ("/run/ttyferry/links") must outlive them. Reads the notes
 * of the former run, and removes what it has made and does not lead to its board any more; what no
 * link of a former run would be is left alone. Returns 0 or ERR_NOMEM. */
int dev_links_open(const char *dev_root, const char *notes_path, struct dev_links **links);

/* Makes what is wished for. What the owner had in those folders before goes, and what a former run
 * has made there for one of those ttys, under whatever name. For what can't be made the path stays
 * as it is, and the log says why. */
void dev_links_put(struct dev_links *links, const struct dev_links_wish *wish);

/* Removes what `owner` has. */
void dev_links_drop(struct dev_links *links, const void *owner);

/* A tty has gone: removes what is a former run's and leads nowhere, or to another's by now. */
void dev_links_sweep(struct dev_links *links);

/* The boards of a former run that nobody has taken over are being let go of: removes their links.
 */
void dev_links_drop_former(struct dev_links *links);

/* Leaves the links of `owner` where they are, for the board stays: they are a former run's then. */
void dev_links_leave(struct dev_links *links, const void *owner);

/* Links stay. NULL is fine. */
void dev_links_close(struct dev_links *links);

#endif
