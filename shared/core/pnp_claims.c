#include "shared/core/pnp_claims.h"

#include <string.h>

#include "shared/core/text.h"

static size_t find_index(const struct pnp_claims *claims, const char *id)
{
    size_t i = 0;

    while (i < claims->count && !text_equal_nocase(claims->items[i].id, id)) {
        i++;
    }
    return i;
}

struct pnp_claim *pnp_claims_find(struct pnp_claims *claims, const char *id)
{
    size_t i = find_index(claims, id);

    return i < claims->count ? &claims->items[i] : NULL;
}

struct pnp_claim *pnp_claims_get(struct pnp_claims *claims, const char *id)
{
    size_t i = find_index(claims, id);

    if (i == BOARD_TABLE_MAX) {
        return NULL;
    }
    if (i == claims->count) {
        claims->count++;
        memset(&claims->items[i], 0, sizeof claims->items[i]);
        text_copy(claims->items[i].id, sizeof claims->items[i].id, id);
    }
    return &claims->items[i];
}

struct pnp_claim *pnp_claims_find_stub(struct pnp_claims *claims, const char *stub_id)
{
    for (size_t i = 0; i < claims->count; i++) {
        if (claims->items[i].is_captured && text_equal_nocase(claims->items[i].stub_id, stub_id)) {
            return &claims->items[i];
        }
    }
    return NULL;
}

void pnp_claims_drop(struct pnp_claims *claims, const char *id)
{
    size_t i = find_index(claims, id);

    if (i < claims->count) {
        claims->items[i] = claims->items[--claims->count];
    }
}

bool pnp_claim_excuses(const struct pnp_claim *claim)
{
    return claim != NULL &&
           (claim->phase == PNP_CLAIM_ASKED || claim->is_captured || claim->is_away ||
            (claim->phase == PNP_CLAIM_HELD && claim->is_forced));
}

static void shorten(struct pnp_claim *claim, int64_t until_ms)
{
    if (claim->away_until_ms > until_ms) {
        claim->away_until_ms = until_ms;
    }
}

void pnp_claim_set_phase(struct pnp_claim *claim, enum pnp_claim_phase phase, int64_t now_ms)
{
    claim->phase = phase;
    if (phase == PNP_CLAIM_ASKED) {
        claim->is_given_up = false;
        claim->has_returned = false;
        claim->has_failed = false;
        claim->is_captured = false; /* If it is, that is of an earlier attempt. */
        claim->away_until_ms = now_ms + PNP_CLAIM_CAPTURE_MS;
    }
    if (claim->is_away && phase == PNP_CLAIM_NONE) {
        shorten(claim, now_ms + (claim->is_captured ? PNP_CLAIM_RETURN_MS : PNP_CLAIM_FAILED_MS));
    }
}

void pnp_claim_capture(struct pnp_claim *claim, const char *stub_id)
{
    claim->is_captured = true;
    claim->is_away = false;
    text_copy(claim->stub_id, sizeof claim->stub_id, stub_id);
}

void pnp_claim_set_noted(struct pnp_claim *claim, bool is_noted, int64_t now_ms)
{
    if (is_noted) {
        claim->is_given_up = false;
    } else if (claim->is_noted && claim->phase == PNP_CLAIM_HELD && !claim->is_away) {
        claim->is_given_up = true;
        claim->given_up_ms = now_ms;
    }
    claim->is_noted = is_noted;
}

bool pnp_claim_is_given_up(const struct pnp_claim *claim, int64_t lost_ms)
{
    return claim->is_given_up && lost_ms - claim->given_up_ms >= PNP_CLAIM_GIVING_UP_MS;
}

void pnp_claim_miss(struct pnp_claim *claim, int64_t now_ms)
{
    if (claim->is_away) {
        return;
    }
    claim->is_away = true;
    claim->away_until_ms =
        now_ms + (claim->phase == PNP_CLAIM_ASKED && !claim->is_captured ? PNP_CLAIM_CAPTURE_MS
                                                                         : PNP_CLAIM_RETURN_MS);
}

bool pnp_claim_is_over(const struct pnp_claim *claim, int64_t now_ms)
{
    return claim->is_away && now_ms >= claim->away_until_ms;
}

int64_t pnp_claims_deadline(const struct pnp_claims *claims)
{
    int64_t deadline_ms = PNP_CLAIMS_NEVER;

    for (size_t i = 0; i < claims->count; i++) {
        const struct pnp_claim *claim = &claims->items[i];

        if (claim->is_away && claim->away_until_ms < deadline_ms) {
            deadline_ms = claim->away_until_ms;
        }
    }
    return deadline_ms;
}
