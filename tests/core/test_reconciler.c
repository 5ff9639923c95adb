#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "shared/core/reconciler.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define LINES_MAX 24
#define TEXT_SIZE 256

/* One event and, in words, what it must lead to. */
struct line {
    int64_t at_ms;
    enum reconciler_event event;
    const char *expected;
    bool unwanted; /* RECONCILER_ARRIVED, RECONCILER_SEEN: otherwise it is wanted */
    enum attach_fault fault;
};

struct story {
    const char *name;
    struct line lines[LINES_MAX];
};

#define ARRIVED(at, expected)                                                                      \
    {                                                                                              \
        at, RECONCILER_ARRIVED, expected, false, FAULT_NONE                                        \
    }
#define ARRIVED_UNWANTED(at, expected)                                                             \
    {                                                                                              \
        at, RECONCILER_ARRIVED, expected, true, FAULT_NONE                                         \
    }
#define SEEN(at, expected)                                                                         \
    {                                                                                              \
        at, RECONCILER_SEEN, expected, false, FAULT_NONE                                           \
    }
#define SEEN_UNWANTED(at, expected)                                                                \
    {                                                                                              \
        at, RECONCILER_SEEN, expected, true, FAULT_NONE                                            \
    }
#define MOVED(at, expected)                                                                        \
    {                                                                                              \
        at, RECONCILER_MOVED, expected, false, FAULT_NONE                                          \
    }
#define MOVED_UNWANTED(at, expected)                                                               \
    {                                                                                              \
        at, RECONCILER_MOVED, expected, true, FAULT_NONE                                           \
    }
#define REMOVED(at, expected)                                                                      \
    {                                                                                              \
        at, RECONCILER_REMOVED, expected, false, FAULT_NONE                                        \
    }
#define ATTACHED(at)                                                                               \
    {                                                                                              \
        at, RECONCILER_ATTACHED, "", false, FAULT_NONE                                             \
    }
#define FAILED(at, fault, expected)                                                                \
    {                                                                                              \
        at, RECONCILER_ATTACH_FAILED, expected, false, fault                                       \
    }
#define NODES(at, expected)                                                                        \
    {                                                                                              \
        at, RECONCILER_NODES_READY, expected, false, FAULT_NONE                                    \
    }
#define DEVICE_GONE(at, expected)                                                                  \
    {                                                                                              \
        at, RECONCILER_DEVICE_GONE, expected, false, FAULT_NONE                                    \
    }
#define PORT_FREE(at, expected)                                                                    \
    {                                                                                              \
        at, RECONCILER_PORT_FREE, expected, false, FAULT_NONE                                      \
    }
#define UNANSWERED(at, expected)                                                                   \
    {                                                                                              \
        at, RECONCILER_UNANSWERED, expected, false, FAULT_NONE                                     \
    }
#define ROOM(at, expected)                                                                         \
    {                                                                                              \
        at, RECONCILER_ROOM, expected, false, FAULT_NONE                                           \
    }
#define LEFT_OVER(at, expected)                                                                    \
    {                                                                                              \
        at, RECONCILER_LEFT_OVER, expected, false, FAULT_NONE                                      \
    }
#define SILENT(at, expected)                                                                       \
    {                                                                                              \
        at, RECONCILER_SILENT, expected, false, FAULT_NONE                                         \
    }
#define TICK(at, expected)                                                                         \
    {                                                                                              \
        at, RECONCILER_TICK, expected, false, FAULT_NONE                                           \
    }
/* The life up to readiness, which most stories begin with. */
#define UNTIL_READY ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), NODES(400, "ready")

