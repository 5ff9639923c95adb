/* A bounded, locked queue from foreign threads to a libuv loop: threads append, one uv_async
 * wakes the loop, the loop drains the whole queue. */
#ifndef TTYFERRY_LINK_INBOX_H
#define TTYFERRY_LINK_INBOX_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct inbox;

/* Called on the loop's thread for each item in the order of inbox_put. `item` is valid during the
 * call. */
typedef void (*inbox_item_fn)(void *context, const void *item);

/* Called on the loop's thread, before the items, when items were refused since the last drain:
 * the receiver then has to find out by itself what it missed (a rescan). */
typedef void (*inbox_overflow_fn)(void *context, uint64_t lost);

/* Makes an inbox for up to `capacity` items of `item_size` bytes, all of it allocated here.
 * `context` must outlive it. `on_overflow` may be NULL. Returns 0, ERR_NOMEM or a libuv error as
 * ours; `*inbox` is the caller's until inbox_close. */
int inbox_open(uv_loop_t *loop, size_t item_size, size_t capacity, inbox_item_fn on_item,
               inbox_overflow_fn on_overflow, void *context, struct inbox **inbox);

/* Any thread: copies one item in. Returns 0 or ERR_FULL (counted, told by on_overflow). */
int inbox_put(struct inbox *inbox, const void *item);

/* Loop thread: hands on what is queued now instead of when the loop gets to it. Not from inside the
 * inbox's own callbacks. Its use is just before inbox_close, where items own something. */
void inbox_drain(struct inbox *inbox);

/* Loop thread, after every putting thread has ended: no callback runs any more; memory is
 * released in the handle's close callback, on the loop. */
void inbox_close(struct inbox *inbox);

#endif
