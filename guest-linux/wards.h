/* The boards that the host has named, each with its keeper: what the host says goes to the one it
 * is about, what they tell goes on to the stream and to the host. */
#ifndef TTYFERRY_GUEST_WARDS_H
#define TTYFERRY_GUEST_WARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "guest-linux/board_keeper.h"
#include "shared/core/board_table.h"
#include "shared/core/wire_message.h"

struct wards_callbacks {
    /* For the stream: everything that happens to a board, in order. */
    void (*on_told)(void *context, const struct event *event);
    /* For the host: what it can't know, and what it has to hear again. */
    void (*on_report)(void *context, const struct event *event);
    /* After wards_release: nothing is left. */
    void (*on_released)(void *context);
};

struct ward {
    struct board_keeper *keeper;
    bool is_named;    /* in the snapshot that is coming in */
    bool is_reported; /* over the link that is up */
    bool was_lost;    /* a detachment that no host has heard of */
};

/* The caller owns the memory, until the loop has ended. */
struct wards {
    const struct machine *machine;
    const struct wards_callbacks *callbacks;
    void *context;
    struct ward items[BOARD_TABLE_MAX];
    size_t count;
    uv_timer_t reap_timer; /* due at once: a keeper can't be closed from within its telling */
    bool has_host;
    bool releasing; /* every board, and nobody may bring one back */
};

/* `machine` (whose loop it uses), `callbacks` and `context` must outlive it. To be ended by
 * wards_close. */
void wards_init(struct wards *wards, const struct machine *machine,
                const struct wards_callbacks *callbacks, void *context);

/* A host has linked: nothing has been reported to it yet. */
void wards_host_up(struct wards *wards);
/* A lost link loses no attachment: the next snapshot settles what has changed. */
void wards_host_down(struct wards *wards);

/* What the host says of its boards: any message of a snapshot, an arrival, an update, a removal, a
 * yielding or taking. */
void wards_take(struct wards *wards, const struct wire_message *message);

/* Somebody may have gone without a word: does every attached board still answer? */
void wards_probe(struct wards *wards);

/* What the kernel says, and that some of it was lost. */
void wards_uevent(struct wards *wards, const struct uevent *event);
void wards_look_anew(struct wards *wards);

/* Lets go of every board; on_released follows. */
void wards_release(struct wards *wards);

/* No callback runs any more. Boards that the kernel has stay attached. */
void wards_close(struct wards *wards);

#endif