static const struct story stories[] = {
    {"attach: arrival, import, nodes, ready", {UNTIL_READY}},
    {"attach: an unwanted arrival is left alone",
     {ARRIVED_UNWANTED(0, "arrival"), TICK(1000, ""), REMOVED(2000, "removal")}},
    {"attach: wanted later",
     {ARRIVED_UNWANTED(0, "arrival"), SEEN(5, "update attaching:1 attach")}},
    {"left over: let go, and told as detached",
     {SEEN_UNWANTED(0, "arrival"), LEFT_OVER(0, "detach"), DEVICE_GONE(5, "check"),
      PORT_FREE(10, "release detached:released"), TICK(60000, "")}},
    {"left over: wanted before the port is free",
     {SEEN_UNWANTED(0, "arrival"), LEFT_OVER(0, "detach"), SEEN(5, "update"),
      PORT_FREE(10, "release detached:released attaching:1 attach")}},
    {"left over: gone before the port is free",
     {SEEN_UNWANTED(0, "arrival"), LEFT_OVER(0, "detach"), REMOVED(5, ""),
      PORT_FREE(10, "release removal")}},
    {"left over: not while it is wanted", {UNTIL_READY, LEFT_OVER(500, "")}},
    {"left over: not when nobody has named it", {LEFT_OVER(0, "")}},
    {"left over: not when it is gone",
     {ARRIVED_UNWANTED(0, "arrival"), REMOVED(5, "removal"), LEFT_OVER(10, "")}},
    {"attach: present in the first snapshot", {SEEN(0, "arrival attaching:1 attach")}},
    {"attach: a snapshot repeats a ready board", {UNTIL_READY, SEEN(500, "update")}},
    {"attach: arriving again while ready", {UNTIL_READY, ARRIVED(500, "update")}},
    {"removal: while importing cancels",
     {ARRIVED(0, "arrival attaching:1 attach"), REMOVED(5, "cancel removal")}},
    {"removal: while enumerating detaches, and tells the removal alone",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), REMOVED(20, "detach"),
      PORT_FREE(30, "release removal")}},
    {"removal: while ready detaches, waits, tells both",
     {UNTIL_READY, REMOVED(500, "detach"), DEVICE_GONE(505, "check"),
      PORT_FREE(510, "release detached:lost removal")}},
    {"removal: while waiting for a retry",
     {ARRIVED(0, "arrival attaching:1 attach"),
      FAILED(5, FAULT_NOT_AVAILABLE, "failed:not_available:250"), REMOVED(100, "removal"),
      TICK(300, "")}},
    {"removal: unknown to the streams", {REMOVED(0, "")}},
    {"removal: twice",
     {UNTIL_READY, REMOVED(500, "detach"), REMOVED(501, ""),
      PORT_FREE(510, "release detached:lost removal"), REMOVED(520, "")}},
    {"removal: arriving again before the port is free keeps the order",
     {UNTIL_READY, REMOVED(500, "detach"), ARRIVED(505, ""),
      PORT_FREE(510, "release detached:lost removal arrival attaching:1 attach")}},
    {"removal: back unwanted before the port is free",
     {UNTIL_READY, REMOVED(500, "detach"), ARRIVED_UNWANTED(505, ""),
      PORT_FREE(510, "release detached:lost removal arrival"), TICK(60000, "")}},
    {"removal: the port is looked at again, later each time",
     {UNTIL_READY, REMOVED(1000, "detach"), TICK(1019, ""), TICK(1020, "check"), TICK(1059, ""),
      TICK(1060, "check"), TICK(1140, "check"), PORT_FREE(1150, "release detached:lost removal")}},
    {"removal: a port that is never free is given up",
     {UNTIL_READY, REMOVED(1000, "detach"), TICK(30999, "check"),
      TICK(31998, "release detached:lost removal")}},
    {"failure: status 4 is retried quickly, doubling up to 15 s",
     {ARRIVED(0, "arrival attaching:1 attach"),
      FAILED(0, FAULT_NOT_AVAILABLE, "failed:not_available:250"), TICK(249, ""),
      TICK(250, "attaching:2 attach"), FAILED(250, FAULT_NOT_AVAILABLE, "failed:not_available:500"),
      TICK(750, "attaching:3 attach"),
      FAILED(1000, FAULT_NOT_AVAILABLE, "failed:not_available:1000"),
      TICK(2000, "attaching:4 attach"),
      FAILED(2000, FAULT_NOT_AVAILABLE, "failed:not_available:2000"),
      TICK(4000, "attaching:5 attach"),
      FAILED(4000, FAULT_NOT_AVAILABLE, "failed:not_available:4000"),
      TICK(8000, "attaching:6 attach"),
      FAILED(8000, FAULT_NOT_AVAILABLE, "failed:not_available:8000"),
      TICK(16000, "attaching:7 attach"),
      FAILED(16000, FAULT_NOT_AVAILABLE, "failed:not_available:15000"),
      TICK(31000, "attaching:8 attach"),
      FAILED(31000, FAULT_NOT_AVAILABLE, "failed:not_available:15000")}},
    {"failure: another cause has its own patience",
     {ARRIVED(0, "arrival attaching:1 attach"),
      FAILED(0, FAULT_NOT_AVAILABLE, "failed:not_available:250"), TICK(250, "attaching:2 attach"),
      FAILED(250, FAULT_UNREACHABLE, "failed:usbipd_unreachable:1000")}},
    {"failure: a new arrival starts over at once",
     {ARRIVED(0, "arrival attaching:1 attach"),
      FAILED(0, FAULT_NOT_AVAILABLE, "failed:not_available:250"), TICK(250, "attaching:2 attach"),
      FAILED(250, FAULT_NOT_AVAILABLE, "failed:not_available:500"),
      ARRIVED(300, "update attaching:1 attach"),
      FAILED(310, FAULT_NOT_AVAILABLE, "failed:not_available:250")}},
    {"failure: a snapshot in between does not",
     {ARRIVED(0, "arrival attaching:1 attach"),
      FAILED(0, FAULT_NOT_AVAILABLE, "failed:not_available:250"), SEEN(100, "update"),
      TICK(250, "attaching:2 attach")}},
    {"failure: a claim is retried once",
     {ARRIVED(0, "arrival attaching:1 attach"), FAILED(0, FAULT_CLAIM, "failed:claim_failed:1000"),
      TICK(1000, "attaching:2 attach"), FAILED(1000, FAULT_CLAIM, "failed:claim_failed:null"),
      TICK(999999, ""), ARRIVED(1000000, "update attaching:1 attach")}},
    {"failure: other failures in between give no claim back",
     {ARRIVED(0, "arrival attaching:1 attach"), FAILED(0, FAULT_CLAIM, "failed:claim_failed:1000"),
      TICK(1000, "attaching:2 attach"),
      FAILED(1000, FAULT_NOT_AVAILABLE, "failed:not_available:250"),
      TICK(1250, "attaching:3 attach"), FAILED(1250, FAULT_CLAIM, "failed:claim_failed:null"),
      SEEN(2000, "update"), TICK(999999, ""), ARRIVED(1000000, "update attaching:1 attach"),
      FAILED(1000000, FAULT_CLAIM, "failed:claim_failed:1000")}},
    {"failure: status 2 is Windows' being busy for 3 s, then a program",
     {ARRIVED(0, "arrival attaching:1 attach"), FAILED(10, FAULT_IN_USE, "failed:busy:250"),
      TICK(260, "attaching:2 attach"), FAILED(2999, FAULT_IN_USE, "failed:busy:250"),
      TICK(3249, "attaching:3 attach"), FAILED(3250, FAULT_IN_USE, "failed:in_use:1000"),
      TICK(4250, "attaching:4 attach"), FAILED(4250, FAULT_IN_USE, "failed:in_use:2000"),
      ARRIVED(5000, "update attaching:1 attach"), FAILED(5000, FAULT_IN_USE, "failed:busy:250")}},
    {"failure: another client is told as such from the first",
     {ARRIVED(0, "arrival attaching:1 attach"),
      FAILED(10, FAULT_ATTACHED_ELSEWHERE, "failed:attached_elsewhere:1000"),
      TICK(1010, "attaching:2 attach"),
      FAILED(1010, FAULT_ATTACHED_ELSEWHERE, "failed:attached_elsewhere:2000")}},
    {"failure: a port that gets free is taken at once",
     {ARRIVED(0, "arrival attaching:1 attach"), ROOM(5, ""),
      FAILED(10, FAULT_NO_PORT, "failed:no_free_port:1000"), ROOM(20, "attaching:2 attach"),
      FAILED(30, FAULT_NOT_AVAILABLE, "failed:not_available:250"), ROOM(40, "")}},
    {"failure: without a busid no retry",
     {ARRIVED(0, "arrival attaching:1 attach"), FAILED(0, FAULT_NO_BUSID, "failed:no_busid:null"),
      TICK(999999, "")}},
    {"failure: the enumeration's deadline detaches, then fails",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), TICK(16010, "check"), TICK(20009, ""),
      TICK(20010, "detach"), PORT_FREE(24000, "release failed:enumeration_timeout:1000"),
      TICK(25000, "attaching:2 attach")}},
    {"failure: the port is looked at while the kernel is silent",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), TICK(1009, ""), TICK(1010, "check"),
      TICK(6009, ""), TICK(6010, "check"), TICK(11010, "check"), NODES(12000, "ready"),
      TICK(16010, "")}},
    {"failure: a device that never answers is given up early",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), TICK(1010, "check"),
      UNANSWERED(1010, ""), TICK(6010, "check"), UNANSWERED(6010, "detach"), UNANSWERED(6010, ""),
      PORT_FREE(7000, "release failed:no_answer:1000"), TICK(8000, "attaching:2 attach")}},
    {"failure: a device that waits for another one has its time from then on",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), TICK(1010, "check"),
      TICK(6010, "check"), UNANSWERED(6010, ""), TICK(11009, ""), TICK(11010, "check"),
      UNANSWERED(11010, "detach"), PORT_FREE(11020, "release failed:no_answer:1000"),
      TICK(12020, "attaching:2 attach"), ATTACHED(12030), TICK(13030, "check"),
      UNANSWERED(13030, "")}},
    {"failure: replugged while a failed enumeration detaches",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), TICK(20010, "detach"),
      ARRIVED(20020, "update"), PORT_FREE(24000, "release failed:enumeration_timeout:0"),
      TICK(24000, "attaching:1 attach")}},
    {"failure: late nodes after the deadline count for nothing",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), TICK(20010, "detach"),
      NODES(20020, ""), PORT_FREE(24000, "release failed:enumeration_timeout:1000")}},
    {"failure: removed while a failed enumeration detaches",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), TICK(20010, "detach"),
      REMOVED(20020, ""), PORT_FREE(24000, "release removal")}},
    {"lost: the server closes while ready",
     {UNTIL_READY, PORT_FREE(1000, "release detached:server_lost"), TICK(4999, ""),
      TICK(5000, "attaching:1 attach")}},
    {"lost: the device's uevent comes first",
     {UNTIL_READY, DEVICE_GONE(1000, "detach"), PORT_FREE(1000, "release detached:server_lost"),
      TICK(5000, "attaching:1 attach")}},
    {"lost: the host's removal comes before the port is free",
     {UNTIL_READY, DEVICE_GONE(1000, "detach"), REMOVED(1001, ""),
      PORT_FREE(1002, "release detached:lost removal")}},
    {"lost: the host's removal comes after",
     {UNTIL_READY, PORT_FREE(1000, "release detached:server_lost"), REMOVED(1100, "removal"),
      TICK(5000, "")}},
    {"lost: the peer is silent",
     {UNTIL_READY, SILENT(1000, "detach"), SILENT(1100, ""), DEVICE_GONE(5200, "check"),
      PORT_FREE(5200, "release detached:server_lost"), TICK(9200, "attaching:1 attach"),
      SILENT(9300, "")}},
    {"lost: replugged before the port is free",
     {UNTIL_READY, DEVICE_GONE(1000, "detach"), ARRIVED(1001, "update"),
      PORT_FREE(1002, "release detached:server_lost attaching:1 attach")}},
    {"lost: while enumerating it is a failure",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10),
      PORT_FREE(50, "release failed:server_lost:4000"), TICK(4050, "attaching:2 attach")}},
    {"moved: while ready, the former place is let go first",
     {UNTIL_READY, MOVED(500, "update detach"),
      PORT_FREE(510, "release detached:lost attaching:1 attach")}},
    {"moved: while enumerating",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), MOVED(20, "update detach"),
      PORT_FREE(30, "release detached:lost attaching:1 attach")}},
    {"moved: while importing, the former place is asked no more",
     {ARRIVED(0, "arrival attaching:1 attach"), MOVED(5, "update cancel attach"), ATTACHED(10),
      NODES(400, "ready")}},
    {"moved: while waiting",
     {ARRIVED(0, "arrival attaching:1 attach"), FAILED(0, FAULT_NO_BUSID, "failed:no_busid:null"),
      MOVED(500, "update attaching:1 attach")}},
    {"moved: while detaching",
     {UNTIL_READY, DEVICE_GONE(1000, "detach"), MOVED(1001, "update"),
      PORT_FREE(1002, "release detached:server_lost attaching:1 attach")}},
    {"moved: and no longer wanted",
     {UNTIL_READY, MOVED_UNWANTED(500, "update detach"),
      PORT_FREE(510, "release detached:released"), TICK(60000, "")}},
    {"moved: unknown before", {MOVED(0, "arrival attaching:1 attach")}},
    {"released: no longer wanted while ready",
     {UNTIL_READY, SEEN_UNWANTED(500, "update detach"), PORT_FREE(510, "release detached:released"),
      TICK(60000, ""), SEEN(60001, "update attaching:1 attach")}},
    {"released: no longer wanted while importing",
     {ARRIVED(0, "arrival attaching:1 attach"),
      SEEN_UNWANTED(5, "update cancel detached:released")}},
    {"released: wanted again before the port is free",
     {UNTIL_READY, SEEN_UNWANTED(500, "update detach"), SEEN(505, "update"),
      PORT_FREE(510, "release detached:released attaching:1 attach")}},
    {"released: no longer wanted while a failed enumeration detaches",
     {ARRIVED(0, "arrival attaching:1 attach"), ATTACHED(10), TICK(20010, "detach"),
      SEEN_UNWANTED(20020, "update"), PORT_FREE(24000, "release detached:released")}},
    {"stray: outcomes that nobody waits for",
     {ATTACHED(0), FAILED(0, FAULT_ATTACH, ""), NODES(0, ""), DEVICE_GONE(0, ""), PORT_FREE(0, ""),
      TICK(0, "")}},
};

