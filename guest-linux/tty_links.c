#include "guest-linux/tty_links.h"

#include <stdio.h>

#include "shared/core/board_family.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

/* A board's name and "-if255". */
#define LINK_NAME_SIZE (BOARD_NAME_SIZE + 8)

static void make_name(const char *board_name, size_t index, int interface,
                      char name[LINK_NAME_SIZE])
{
    if (index == 0) {
        text_copy(name, LINK_NAME_SIZE, board_name);
    } else {
        snprintf(name, LINK_NAME_SIZE, "%s-if%02d", board_name, interface);
    }
}

void tty_links_put(struct dev_links *links, const void *owner, const char *name,
                   struct board_ttys *ttys)
{
    struct dev_links_wish wish = {.owner = owner, .ttys = ttys, .folders = 1u << LINK_NOTE_NAMED};
    char names[BOARD_TTYS_MAX][LINK_NAME_SIZE];
    bool is_valid = board_name_is_valid(name);

    if (!is_valid && name[0] != '\0') { /* It would lead out of the folder, or worse. */
        log_warning("\"%s\" can name no link", name);
    }
    for (size_t i = 0; i < ttys->count; i++) {
        struct board_tty *tty = &ttys->items[i];

        tty->link[0] = '\0';
        if (is_valid) {
            make_name(name, i, tty->interface, names[i]);
            wish.items[wish.count++] = (struct dev_links_item){
                .folder = LINK_NOTE_NAMED, .name = names[i], .tty = tty, .path = tty->link};
        }
    }
    dev_links_put(links, &wish);
}
