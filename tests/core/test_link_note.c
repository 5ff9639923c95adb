/* The note of a link: written, read. */
#include "shared/core/link_note.h"

#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

static const struct read_case {
    const char *name;
    const char *line;
    int error;
    struct link_note note;
} read_cases[] = {
    {"link_note: by id",
     "serial/by-id usb-a ../../ttyUSB0 - 412 0",
     0,
     {LINK_NOTE_BY_ID, "usb-a", "../../ttyUSB0", "", 412, 0}},
    {"link_note: by path, in another's place",
     "serial/by-path usb-0:1:1.0 ../../ttyUSB0 ../../ttyUSB1 412 18446744073709551615",
     0,
     {LINK_NOTE_BY_PATH, "usb-0:1:1.0", "../../ttyUSB0", "../../ttyUSB1", 412, UINT64_MAX}},
    {"link_note: of an older version",
     "serial/by-id usb-a ../../ttyUSB0",
     0,
     {LINK_NOTE_BY_ID, "usb-a", "../../ttyUSB0", "", 0, 0}},
    {"link_note: of a named board",
     "ttyferry leo ../ttyACM0 - 7 0",
     0,
     {LINK_NOTE_NAMED, "leo", "../ttyACM0", "", 7, 0}},
    {"link_note: an absolute one was there",
     "serial/by-id usb-a ../../ttyUSB0 /dev/ttyUSB1 0 0",
     0,
     {LINK_NOTE_BY_ID, "usb-a", "../../ttyUSB0", "/dev/ttyUSB1", 0, 0}},
    {"link_note: nothing", "", ERR_INVALID, {0}},
    {"link_note: cut", "serial/by-id usb-a", ERR_INVALID, {0}},
    {"link_note: no target", "serial/by-id usb-a ", ERR_INVALID, {0}},
    {"link_note: two spaces", "serial/by-id  usb-a ../../ttyUSB0", ERR_INVALID, {0}},
    {"link_note: another folder", "by-id a ../../gone", ERR_INVALID, {0}},
    {"link_note: a folder that is too long", "serial/by-id/usb/a a ../../gone", ERR_TOO_LONG, {0}},
    {"link_note: a name that leads out", "serial/by-id ../../leo ../../gone", ERR_INVALID, {0}},
    {"link_note: a folder's name", "serial/by-id .. ../../gone", ERR_INVALID, {0}},
    {"link_note: a target that leads out", "serial/by-id a ../../../gone", ERR_INVALID, {0}},
    {"link_note: a target in its folder", "serial/by-id a gone", ERR_INVALID, {0}},
    {"link_note: a target of another folder", "ttyferry leo ../../gone", ERR_INVALID, {0}},
    {"link_note: more than there is to say", "ttyferry leo ../a - 7 0 more", ERR_INVALID, {0}},
    {"link_note: no second inode", "ttyferry leo ../a - 7", ERR_INVALID, {0}},
    {"link_note: an inode that is none", "ttyferry leo ../a - 7 -1", ERR_INVALID, {0}},
    {"link_note: an inode that is too long",
     "ttyferry leo ../a - 7 184467440737095516150",
     ERR_TOO_LONG,
     {0}},
    {"link_note: a control", "ttyferry leo\x1b[2J ../ttyACM0 - 7 0", ERR_INVALID, {0}},
};

static void reads_or_refuses(void **state)
{
    const struct read_case *row = *state;
    struct link_note note = {.folder = LINK_NOTE_NAMED, .name = "before"};
    char line[LINK_NOTE_LINE_SIZE];
    struct link_note again;

    assert_int_equal(link_note_from_line(row->line, &note), row->error);
    if (row->error != 0) {
        assert_string_equal(note.name, "before");
        return;
    }
    assert_int_equal(note.folder, row->note.folder);
    assert_string_equal(note.name, row->note.name);
    assert_string_equal(note.target, row->note.target);
    assert_string_equal(note.former, row->note.former);
    assert_true(note.node == row->note.node);
    assert_true(note.former_node == row->note.former_node);
    assert_int_equal(link_note_to_line(&note, line), 0);
    assert_int_equal(link_note_from_line(line, &again), 0);
    assert_memory_equal(&again, &note, sizeof note);
}

static void a_former_link_that_is_no_field_is_left_out(void **state)
{
    static const char *const formers[] = {"", "a b", "a\nserial/by-id b ../../c -", "-"};
    char line[LINK_NOTE_LINE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof formers / sizeof formers[0]; i++) {
        struct link_note note = {LINK_NOTE_NAMED, "leo", "../ttyACM0", "", 7, 0};

        strcpy(note.former, formers[i]);
        assert_int_equal(link_note_to_line(&note, line), 0);
        assert_string_equal(line, "ttyferry leo ../ttyACM0 - 7 0");
    }
}

static void what_would_be_two_lines_is_none(void **state)
{
    struct link_note note = {LINK_NOTE_NAMED, "a\nb", "../ttyACM0", "", 7, 0};
    char line[LINK_NOTE_LINE_SIZE];

    (void)state;
    assert_int_equal(link_note_to_line(&note, line), ERR_INVALID);
}

static void the_longest_fits(void **state)
{
    struct link_note note = {
        .folder = LINK_NOTE_BY_PATH, .node = UINT64_MAX, .former_node = UINT64_MAX};
    struct link_note again;
    char line[LINK_NOTE_LINE_SIZE];

    (void)state;
    memset(note.name, 'n', sizeof note.name - 1);
    memset(note.target, 't', sizeof note.target - 1);
    memcpy(note.target, "../../", strlen("../../"));
    memset(note.former, 'f', sizeof note.former - 1);
    assert_int_equal(link_note_to_line(&note, line), 0);
    assert_int_equal(link_note_from_line(line, &again), 0);
    assert_memory_equal(&again, &note, sizeof note);
    strcat(line, "0");
    assert_int_equal(link_note_from_line(line, &again), ERR_TOO_LONG);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, read_cases, reads_or_refuses);
    cases_add_one(&cases, "a former link that is no field is left out",
                  a_former_link_that_is_no_field_is_left_out);
    cases_add_one(&cases, "what would be two lines is none", what_would_be_two_lines_is_none);
    cases_add_one(&cases, "the longest fits", the_longest_fits);
    return cases_run("link_note", &cases);
}