static const char *const words[] = {
    [RECONCILER_ATTACH] = "attach",          [RECONCILER_CANCEL_ATTACH] = "cancel",
    [RECONCILER_DETACH] = "detach",          [RECONCILER_CHECK_PORT] = "check",
    [RECONCILER_RELEASE_PORT] = "release",   [RECONCILER_TELL_ARRIVAL] = "arrival",
    [RECONCILER_TELL_UPDATE] = "update",     [RECONCILER_TELL_ATTACHING] = "attaching",
    [RECONCILER_TELL_READY] = "ready",       [RECONCILER_TELL_FAILED] = "failed",
    [RECONCILER_TELL_DETACHED] = "detached", [RECONCILER_TELL_REMOVAL] = "removal",
};

static const char *const reasons[] = {
    [REASON_LOST] = "lost",
    [REASON_YIELDED] = "yielded",
    [REASON_RELEASED] = "released",
    [REASON_SERVER_LOST] = "server_lost",
};

static void describe(const struct reconciler *state, const struct reconciler_actions *actions,
                     char text[TEXT_SIZE])
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < actions->count; i++) {
        enum reconciler_action action = actions->items[i];
        const char *gap = i ? " " : "";

        if (action == RECONCILER_TELL_ATTACHING)
            len += (size_t)snprintf(text + len, TEXT_SIZE - len, "%s%s:%u", gap, words[action],
                                    state->attempt);
        else if (action == RECONCILER_TELL_DETACHED)
            len += (size_t)snprintf(text + len, TEXT_SIZE - len, "%s%s:%s", gap, words[action],
                                    reasons[state->reason]);
        else if (action == RECONCILER_TELL_FAILED && state->retry_in_ms < 0)
            len += (size_t)snprintf(text + len, TEXT_SIZE - len, "%s%s:%s:null", gap, words[action],
                                    attach_fault_info(state->fault)->code);
        else if (action == RECONCILER_TELL_FAILED)
            len += (size_t)snprintf(text + len, TEXT_SIZE - len, "%s%s:%s:%d", gap, words[action],
                                    attach_fault_info(state->fault)->code, (int)state->retry_in_ms);
        else
            len += (size_t)snprintf(text + len, TEXT_SIZE - len, "%s%s", gap, words[action]);
    }
}

