#include "shared/core/pnp_scan.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/hardware_id.h"
#include "shared/core/text.h"

/* A port of a composite device's converter sits two or three levels below the board. */
#define ANCESTORS_MAX 6
#define FIRST_CAPACITY 32

void pnp_scan_init(struct pnp_scan *scan)
{
    *scan = (struct pnp_scan){0};
}

void pnp_scan_finish(struct pnp_scan *scan)
{
    free(scan->nodes);
    pnp_scan_init(scan);
}

int pnp_scan_add(struct pnp_scan *scan, struct pnp_node **node)
{
    if (scan->count == PNP_SCAN_NODES_MAX)
        return ERR_FULL;
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity == 0 ? FIRST_CAPACITY : 2 * scan->capacity;
        struct pnp_node *nodes = realloc(scan->nodes, capacity * sizeof(*nodes));

        if (nodes == NULL)
            return ERR_NOMEM;
        scan->nodes = nodes;
        scan->capacity = capacity;
    }
    *node = &scan->nodes[scan->count++];
    memset(*node, 0, sizeof(**node));
    return 0;
}

const struct pnp_node *pnp_scan_find(const struct pnp_scan *scan, const char *instance_id)
{
    for (size_t i = 0; i < scan->count; i++) {
        if (text_equal_nocase(scan->nodes[i].instance_id, instance_id))
            return &scan->nodes[i];
    }
    return NULL;
}

/* True if the node is a board itself; fills in what its ids say. */
static bool node_is_board(const struct pnp_node *node, struct hardware_id *hardware_id)
{
    return hardware_id_from_instance_id(node->instance_id, hardware_id) == 0 &&
           hardware_id->interface == HARDWARE_ID_NO_INTERFACE &&
           !hardware_id_is_stub(hardware_id) && !hardware_id_list_is_hub(node->ids);
}

static void board_from_node(const struct pnp_node *node, const struct hardware_id *hardware_id,
                            struct board *board)
{
    memset(board, 0, sizeof(*board));
    text_copy(board->id, sizeof(board->id), hardware_id->id);
    text_copy(board->serial, sizeof(board->serial), hardware_id->serial);
    text_copy(board->description, sizeof(board->description), node->description);
    board->vid = hardware_id->vid;
    board->pid = hardware_id->pid;
    board->kind = BOARD_KIND_OTHER;
    board->state = BOARD_STATE_AVAILABLE;
    /* On an incompatible hub the busid stays empty. */
    hardware_id_busid_from_location(node->location, board->busid);
}

/* The third part of an instance id. */
static const char *suffix_of(const char *instance_id)
{
    const char *suffix = strrchr(instance_id, '\\');

    return suffix != NULL ? suffix + 1 : instance_id;
}

const struct pnp_node *pnp_scan_find_stub(const struct pnp_scan *scan, const struct board *board)
{
    for (size_t i = 0; i < scan->count; i++) {
        const struct pnp_node *node = &scan->nodes[i];
        struct hardware_id hardware_id;
        char busid[BOARD_BUSID_SIZE] = "";

        if (hardware_id_from_instance_id(node->instance_id, &hardware_id) != 0 ||
            !hardware_id_is_stub(&hardware_id) ||
            !text_equal_nocase(suffix_of(node->instance_id), suffix_of(board->id))) {
            continue;
        }
        hardware_id_busid_from_location(node->location, busid);
        if (busid[0] == '\0' || board->busid[0] == '\0' || strcmp(busid, board->busid) == 0)
            return node;
    }
    return NULL;
}

bool pnp_scan_is_stub(const char *instance_id)
{
    struct hardware_id hardware_id;

    return hardware_id_from_instance_id(instance_id, &hardware_id) == 0 &&
           hardware_id_is_stub(&hardware_id);
}

void pnp_scan_board_of_stub(const struct pnp_node *stub, struct board *board)
{
    struct hardware_id hardware_id;

    (void)hardware_id_from_instance_id(stub->instance_id, &hardware_id); /* A stub's is valid. */
    board_from_node(stub, &hardware_id, board);
}

