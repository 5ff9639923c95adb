/* Which of vhci's ports have a device that we attached, as a text that outlives the agent. Pure.
 *
 * A port's number and the devid can come to another's device of the same kind; `node` can't. */
#ifndef TTYFERRY_CORE_PORT_NOTES_H
#define TTYFERRY_CORE_PORT_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/board_table.h"

/* No more boards than that are kept. */
#define PORT_NOTES_MAX BOARD_TABLE_MAX
#define PORT_NOTES_TEXT_MAX (16u * 1024)

struct port_note {
    unsigned port;
    uint32_t devid;
    uint64_t node; /* the inode of the device's folder in sysfs: each device has one of its own */
};

/* All zero has none. At most one a port. */
struct port_notes {
    struct port_note items[PORT_NOTES_MAX];
    size_t count;
};

/* Adds the note, in the place of the port's former one. Returns 0 or ERR_FULL. */
int port_notes_put(struct port_notes *notes, const struct port_note *note);

/* NULL if there is none. */
const struct port_note *port_notes_find(const struct port_notes *notes, unsigned port);

/* True if there was one. */
bool port_notes_remove(struct port_notes *notes, unsigned port);

/* Writes the text, of at most PORT_NOTES_TEXT_MAX bytes; `*text` is the caller's to free().
 * Returns 0 or ERR_NOMEM. */
int port_notes_to_text(const struct port_notes *notes, char **text, size_t *len);

/* Returns 0; ERR_VERSION for the text of a later version; ERR_INVALID for what is malformed (also
 * where memory is exhausted), ERR_TOO_LONG. On failure `*notes` stays as it was. */
int port_notes_from_text(const char *text, size_t len, struct port_notes *notes);

#endif