static void run_story(void **state)
{
    const struct story *story = *state;
    struct reconciler reconciler;

    reconciler_init(&reconciler);
    for (size_t i = 0; i < LINES_MAX && story->lines[i].expected; i++) {
        const struct line *line = &story->lines[i];
        struct reconciler_actions actions;
        char text[TEXT_SIZE];

        reconciler_step(&reconciler, line->event, !line->unwanted, line->fault, line->at_ms,
                        &actions);
        describe(&reconciler, &actions, text);
        if (strcmp(text, line->expected) != 0)
            fail_msg("line %d: \"%s\" instead of \"%s\"", (int)i + 1, text, line->expected);
    }
}

static void test_yielded(void **state)
{
    struct reconciler reconciler;
    struct reconciler_actions actions;

    (void)state;
    reconciler_init(&reconciler);
    reconciler_step(&reconciler, RECONCILER_ARRIVED, true, FAULT_NONE, 0, &actions);
    reconciler_step(&reconciler, RECONCILER_ATTACHED, false, FAULT_NONE, 1, &actions);
    reconciler_step(&reconciler, RECONCILER_NODES_READY, false, FAULT_NONE, 2, &actions);
    reconciler.yielded = true;
    reconciler_step(&reconciler, RECONCILER_SEEN, false, FAULT_NONE, 3, &actions);
    reconciler_step(&reconciler, RECONCILER_PORT_FREE, false, FAULT_NONE, 4, &actions);
    assert_int_equal(actions.items[actions.count - 1], RECONCILER_TELL_DETACHED);
    assert_int_equal(reconciler.reason, REASON_YIELDED);
    assert_int_equal(reconciler.phase, RECONCILER_IDLE);
}

