#include <stdio.h>
#include <string.h>

#include "shared/core/board_names.h"
#include "shared/core/error.h"
#include "shared/core/text.h"
#include "tests/core/cases.h"

/* "leo" and "two" are two Leonardos told apart by their serial numbers, "desk" is any Nano, "front"
 * the one at 2-1, "esp" the only one with its identities. */
static const struct board_families families = {
    .items =
        {
            {.name = "leo",
             .identities = {{0x2341, 0x8036}, {0x2341, 0x0036}},
             .identity_count = 2,
             .serial = "AA"},
            {.name = "two",
             .identities = {{0x2341, 0x8036}, {0x2341, 0x0036}},
             .identity_count = 2,
             .serial = "BB"},
            {.name = "desk", .identities = {{0x1a86, 0x7523}}, .identity_count = 1},
            {.name = "front",
             .identities = {{0x1a86, 0x7523}},
             .identity_count = 1,
             .busid = "2-1"},
            {.name = "stm",
             .identities = {{0x0483, 0x5740}, {0x0483, 0xdf11}},
             .identity_count = 2,
             .serial = "CC"},
        },
    .count = 5,
};

/* The boards that are here, and what their arrivals gave. */
struct room {
    struct board_names names;
    struct board_table boards;
    const struct board_family *missed;
};

static int open_room(void **state)
{
    static struct room room;

    board_names_init(&room.names, &families);
    board_table_init(&room.boards);
    *state = &room;
    return 0;
}

static int close_room(void **state)
{
    struct room *room = *state;

    board_table_finish(&room->boards);
    return 0;
}

/* A board comes; returns its name. Its id is made of its identity, its serial number or place. */
static const char *plug(struct room *room, const char *identity, const char *serial,
                        const char *busid)
{
    struct board board = {.vid = 0};
    struct board_identity ids;

    assert_int_equal(board_identity_from_text(identity, &ids), 0);
    board.vid = ids.vid;
    board.pid = ids.pid;
    text_copy(board.serial, sizeof board.serial, serial);
    text_copy(board.busid, sizeof board.busid, busid);
    snprintf(board.id, sizeof board.id, "%s/%s", identity, serial[0] != '\0' ? serial : busid);
    assert_int_equal(board_table_put(&room->boards, &board), 0);
    struct board *here = board_table_find(&room->boards, board.id);
    room->missed = board_names_give(&room->names, &room->boards, here);
    return here->name;
}

static void unplug(struct room *room, const char *id)
{
    assert_non_null(board_table_find(&room->boards, id));
    board_table_remove(&room->boards, id);
}

static void the_serial_number_tells(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "2341:8036", "bb", "1-1"), "two");
    assert_string_equal(plug(room, "2341:8036", "AA", "1-2"), "leo");
    assert_string_equal(plug(room, "2341:8036", "XX", "1-3"), "");
    assert_null(room->missed);
}

static void the_name_follows_through_the_bootloader(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "2341:8036", "AA", "1-1"), "leo");
    assert_string_equal(plug(room, "2341:8036", "BB", "1-2"), "two");
    unplug(room, "2341:8036/BB");
    assert_string_equal(plug(room, "2341:0036", "", "1-2"), "two");
    unplug(room, "2341:8036/AA");
    assert_string_equal(plug(room, "2341:0036", "", "1-1"), "leo");
    unplug(room, "2341:0036/1-2");
    assert_string_equal(plug(room, "2341:8036", "BB", "1-2"), "two");
}

static void a_bootloader_with_another_serial_number(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "0483:5740", "CC", "1-1"), "stm");
    unplug(room, "0483:5740/CC");
    assert_string_equal(plug(room, "0483:df11", "C0FFEE", "1-1"), "stm");
    unplug(room, "0483:df11/C0FFEE");
    assert_string_equal(plug(room, "0483:df11", "OTHER", "1-2"), "");
}

