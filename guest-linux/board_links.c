#include "guest-linux/board_links.h"

#include "guest-linux/serial_links.h"
#include "guest-linux/tty_links.h"

void board_links_rename(const struct machine *machine, const void *owner, const char *name,
                        struct board_ttys *ttys)
{
    tty_links_put(machine->links, owner, name, ttys);
    udev_notes_put(&machine->udev_notes, ttys);
}

void board_links_put(const struct machine *machine, const void *owner, const char *name,
                     struct tty_nodes *nodes)
{
    serial_links_put(machine->links, owner, nodes);
    board_links_rename(machine, owner, name, &nodes->ttys);
}

void board_links_drop(const struct machine *machine, const void *owner, struct tty_nodes *nodes)
{
    dev_links_drop(machine->links, owner);
    udev_notes_drop(&machine->udev_notes, &nodes->ttys);
    tty_node_unmake(&machine->nodes, nodes);
    *nodes = (struct tty_nodes){.made_count = 0};
}

void board_links_leave(const struct machine *machine, const void *owner)
{
    dev_links_leave(machine->links, owner);
}