/* The host says of a board in its snapshot only afterwards that it is the user's. */
static void test_left_over_and_yielded(void **state)
{
    struct reconciler reconciler;
    struct reconciler_actions actions;

    (void)state;
    reconciler_init(&reconciler);
    reconciler_step(&reconciler, RECONCILER_SEEN, false, FAULT_NONE, 0, &actions);
    reconciler_step(&reconciler, RECONCILER_LEFT_OVER, false, FAULT_NONE, 0, &actions);
    reconciler.yielded = true;
    reconciler_step(&reconciler, RECONCILER_PORT_FREE, false, FAULT_NONE, 4, &actions);
    assert_int_equal(actions.items[actions.count - 1], RECONCILER_TELL_DETACHED);
    assert_int_equal(reconciler.reason, REASON_YIELDED);
}

static void step(struct reconciler *reconciler, enum reconciler_event event, int64_t at_ms)
{
    struct reconciler_actions actions;

    reconciler_step(reconciler, event, true, FAULT_NONE, at_ms, &actions);
}

static void test_deadlines(void **state)
{
    struct reconciler reconciler;

    (void)state;
    reconciler_init(&reconciler);
    assert_true(reconciler_deadline(&reconciler) == RECONCILER_NEVER);
    step(&reconciler, RECONCILER_ARRIVED, 0);
    assert_true(reconciler_deadline(&reconciler) == RECONCILER_NEVER);
    step(&reconciler, RECONCILER_ATTACHED, 100);
    assert_true(reconciler_deadline(&reconciler) == 100 + RECONCILER_LOOK_FIRST_MS);
    step(&reconciler, RECONCILER_NODES_READY, 200);
    assert_true(reconciler_deadline(&reconciler) == RECONCILER_NEVER);
    step(&reconciler, RECONCILER_REMOVED, 300);
    assert_true(reconciler_deadline(&reconciler) == 300 + RECONCILER_CHECK_FIRST_MS);
    assert_false(reconciler_is_over(&reconciler));
    step(&reconciler, RECONCILER_PORT_FREE, 310);
    assert_true(reconciler_deadline(&reconciler) == RECONCILER_NEVER);
    assert_true(reconciler_is_over(&reconciler));
}

