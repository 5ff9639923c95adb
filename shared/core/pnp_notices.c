#include "shared/core/pnp_notices.h"

#include <string.h>

#include "shared/core/text.h"

/* An even number, so that dropping the two oldest keeps the order. */
#define OWED_MAX 8

/* PNP_NOTICES_MAX if it is not known. */
static size_t find_index(const struct pnp_notices *notices, const char *id)
{
    size_t i = 0;

    while (i < PNP_NOTICES_MAX && !text_equal_nocase(notices->nodes[i].id, id))
        i++;
    return i;
}

static struct pnp_notices_node *add(struct pnp_notices *notices, const char *id)
{
    struct pnp_notices_node *node = &notices->nodes[notices->next];

    notices->next = (notices->next + 1) % PNP_NOTICES_MAX;
    memset(node, 0, sizeof(*node));
    text_copy(node->id, sizeof(node->id), id);
    return node;
}

/* Makes one that nothing is known of if need be. */
static struct pnp_notices_node *get(struct pnp_notices *notices, const char *id)
{
    size_t i = find_index(notices, id);

    return i < PNP_NOTICES_MAX ? &notices->nodes[i] : add(notices, id);
}

static void owe(struct pnp_notices_node *node, unsigned count, int64_t now_ms)
{
    node->owed += count;
    if (node->owed > OWED_MAX)
        node->owed -= 2;
    node->owed_ms = now_ms;
}

/* What is owed too long will not come, and neither is it known then what was heard last. */
static void forgive(struct pnp_notices_node *node, int64_t now_ms)
{
    if (node->owed == 0 || now_ms - node->owed_ms < PNP_NOTICES_LATE_MS)
        return;
    node->owed = 0;
    node->heard = PNP_NOTICE_UNKNOWN;
}

void pnp_notices_begin(struct pnp_notices *notices, int64_t now_ms)
{
    notices->now_ms = now_ms;
    for (size_t i = 0; i < PNP_NOTICES_MAX; i++) {
        notices->nodes[i].is_seen = false;
        forgive(&notices->nodes[i], now_ms);
    }
}

void pnp_notices_see(struct pnp_notices *notices, const char *id)
{
    struct pnp_notices_node *node = get(notices, id);

    node->is_seen = true;
    if (!notices->has_looked && node->heard == PNP_NOTICE_UNKNOWN)
        node->is_shown = true;
}

static void end_node(struct pnp_notices_node *node, int64_t now_ms)
{
    bool is_shown;
    bool is_told;

    node->is_leaving = node->is_leaving && node->is_seen;
    is_shown = node->is_seen && !node->is_leaving;
    is_told = is_shown && node->owed == 0 && node->heard == PNP_NOTICE_ARRIVED;
    if (is_shown != node->is_shown && !is_told)
        owe(node, 1, now_ms);
    node->is_shown = is_shown;
}

void pnp_notices_end(struct pnp_notices *notices)
{
    for (size_t i = 0; i < PNP_NOTICES_MAX; i++)
        end_node(&notices->nodes[i], notices->now_ms);
    notices->has_looked = true;
}

void pnp_notices_see_return(struct pnp_notices *notices, const char *id)
{
    owe(get(notices, id), 2, notices->now_ms);
}

static enum pnp_notice first_owed(const struct pnp_notices_node *node)
{
    if (node->owed == 0)
        return PNP_NOTICE_UNKNOWN;
    return node->is_shown == (node->owed % 2 == 1) ? PNP_NOTICE_ARRIVED : PNP_NOTICE_REMOVED;
}

bool pnp_notices_is_leaving(const struct pnp_notices *notices, const char *id)
{
    size_t i = find_index(notices, id);

    return i < PNP_NOTICES_MAX && notices->nodes[i].is_leaving;
}

/* Returns true if the notice was owed. */
static bool settle(struct pnp_notices_node *node, enum pnp_notice notice)
{
    /* The first one that is owed may never have been sent: nobody listened, or the node had no
     * driver then. */
    if (node->owed > 0 && first_owed(node) != notice)
        node->owed--;
    if (node->owed == 0)
        return false;
    node->owed--;
    return true;
}

bool pnp_notices_hear(struct pnp_notices *notices, const char *id, enum pnp_notice notice,
                      int64_t now_ms)
{
    struct pnp_notices_node *node = get(notices, id);

    forgive(node, now_ms);
    if (node->heard == notice)
        return false;
    node->heard = notice;
    if (settle(node, notice))
        return false;
    node->is_leaving = notice == PNP_NOTICE_REMOVED;
    node->is_shown = node->is_shown && !node->is_leaving;
    return true;
}
