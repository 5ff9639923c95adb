#include "shared/link/inbox.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/link_error.h"

/* Threads fill one half while the loop reads the other; a drain swaps them under the lock, so
 * that no callback ever runs with the lock held. */
struct inbox {
    uv_async_t async;
    uv_mutex_t mutex;
    unsigned char *filling; /* guarded by the mutex, as the next two */
    size_t count;
    uint64_t lost;
    unsigned char *draining; /* the loop's own */
    size_t item_size;
    size_t capacity;
    inbox_item_fn on_item;
    inbox_overflow_fn on_overflow;
    void *context;
    bool closing;
};

static void inbox_destroy(struct inbox *inbox)
{
    free(inbox->filling);
    free(inbox->draining);
    free(inbox);
}

static void on_async(uv_async_t *async)
{
    inbox_drain(async->data);
}

static void on_async_closed(uv_handle_t *handle)
{
    struct inbox *inbox = handle->data;

    uv_mutex_destroy(&inbox->mutex);
    inbox_destroy(inbox);
}

int inbox_open(uv_loop_t *loop, size_t item_size, size_t capacity, inbox_item_fn on_item,
               inbox_overflow_fn on_overflow, void *context, struct inbox **inbox)
{
    struct inbox *created = calloc(1, sizeof *created);
    int result = ERR_NOMEM;

    if (!created)
        return ERR_NOMEM;
    created->filling = calloc(capacity, item_size);
    created->draining = calloc(capacity, item_size);
    created->item_size = item_size;
    created->capacity = capacity;
    created->on_item = on_item;
    created->on_overflow = on_overflow;
    created->context = context;
    if (!created->filling || !created->draining)
        goto destroy;
    result = link_error_from_uv(uv_mutex_init(&created->mutex));
    if (result)
        goto destroy;
    created->async.data = created;
    result = link_error_from_uv(uv_async_init(loop, &created->async, on_async));
    if (result)
        goto destroy_mutex;
    *inbox = created;
    return 0;

destroy_mutex:
    uv_mutex_destroy(&created->mutex);
destroy:
    inbox_destroy(created);
    return result;
}

int inbox_put(struct inbox *inbox, const void *item)
{
    int result = 0;

    uv_mutex_lock(&inbox->mutex);
    if (inbox->count < inbox->capacity) {
        memcpy(inbox->filling + inbox->count * inbox->item_size, item, inbox->item_size);
        inbox->count++;
    } else {
        inbox->lost++;
        result = ERR_FULL;
    }
    uv_mutex_unlock(&inbox->mutex);
    uv_async_send(&inbox->async);
    return result;
}

void inbox_drain(struct inbox *inbox)
{
    unsigned char *items;
    size_t count;
    uint64_t lost;

    uv_mutex_lock(&inbox->mutex);
    items = inbox->filling;
    count = inbox->count;
    lost = inbox->lost;
    inbox->filling = inbox->draining;
    inbox->count = 0;
    inbox->lost = 0;
    uv_mutex_unlock(&inbox->mutex);
    inbox->draining = items;

    if (lost > 0 && inbox->on_overflow && !inbox->closing)
        inbox->on_overflow(inbox->context, lost);
    for (size_t i = 0; i < count && !inbox->closing; i++)
        inbox->on_item(inbox->context, items + i * inbox->item_size);
}

void inbox_close(struct inbox *inbox)
{
    if (inbox->closing)
        return;
    inbox->closing = true;
    uv_close((uv_handle_t *)&inbox->async, on_async_closed);
}