static void test_faults(void **state)
{
    (void)state;
    for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
        const struct attach_fault_info *info = attach_fault_info((enum attach_fault)i);

        assert_non_null(info->code);
        assert_true(strlen(info->code) < EVENT_CODE_SIZE);
        assert_true(strlen(info->message) > 0);
        assert_true(strlen(info->remedy) > 0);
        for (int other = FAULT_NONE + 1; other < i; other++)
            assert_string_not_equal(info->code, attach_fault_info((enum attach_fault)other)->code);
    }
    assert_int_equal(attach_fault_from_status(1), FAULT_USBIPD_MONITOR);
    assert_int_equal(attach_fault_from_status(4), FAULT_NOT_AVAILABLE);
    assert_int_equal(attach_fault_from_status(5), FAULT_USBIPD_EXCEPTION);
    assert_int_equal(attach_fault_from_status(6), FAULT_USBIPD_STATUS);
    assert_int_equal(attach_fault_from_status(UINT32_MAX), FAULT_USBIPD_STATUS);
}

/* A walk ----------------------------------------------------------------------------------------
 *
 * Events in any order, with edges that do what they are told and fail, lose and stall as they like.
 */

#define WALKS 400
#define WALK_STEPS 300

struct walk {
    uint32_t random;
    struct reconciler reconciler;
    int64_t now_ms;
    /* What the edges have. */
    bool is_importing;
    bool has_port;
    bool is_left_over;           /* what is on the port; its attaching was told by a former run */
    enum reconciler_action told; /* the last telling about the board's life */
};