int pnp_scan_board_from_stub(const struct pnp_node *stub, const char *original_id,
                             const char *description, struct board *board)
{
    struct hardware_id hardware_id;

    if (hardware_id_from_instance_id(original_id, &hardware_id) != 0 ||
        hardware_id.interface != HARDWARE_ID_NO_INTERFACE || hardware_id_is_stub(&hardware_id))
        return ERR_INVALID;
    board_from_node(stub, &hardware_id, board);
    text_copy(board->description, sizeof(board->description), description);
    board->kind = hardware_id_known_kind(board->vid, board->pid);
    board->is_hidden = board->kind == BOARD_KIND_OTHER;
    return 0;
}

static size_t find_index(const struct board_table *boards, const char *id)
{
    size_t i = 0;

    while (i < boards->count && !text_equal_nocase(boards->items[i]->id, id))
        i++;
    return i;
}

/* The index of the board that the node is or hangs below, or boards->count. */
static size_t index_above(const struct pnp_scan *scan, const struct pnp_node *node,
                          const struct board_table *boards)
{
    size_t index = find_index(boards, node->instance_id);

    for (int level = 1; index == boards->count && level < ANCESTORS_MAX; level++) {
        node = node->parent_id[0] != '\0' ? pnp_scan_find(scan, node->parent_id) : NULL;
        if (node == NULL)
            break;
        index = find_index(boards, node->instance_id);
    }
    return index;
}

/* "COM5"; a printer's "LPT3" is a PortName too. */
static bool is_com_port(const char *name)
{
    return strncmp(name, "COM", 3) == 0 && name[3] != '\0' &&
           strspn(name + 3, "0123456789") == strlen(name + 3);
}

/* Tells `board` what a node at or below it knows. `*port_owner` is the node that gave the board's
 * COM port so far, or NULL. */
static void add_node_facts(struct board *board, const struct pnp_node *node,
                           const struct pnp_node **port_owner)
{
    enum board_kind kind = hardware_id_list_to_kind(node->ids);

    if (kind == BOARD_KIND_SERIAL || board->kind == BOARD_KIND_OTHER)
        board->kind = kind;
    if (!is_com_port(node->port_name))
        return;
    board->kind = BOARD_KIND_SERIAL;
    if (*port_owner == NULL || strcmp(node->instance_id, (*port_owner)->instance_id) < 0) {
        text_copy(board->com_port, sizeof(board->com_port), node->port_name);
        *port_owner = node;
    }
}

static int collect_boards(const struct pnp_scan *scan, struct board_table *boards)
{
    struct hardware_id hardware_id;
    struct board board;
    int result = 0;

    for (size_t i = 0; i < scan->count; i++) {
        int error;

        if (!node_is_board(&scan->nodes[i], &hardware_id))
            continue;
        board_from_node(&scan->nodes[i], &hardware_id, &board);
        error = board_table_put(boards, &board);
        if (error == ERR_NOMEM)
            return error;
        if (error != 0)
            result = error;
    }
    return result;
}

int pnp_scan_to_boards(const struct pnp_scan *scan, struct board_table *boards)
{
    const struct pnp_node *port_owners[BOARD_TABLE_MAX] = {NULL};
    int result = collect_boards(scan, boards);

    if (result == ERR_NOMEM)
        return result;
    for (size_t i = 0; i < scan->count; i++) {
        size_t index = index_above(scan, &scan->nodes[i], boards);

        if (index < boards->count)
            add_node_facts(boards->items[index], &scan->nodes[i], &port_owners[index]);
    }
    for (size_t i = 0; i < boards->count; i++) {
        struct board *board = boards->items[i];

        if (board->kind == BOARD_KIND_OTHER)
            board->kind = hardware_id_known_kind(board->vid, board->pid);
    }
    return result;
}