static void a_stranger_at_the_place_is_a_stranger(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "2341:8036", "AA", "1-1"), "leo");
    unplug(room, "2341:8036/AA");
    assert_string_equal(plug(room, "2341:8036", "XX", "1-1"), "");
    unplug(room, "2341:8036/XX");
    /* The bootloader is that of the stranger. */
    assert_string_equal(plug(room, "2341:0036", "", "1-1"), "");
}

static void two_swapped_boards_keep_their_names(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "2341:8036", "AA", "1-1"), "leo");
    assert_string_equal(plug(room, "2341:8036", "BB", "1-2"), "two");
    unplug(room, "2341:8036/AA");
    unplug(room, "2341:8036/BB");
    assert_string_equal(plug(room, "2341:8036", "AA", "1-2"), "leo");
    assert_string_equal(plug(room, "2341:8036", "BB", "1-1"), "two");
    unplug(room, "2341:8036/AA");
    assert_string_equal(plug(room, "2341:0036", "", "1-2"), "leo");
}

static void a_bootloader_of_unknown_origin(void **state)
{
    struct room *room = *state;

    /* Of two families. */
    assert_string_equal(plug(room, "2341:0036", "", "1-1"), "");
    /* Of one alone. */
    assert_string_equal(plug(room, "0483:df11", "", "1-2"), "stm");
}

static void the_port_tells(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "1a86:7523", "", "2-1"), "front");
    assert_string_equal(plug(room, "1a86:7523", "", "1-1"), "desk");
    unplug(room, "1a86:7523/2-1");
    assert_string_equal(plug(room, "1a86:7523", "", "1-2"), "");
    assert_ptr_equal(room->missed, &families.items[2]);
}

static void a_name_is_worn_once(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "1a86:7523", "", "1-1"), "desk");
    assert_string_equal(plug(room, "1a86:7523", "", "1-2"), "");
    assert_ptr_equal(room->missed, &families.items[2]);
    unplug(room, "1a86:7523/1-1");
    unplug(room, "1a86:7523/1-2");
    assert_string_equal(plug(room, "1a86:7523", "", "1-2"), "desk");
}

static void told_twice_it_keeps_its_name(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "1a86:7523", "", "1-1"), "desk");
    assert_string_equal(plug(room, "1a86:7523", "", "1-1"), "desk");
}

static void a_board_of_no_family(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "10c4:ea60", "AA", "1-1"), "");
    assert_null(room->missed);
}

static void a_board_without_a_place(void **state)
{
    struct room *room = *state;

    assert_string_equal(plug(room, "2341:8036", "AA", ""), "leo");
    unplug(room, "2341:8036/AA");
    assert_string_equal(plug(room, "2341:0036", "", ""), "");
}

static void an_identity_is_read(void **state)
{
    (void)state;
    struct board_identity identity = {1, 2};

    assert_int_equal(board_identity_from_text("1A86:7523", &identity), 0);
    assert_int_equal(identity.vid, 0x1a86);
    assert_int_equal(identity.pid, 0x7523);
    static const char *const bad[] = {"",       "1a86",      "1a86:", "1a86:*",
                                      "*:7523", "1a86:752g", "name=", "1a86:7523 "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(board_identity_from_text(bad[i], &identity), ERR_INVALID);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, open_room, close_room)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(the_serial_number_tells),
        CASE(the_name_follows_through_the_bootloader),
        CASE(a_bootloader_with_another_serial_number),
        CASE(a_stranger_at_the_place_is_a_stranger),
        CASE(two_swapped_boards_keep_their_names),
        CASE(a_bootloader_of_unknown_origin),
        CASE(the_port_tells),
        CASE(a_name_is_worn_once),
        CASE(told_twice_it_keeps_its_name),
        CASE(a_board_of_no_family),
        CASE(a_board_without_a_place),
        cmocka_unit_test(an_identity_is_read),
    };

    return cmocka_run_group_tests_name("board_names", tests, NULL, NULL);
}