static uint32_t draw(struct walk *walk, uint32_t below)
{
    walk->random ^= walk->random << 13;
    walk->random ^= walk->random >> 17;
    walk->random ^= walk->random << 5;
    return walk->random % below;
}

static bool may_follow(enum reconciler_action before, enum reconciler_action now)
{
    switch (now) {
    case RECONCILER_TELL_ARRIVAL:
        return before == RECONCILER_TELL_REMOVAL;
    case RECONCILER_TELL_ATTACHING:
        return before == RECONCILER_TELL_ARRIVAL || before == RECONCILER_TELL_FAILED ||
               before == RECONCILER_TELL_DETACHED;
    case RECONCILER_TELL_READY:
    case RECONCILER_TELL_FAILED:
        return before == RECONCILER_TELL_ATTACHING;
    case RECONCILER_TELL_DETACHED:
        return before == RECONCILER_TELL_ATTACHING || before == RECONCILER_TELL_READY;
    case RECONCILER_TELL_REMOVAL:
        return before != RECONCILER_TELL_REMOVAL && before != RECONCILER_TELL_READY;
    default:
        return before != RECONCILER_TELL_REMOVAL; /* an update */
    }
}

static void perform(struct walk *walk, enum reconciler_action action)
{
    switch (action) {
    case RECONCILER_ATTACH:
        assert_false(walk->is_importing || walk->has_port);
        walk->is_importing = true;
        walk->is_left_over = false;
        break;
    case RECONCILER_CANCEL_ATTACH:
        assert_true(walk->is_importing);
        walk->is_importing = false;
        break;
    case RECONCILER_DETACH:
    case RECONCILER_CHECK_PORT:
        assert_true(walk->has_port);
        break;
    case RECONCILER_RELEASE_PORT:
        assert_true(walk->has_port);
        walk->has_port = false;
        break;
    default:
        if (!may_follow(walk->told, action) &&
            !(walk->is_left_over && action == RECONCILER_TELL_DETACHED))
            fail_msg("%s after %s", words[action], words[walk->told]);
        if (action != RECONCILER_TELL_UPDATE)
            walk->told = action;
        break;
    }
}

static void expect_no_dead_end(const struct walk *walk)
{
    const struct reconciler *state = &walk->reconciler;

    if (state->phase == RECONCILER_ENUMERATING || state->phase == RECONCILER_DETACHING ||
        (state->phase == RECONCILER_WAITING && state->retry_in_ms >= 0))
        assert_true(reconciler_deadline(state) != RECONCILER_NEVER);
    assert_true(walk->is_importing == (state->phase == RECONCILER_ATTACHING));
    if (state->present && state->wanted)
        assert_true(state->phase != RECONCILER_IDLE);
    else
        assert_true(state->phase == RECONCILER_IDLE || state->phase == RECONCILER_DETACHING);
}

static void take(struct walk *walk, enum reconciler_event event, bool wanted,
                 enum attach_fault fault)
{
    struct reconciler_actions actions;

    if (event == RECONCILER_ATTACHED || event == RECONCILER_ATTACH_FAILED)
        walk->is_importing = false;
    if (event == RECONCILER_ATTACHED || event == RECONCILER_LEFT_OVER)
        walk->has_port = true;
    if (event == RECONCILER_LEFT_OVER)
        walk->is_left_over = true;
    reconciler_step(&walk->reconciler, event, wanted, fault, walk->now_ms, &actions);
    assert_true(actions.count <= RECONCILER_ACTIONS_MAX);
    for (size_t i = 0; i < actions.count; i++)
        perform(walk, actions.items[i]);
    expect_no_dead_end(walk);
}

