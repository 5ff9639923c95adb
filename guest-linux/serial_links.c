#include "guest-linux/serial_links.h"

#include <string.h>

/* Without a name `path` is what udevd has made, or empty. */
static void add(struct dev_links_wish *wish, enum link_note_folder folder, const char *name,
                const struct board_tty *tty, char *path)
{
    struct dev_links_item item = {.folder = folder, .name = name, .tty = tty, .path = path};

    if (name[0] == '\0' && path[0] != '\0') {
        item.name = strrchr(path, '/') + 1;
        item.is_theirs = true;
    }
    if (item.name[0] != '\0') {
        wish->items[wish->count++] = item;
    }
}

void serial_links_put(struct dev_links *links, const void *owner, struct tty_nodes *nodes)
{
    struct dev_links_wish wish = {.owner = owner,
                                  .ttys = &nodes->ttys,
                                  .folders = 1u << LINK_NOTE_BY_ID | 1u << LINK_NOTE_BY_PATH};

    for (size_t i = 0; i < nodes->ttys.count; i++) {
        struct board_tty *tty = &nodes->ttys.items[i];

        add(&wish, LINK_NOTE_BY_ID, nodes->names[i].by_id, tty, tty->by_id);
        add(&wish, LINK_NOTE_BY_PATH, nodes->names[i].by_path, tty, tty->by_path);
    }
    dev_links_put(links, &wish);
}
