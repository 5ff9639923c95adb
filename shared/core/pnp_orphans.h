/* Stubs of usbipd-win that nobody is behind. Pure.
 *
 * usbipd-win's filter captures by the port's number alone, whatever the hub: it can take an
 * identical board instead of, or with, the one that was asked for. Nobody gives that one back; it
 * is a stub until it is plugged in anew. A stub also stands alone for a moment while another client
 * takes a board, until usbipd notes that in its registry. Source: usbipd-win. */
#ifndef TTYFERRY_CORE_PNP_ORPHANS_H
#define TTYFERRY_CORE_PNP_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/board.h"

#define PNP_ORPHANS_MAX 16
/* usbipd polls for a stub that it wants for 10 s at most, and then notes it at once. */
#define PNP_ORPHAN_MS 3000
#define PNP_ORPHANS_NEVER INT64_MAX

struct pnp_orphan {
    char stub_id[BOARD_ID_SIZE];
    int64_t since_ms;
    bool is_seen; /* by the look that is under way */
};

struct pnp_orphans {
    struct pnp_orphan items[PNP_ORPHANS_MAX];
    size_t count;
    int64_t now_ms; /* of the last look or tick */
};

/* A look at Windows: begin, see each stub that nobody is known to be behind, end. */
void pnp_orphans_begin(struct pnp_orphans *orphans, int64_t now_ms);

/* Returns true if it has been alone for so long that it is an orphan. With more than
 * PNP_ORPHANS_MAX the rest is not. */
bool pnp_orphans_see(struct pnp_orphans *orphans, const char *stub_id);

/* Forgets what was not seen. */
void pnp_orphans_end(struct pnp_orphans *orphans);

/* When another look will find an orphan more, or PNP_ORPHANS_NEVER. A time that has come is told
 * until a look. */
int64_t pnp_orphans_deadline(const struct pnp_orphans *orphans);

#endif
