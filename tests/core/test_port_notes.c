/* The notes of the ports that are ours: kept, written, read. */
#include "shared/core/port_notes.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/vhci_status.h"
#include "tests/core/cases.h"

#define NOTE "{\"port\":3,\"devid\":65539,\"node\":\"00000000deadbeef\"}"

static const struct bad_case {
    const char *name;
    const char *text;
    int error;
} bad_cases[] = {
    {"port_notes: nothing", "", ERR_INVALID},
    {"port_notes: no object", "[]", ERR_INVALID},
    {"port_notes: cut", "{\"v\":1,\"ports\":[" NOTE, ERR_INVALID},
    {"port_notes: no version", "{\"ports\":[]}", ERR_INVALID},
    {"port_notes: a later version", "{\"v\":2}", ERR_VERSION},
    {"port_notes: no ports", "{\"v\":1}", ERR_INVALID},
    {"port_notes: ports that are none", "{\"v\":1,\"ports\":[3]}", ERR_INVALID},
    {"port_notes: a port beyond all",
     "{\"v\":1,\"ports\":[{\"port\":3840,\"devid\":1,"
     "\"node\":\"0000000000000001\"}]}",
     ERR_INVALID},
    {"port_notes: a negative port",
     "{\"v\":1,\"ports\":[{\"port\":-1,\"devid\":1,"
     "\"node\":\"0000000000000001\"}]}",
     ERR_INVALID},
    {"port_notes: a devid of 33 bits",
     "{\"v\":1,\"ports\":[{\"port\":1,\"devid\":4294967296,"
     "\"node\":\"0000000000000001\"}]}",
     ERR_INVALID},
    {"port_notes: a node that is none",
     "{\"v\":1,\"ports\":[{\"port\":1,\"devid\":1,"
     "\"node\":\"0000000000000x01\"}]}",
     ERR_INVALID},
    {"port_notes: a node that is too long",
     "{\"v\":1,\"ports\":[{\"port\":1,\"devid\":1,"
     "\"node\":\"00000000000000001\"}]}",
     ERR_INVALID},
    {"port_notes: one port twice", "{\"v\":1,\"ports\":[" NOTE "," NOTE "]}", ERR_INVALID},
};

static void refuses(void **state)
{
    const struct bad_case *row = *state;
    struct port_notes notes = {.count = 1, .items = {{.port = 7}}};

    assert_int_equal(port_notes_from_text(row->text, strlen(row->text), &notes), row->error);
    assert_int_equal(notes.count, 1);
    assert_int_equal(notes.items[0].port, 7);
}

static void reads(void **state)
{
    static const char text[] = "{\"v\":1,\"ports\":[" NOTE "],\"later\":true}";
    struct port_notes notes = {.count = 0};
    const struct port_note *note;

    (void)state;
    assert_int_equal(port_notes_from_text(text, strlen(text), &notes), 0);
    assert_int_equal(notes.count, 1);
    note = port_notes_find(&notes, 3);
    assert_non_null(note);
    assert_int_equal(note->devid, 65539);
    assert_true(note->node == 0xdeadbeef);
    assert_null(port_notes_find(&notes, 2));
}

static void keeps_one_a_port(void **state)
{
    struct port_notes notes = {.count = 0};

    (void)state;
    assert_int_equal(port_notes_put(&notes, &(struct port_note){.port = 1, .devid = 10}), 0);
    assert_int_equal(port_notes_put(&notes, &(struct port_note){.port = 2, .devid = 20}), 0);
    assert_int_equal(port_notes_put(&notes, &(struct port_note){.port = 1, .devid = 11}), 0);
    assert_int_equal(notes.count, 2);
    assert_int_equal(port_notes_find(&notes, 1)->devid, 11);
    assert_true(port_notes_remove(&notes, 1));
    assert_false(port_notes_remove(&notes, 1));
    assert_int_equal(notes.count, 1);
    assert_int_equal(port_notes_find(&notes, 2)->devid, 20);
}

/* The longest notes there can be are written, fit, and are read as they were. */
static void goes_round_when_full(void **state)
{
    struct port_notes notes = {.count = 0};
    struct port_notes again = {.count = 0};
    char *text;
    size_t len;

    (void)state;
    for (unsigned i = 0; i < PORT_NOTES_MAX; i++) {
        const struct port_note note = {
            .port = VHCI_STATUS_PORTS_MAX - 1 - i, .devid = UINT32_MAX - i, .node = UINT64_MAX - i};

        assert_int_equal(port_notes_put(&notes, &note), 0);
    }
    assert_int_equal(port_notes_put(&notes, &(struct port_note){.port = 0}), ERR_FULL);
    assert_int_equal(port_notes_to_text(&notes, &text, &len), 0);
    assert_true(len <= PORT_NOTES_TEXT_MAX);
    assert_int_equal(port_notes_from_text(text, len, &again), 0);
    assert_int_equal(again.count, PORT_NOTES_MAX);
    for (size_t i = 0; i < PORT_NOTES_MAX; i++) {
        const struct port_note *note = port_notes_find(&again, notes.items[i].port);

        assert_non_null(note);
        assert_true(note->devid == notes.items[i].devid && note->node == notes.items[i].node);
    }
    free(text);
}

static void one_byte_too_many_is_too_long(void **state)
{
    char *text = malloc(PORT_NOTES_TEXT_MAX + 1);
    struct port_notes notes = {.count = 0};

    (void)state;
    assert_non_null(text);
    memset(text, ' ', PORT_NOTES_TEXT_MAX + 1);
    assert_int_equal(port_notes_from_text(text, PORT_NOTES_TEXT_MAX + 1, &notes), ERR_TOO_LONG);
    assert_int_equal(port_notes_from_text(text, PORT_NOTES_TEXT_MAX, &notes), ERR_INVALID);
    free(text);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, bad_cases, refuses);
    cases_add_one(&cases, "reads", reads);
    cases_add_one(&cases, "keeps_one_a_port", keeps_one_a_port);
    cases_add_one(&cases, "goes_round_when_full", goes_round_when_full);
    cases_add_one(&cases, "one_byte_too_many_is_too_long", one_byte_too_many_is_too_long);
    return cases_run("port_notes", &cases);
}
