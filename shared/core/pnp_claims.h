/* What usbipd-win does to boards on the guest's behalf, for those that it is doing it to. Pure.
 *
 * To export a board usbipd-win takes the device away and brings a stub (80EE:CAFE) in its place;
 * when the guest lets go, the other way round. Windows shows all of that as removals and arrivals,
 * which say nothing about the board. Only one that stays away for a while is gone.
 * Source: usbipd-win's own waiting, 10 s at most for the stub. */
#ifndef TTYFERRY_CORE_PNP_CLAIMS_H
#define TTYFERRY_CORE_PNP_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/board_table.h"

/* How long a board may be away: while it is being captured; while it is being released or resets;
 * and after an attempt that failed before the board was ever captured. */
#define PNP_CLAIM_CAPTURE_MS 15000
#define PNP_CLAIM_RETURN_MS 3000
#define PNP_CLAIM_FAILED_MS 1000
/* From usbipd's deleting its note to the guest's beginning to lose the board, at least: usbipd-win
 * waits for 100 ms twice on its way to closing the connection. Where the connection went first, the
 * guest was first too, but for what its kernel and the news take: on a busy machine more than
 * 100 ms. In between, a wish that is missed costs less than a reset that is taken for one. */
#define PNP_CLAIM_GIVING_UP_MS 150
#define PNP_CLAIMS_NEVER INT64_MAX

enum pnp_claim_phase {
    PNP_CLAIM_NONE,
    PNP_CLAIM_ASKED, /* the guest has asked usbipd for the board */
    PNP_CLAIM_HELD,  /* the guest has it */
};

struct pnp_claim {
    char id[BOARD_ID_SIZE];
    enum pnp_claim_phase phase;
    bool is_captured;            /* its stub was seen last, or usbipd-win has just noted it */
    char stub_id[BOARD_ID_SIZE]; /* of that stub */
    bool is_away;                /* neither the board nor its stub was */
    int64_t away_until_ms;
    bool is_noted;    /* usbipd-win's registry says that somebody has it */
    bool is_forced;   /* and has no stub for it: it was forced upon the board, which keeps its id */
    bool is_given_up; /* that note went although nothing had happened to the board */
    int64_t given_up_ms;
    bool has_returned; /* seen as itself while the guest still had it */
    bool has_failed;   /* the guest's last attempt did; it tries again by itself */
};

struct pnp_claims {
    struct pnp_claim items[BOARD_TABLE_MAX];
    size_t count;
};

/* The claim on that board, or NULL: nobody asks for it, and it is not captured. Valid until the
 * next call that makes or drops one. */
struct pnp_claim *pnp_claims_find(struct pnp_claims *claims, const char *id);

/* As pnp_claims_find, but makes one; NULL only if there are BOARD_TABLE_MAX already. */
struct pnp_claim *pnp_claims_get(struct pnp_claims *claims, const char *id);

/* The claim on the board that is captured as that stub, or NULL. */
struct pnp_claim *pnp_claims_find_stub(struct pnp_claims *claims, const char *stub_id);

/* Forgets what is known of the board; unknown ids are fine. */
void pnp_claims_drop(struct pnp_claims *claims, const char *id);

/* True if the absence of the board says nothing yet. `claim` may be NULL. */
bool pnp_claim_excuses(const struct pnp_claim *claim);

/* The guest asks for the board, has it, or neither. */
void pnp_claim_set_phase(struct pnp_claim *claim, enum pnp_claim_phase phase, int64_t now_ms);

/* The board is there as that stub. */
void pnp_claim_capture(struct pnp_claim *claim, const char *stub_id);

/* What usbipd-win's registry says now. `usbipd detach` deletes its note first and then lets go of
 * the board; when a board resets or is pulled, the note goes after it. Source: usbipd-win. */
void pnp_claim_set_noted(struct pnp_claim *claim, bool is_noted, int64_t now_ms);

/* True if usbipd gave the board up before the guest began to lose it, at lost_ms. It deletes the
 * note as well when it is the guest's side that has hung up, but then the guest was first. */
bool pnp_claim_is_given_up(const struct pnp_claim *claim, int64_t lost_ms);

/* Neither the board nor its stub is there: its time starts, unless it runs already. */
void pnp_claim_miss(struct pnp_claim *claim, int64_t now_ms);

/* True if the board has been away for too long. */
bool pnp_claim_is_over(const struct pnp_claim *claim, int64_t now_ms);

/* When the next board has been away for too long, or PNP_CLAIMS_NEVER. */
int64_t pnp_claims_deadline(const struct pnp_claims *claims);

#endif