/* An edge says only what can be the case. */
static bool is_possible(const struct walk *walk, enum reconciler_event event)
{
    switch (event) {
    case RECONCILER_ATTACHED:
    case RECONCILER_ATTACH_FAILED:
        return walk->is_importing;
    case RECONCILER_NODES_READY:
    case RECONCILER_DEVICE_GONE:
    case RECONCILER_PORT_FREE:
    case RECONCILER_UNANSWERED:
    case RECONCILER_SILENT:
        return walk->has_port;
    case RECONCILER_LEFT_OVER:
        return walk->reconciler.phase == RECONCILER_IDLE && walk->reconciler.present;
    default:
        return true;
    }
}

static void step_anyhow(struct walk *walk)
{
    enum reconciler_event event = (enum reconciler_event)draw(walk, RECONCILER_TICK + 1);
    enum attach_fault fault = (enum attach_fault)(1 + draw(walk, FAULT_COUNT - 1));
    bool wanted = draw(walk, 4) != 0;

    walk->now_ms += draw(walk, 8) == 0 ? draw(walk, 40000) : draw(walk, 300);
    if (is_possible(walk, event))
        take(walk, event, wanted, fault);
}

/* From here on all goes well. */
static void settle(struct walk *walk)
{
    take(walk, RECONCILER_ARRIVED, true, FAULT_NONE);
    for (int i = 0; i < 100 && walk->reconciler.phase != RECONCILER_READY; i++) {
        if (walk->is_importing) {
            take(walk, RECONCILER_ATTACHED, true, FAULT_NONE);
        } else if (walk->reconciler.phase == RECONCILER_ENUMERATING) {
            take(walk, RECONCILER_NODES_READY, true, FAULT_NONE);
        } else if (walk->has_port) {
            take(walk, RECONCILER_PORT_FREE, true, FAULT_NONE);
        } else {
            walk->now_ms = reconciler_deadline(&walk->reconciler);
            take(walk, RECONCILER_TICK, true, FAULT_NONE);
        }
    }
    assert_int_equal(walk->told, RECONCILER_TELL_READY);
    take(walk, RECONCILER_REMOVED, true, FAULT_NONE);
    take(walk, RECONCILER_PORT_FREE, true, FAULT_NONE);
    assert_true(reconciler_is_over(&walk->reconciler));
    assert_false(walk->has_port || walk->is_importing);
}

static uint32_t walks_seed(void)
{
    const char *given = getenv("TTYFERRY_TEST_SEED");

    return given != NULL ? (uint32_t)strtoul(given, NULL, 0) : (uint32_t)time(NULL);
}

static void any_order_of_events_keeps_the_rules(void **state)
{
    uint32_t seed = walks_seed();

    (void)state;
    print_message("TTYFERRY_TEST_SEED=%u\n", (unsigned)seed);
    for (uint32_t i = 0; i < WALKS; i++) {
        struct walk walk = {.random = (seed + i) * 2654435761u | 1u,
                            .told = RECONCILER_TELL_REMOVAL};

        reconciler_init(&walk.reconciler);
        for (int step_no = 0; step_no < WALK_STEPS; step_no++)
            step_anyhow(&walk);
        settle(&walk);
    }
}

int main(void)
{
    struct CMUnitTest tests[COUNT(stories) + 5];
    size_t count = 0;

    for (size_t i = 0; i < COUNT(stories); i++)
        tests[count++] = (struct CMUnitTest){
            .name = stories[i].name, .test_func = run_story, .initial_state = (void *)&stories[i]};
    tests[count++] = (struct CMUnitTest){"deadlines", test_deadlines, NULL, NULL, NULL};
    tests[count++] = (struct CMUnitTest){"yielded", test_yielded, NULL, NULL, NULL};
    tests[count++] =
        (struct CMUnitTest){"left over and yielded", test_left_over_and_yielded, NULL, NULL, NULL};
    tests[count++] = (struct CMUnitTest){"faults: a row each", test_faults, NULL, NULL, NULL};
    tests[count++] = (struct CMUnitTest){"walks: any order of events keeps the rules",
                                         any_order_of_events_keeps_the_rules, NULL, NULL, NULL};
    return _cmocka_run_group_tests("reconciler", tests, count, NULL, NULL);
}
