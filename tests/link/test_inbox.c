#include "shared/link/inbox.h"

#include "shared/core/error.h"
#include "tests/link/rig.h"

#define THREADS 4
#define PUTS_PER_THREAD 2000

struct item {
    int thread;
    int number;
};

struct receiver {
    struct inbox *inbox;
    size_t items;
    uint64_t lost;
    size_t items_before_overflow;
    size_t out_of_order;
    int last[THREADS];
    size_t close_after; /* 0: never */
};

struct sender {
    struct inbox *inbox;
    int thread;
    size_t refused;
};

static void on_item(void *context, const void *data)
{
    struct receiver *receiver = context;
    const struct item *item = data;

    if (item->number <= receiver->last[item->thread]) {
        receiver->out_of_order++;
    }
    receiver->last[item->thread] = item->number;
    if (++receiver->items == receiver->close_after) {
        inbox_close(receiver->inbox);
    }
}

static void on_overflow(void *context, uint64_t lost)
{
    struct receiver *receiver = context;

    receiver->lost += lost;
    receiver->items_before_overflow = receiver->items;
}

static void put_many(void *context)
{
    struct sender *sender = context;

    for (int i = 1; i <= PUTS_PER_THREAD; i++) {
        struct item item = {.thread = sender->thread, .number = i};

        if (inbox_put(sender->inbox, &item) != 0) {
            sender->refused++;
        }
    }
}

static void open_inbox(struct rig *rig, struct receiver *receiver, size_t capacity)
{
    assert_int_equal(inbox_open(&rig->loop, sizeof(struct item), capacity, on_item, on_overflow,
                                receiver, &receiver->inbox),
                     0);
}

static void put(struct receiver *receiver, int number, int expected)
{
    struct item item = {.number = number};

    assert_int_equal(inbox_put(receiver->inbox, &item), expected);
}

static size_t run_senders(struct rig *rig, struct receiver *receiver)
{
    struct sender senders[THREADS];
    uv_thread_t threads[THREADS];
    size_t refused = 0;

    for (int i = 0; i < THREADS; i++) {
        senders[i] = (struct sender){.inbox = receiver->inbox, .thread = i};
        assert_int_equal(uv_thread_create(&threads[i], put_many, &senders[i]), 0);
    }
    /* The loop drains while the threads put, so that the two really meet. */
    rig_run_until_count(rig, &receiver->items, 1);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(uv_thread_join(&threads[i]), 0);
        refused += senders[i].refused;
    }
    inbox_drain(receiver->inbox);
    return refused;
}

static void every_item_of_every_thread_arrives_in_order(void **state)
{
    struct rig *rig = *state;
    struct receiver receiver = {0};

    open_inbox(rig, &receiver, (size_t)THREADS * PUTS_PER_THREAD);
    assert_int_equal(run_senders(rig, &receiver), 0);
    assert_int_equal(receiver.items, THREADS * PUTS_PER_THREAD);
    assert_int_equal(receiver.out_of_order, 0);
    assert_int_equal(receiver.lost, 0);
    inbox_close(receiver.inbox);
}

static void refused_items_are_counted_across_threads(void **state)
{
    struct rig *rig = *state;
    struct receiver receiver = {0};
    size_t refused;

    open_inbox(rig, &receiver, 3);
    refused = run_senders(rig, &receiver);
    assert_int_equal(receiver.lost, refused);
    assert_int_equal(receiver.items + refused, THREADS * PUTS_PER_THREAD);
    assert_int_equal(receiver.out_of_order, 0);
    inbox_close(receiver.inbox);
}

static void one_wake_up_drains_the_whole_queue(void **state)
{
    struct rig *rig = *state;
    struct receiver receiver = {0};

    open_inbox(rig, &receiver, 8);
    for (int i = 1; i <= 8; i++) {
        put(&receiver, i, 0);
    }
    rig_turn(rig);
    assert_int_equal(receiver.items, 8);
    inbox_close(receiver.inbox);
}

static void an_overflow_is_told_before_the_items_and_then_forgotten(void **state)
{
    struct rig *rig = *state;
    struct receiver receiver = {0};

    open_inbox(rig, &receiver, 2);
    put(&receiver, 1, 0);
    put(&receiver, 2, 0);
    put(&receiver, 3, ERR_FULL);
    put(&receiver, 4, ERR_FULL);
    rig_turn(rig);
    assert_int_equal(receiver.items, 2);
    assert_int_equal(receiver.lost, 2);
    assert_int_equal(receiver.items_before_overflow, 0);
    put(&receiver, 5, 0);
    rig_turn(rig);
    assert_int_equal(receiver.items, 3);
    assert_int_equal(receiver.lost, 2);
    inbox_close(receiver.inbox);
}

static void closing_inside_a_callback_ends_the_callbacks(void **state)
{
    struct rig *rig = *state;
    struct receiver receiver = {.close_after = 1};

    open_inbox(rig, &receiver, 4);
    put(&receiver, 1, 0);
    put(&receiver, 2, 0);
    rig_turn(rig);
    assert_int_equal(receiver.items, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_item_of_every_thread_arrives_in_order),
        RIG_TEST(refused_items_are_counted_across_threads),
        RIG_TEST(one_wake_up_drains_the_whole_queue),
        RIG_TEST(an_overflow_is_told_before_the_items_and_then_forgotten),
        RIG_TEST(closing_inside_a_callback_ends_the_callbacks),
    };

    return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
