/* What usbipd-win may export, and what follows from it for a board: the default policy of which
 * boards are attached. Pure: host-win/usbipd reads the registry. */
#ifndef TTYFERRY_CORE_SHARING_H
#define TTYFERRY_CORE_SHARING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/board.h"
#include "shared/core/pnp_tracker.h"

#define SHARING_BOUND_MAX 256
#define SHARING_RULES_MAX 128
#define SHARING_CAPTURES_MAX 32
#define SHARING_REMEDY_SIZE 256

/* A rule of `usbipd policy` for the operation AutoBind. What it does not name, it does not ask. */
struct sharing_rule {
    bool allow; /* else deny */
    bool has_hardware_id;
    uint16_t vid;
    uint16_t pid;
    char busid[BOARD_BUSID_SIZE]; /* empty: any */
};

struct sharing {
    bool installed;                               /* usbipd-win's key is there */
    bool is_unreadable;                           /* its key is there, and Windows refuses it */
    bool running;                                 /* its service holds its mutex */
    char bound[SHARING_BOUND_MAX][BOARD_ID_SIZE]; /* instance ids in lower case */
    size_t bound_count;
    struct sharing_rule rules[SHARING_RULES_MAX];
    size_t rule_count;
    struct pnp_capture captures[SHARING_CAPTURES_MAX]; /* what usbipd has attached somewhere */
    size_t capture_count;
};

/* Reads a rule's HardwareId, "1a86:7523" in any case. Returns 0 or ERR_INVALID. */
int sharing_rule_set_hardware_id(struct sharing_rule *rule, const char *text);

/* The address of the client that usbipd has given the board to, or "" if to none. */
const char *sharing_attached_to(const struct sharing *sharing, const char *board_id);

/* Where the board stands as far as the host can say: BOARD_STATE_WAITING when it is to be
 * attached (serial, DFU, debug or named, and exported), BOARD_STATE_NEEDS_SHARING when only
 * usbipd's leave is missing, or usbipd can't serve its hub, or it is a stub that nobody is behind;
 * else BOARD_STATE_AVAILABLE: nobody asked for it. */
enum board_state sharing_judge(const struct sharing *sharing, const struct board *board);

/* Writes what the user can do about BOARD_STATE_NEEDS_SHARING. */
void sharing_remedy(const struct sharing *sharing, const struct board *board,
                    char remedy[SHARING_REMEDY_SIZE]);

#endif
