#include "shared/core/pnp_orphans.h"

#include "shared/core/text.h"

void pnp_orphans_begin(struct pnp_orphans *orphans, int64_t now_ms)
{
    orphans->now_ms = now_ms;
    for (size_t i = 0; i < orphans->count; i++)
        orphans->items[i].is_seen = false;
}

static struct pnp_orphan *find(struct pnp_orphans *orphans, const char *stub_id)
{
    for (size_t i = 0; i < orphans->count; i++) {
        if (text_equal_nocase(orphans->items[i].stub_id, stub_id))
            return &orphans->items[i];
    }
    return NULL;
}

static struct pnp_orphan *add(struct pnp_orphans *orphans, const char *stub_id)
{
    struct pnp_orphan *orphan;

    if (orphans->count == PNP_ORPHANS_MAX)
        return NULL;
    orphan = &orphans->items[orphans->count++];
    text_copy(orphan->stub_id, sizeof(orphan->stub_id), stub_id);
    orphan->since_ms = orphans->now_ms;
    return orphan;
}

bool pnp_orphans_see(struct pnp_orphans *orphans, const char *stub_id)
{
    struct pnp_orphan *orphan = find(orphans, stub_id);

    if (orphan == NULL)
        orphan = add(orphans, stub_id);
    if (orphan == NULL)
        return false;
    orphan->is_seen = true;
    return orphans->now_ms - orphan->since_ms >= PNP_ORPHAN_MS;
}

void pnp_orphans_end(struct pnp_orphans *orphans)
{
    size_t kept = 0;

    for (size_t i = 0; i < orphans->count; i++) {
        if (orphans->items[i].is_seen)
            orphans->items[kept++] = orphans->items[i];
    }
    orphans->count = kept;
}

int64_t pnp_orphans_deadline(const struct pnp_orphans *orphans)
{
    int64_t deadline_ms = PNP_ORPHANS_NEVER;

    for (size_t i = 0; i < orphans->count; i++) {
        int64_t due_ms = orphans->items[i].since_ms + PNP_ORPHAN_MS;

        if (due_ms > orphans->now_ms && due_ms < deadline_ms)
            deadline_ms = due_ms;
    }
    return deadline_ms;
}
