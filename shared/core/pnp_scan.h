/* One look at Windows' present device nodes, and the boards that it shows. No OS in here: the
 * nodes come from the edge that asked Windows. */
#ifndef TTYFERRY_CORE_PNP_SCAN_H
#define TTYFERRY_CORE_PNP_SCAN_H

#include "shared/core/board.h"
#include "shared/core/board_table.h"

#define PNP_SCAN_NODES_MAX 1024
#define PNP_LOCATION_SIZE 64
#define PNP_IDS_SIZE 1024

struct pnp_node {
    char instance_id[BOARD_ID_SIZE];
    char parent_id[BOARD_ID_SIZE];    /* empty if unknown */
    char location[PNP_LOCATION_SIZE]; /* LocationInfo, empty if unknown */
    /* Hardware ids, then compatible ids: terminated texts one after the other, an empty one last.
     */
    char ids[PNP_IDS_SIZE];
    char description[BOARD_DESCRIPTION_SIZE];
    char port_name[BOARD_COM_PORT_SIZE]; /* of the node's device key, empty if it has none */
};

struct pnp_scan {
    struct pnp_node *nodes; /* owned */
    size_t count;
    size_t capacity;
};

void pnp_scan_init(struct pnp_scan *scan);
void pnp_scan_finish(struct pnp_scan *scan);

/* Makes room for one more node, emptied, and hands it out; it belongs to the scan and moves with
 * the next call. Returns 0, ERR_FULL or ERR_NOMEM. */
int pnp_scan_add(struct pnp_scan *scan, struct pnp_node **node);

/* The node with that instance id, ignoring case, or NULL. */
const struct pnp_node *pnp_scan_find(const struct pnp_scan *scan, const char *instance_id);

/* The stub that usbipd-win shows in place of a captured board, or NULL: it has the board's own
 * suffix, and sits where the board sits. */
const struct pnp_node *pnp_scan_find_stub(const struct pnp_scan *scan, const struct board *board);

/* True for the instance id of a stub. */
bool pnp_scan_is_stub(const char *instance_id);

/* Makes a board of a stub itself: what it hides is not known. */
void pnp_scan_board_of_stub(const struct pnp_node *stub, struct board *board);

/* Makes a board of a stub whose original instance id is known (usbipd-win's registry has it):
 * its ids, place and `description`, and the kind that its VID and PID tell. Where they tell none it
 * is BOARD_KIND_OTHER and `is_hidden`. Returns 0, or ERR_INVALID for an id that is no board's. */
int pnp_scan_board_from_stub(const struct pnp_node *stub, const char *original_id,
                             const char *description, struct board *board);

/* Adds the scan's boards to `boards`, which the caller initialised: the USB devices themselves,
 * without hubs, stubs, and the children of composite devices. What children know (a COM port, an
 * interface's class) is told of the board above them; where several have a COM port, that of the
 * first in the order of their ids. `state` is BOARD_STATE_AVAILABLE. Returns 0, ERR_NOMEM, or
 * ERR_FULL if there were more than BOARD_TABLE_MAX (the rest is left out). */
int pnp_scan_to_boards(const struct pnp_scan *scan, struct board_table *boards);

#endif
