/* Each case is a sequence of events, written as text, and the changes that must come of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/core/pnp_tracker.h"
#include "shared/core/text.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define STEPS_MAX 16
#define HELD_BY_GUEST                                                                              \
    {"A1", "+A "}, {"?A", ""}, {"-A", ""}, {"#A1", ""}, {"$A", ""},                                \
    {                                                                                              \
        "*A", ""                                                                                   \
    }
#define CHANGES_SIZE 256

/* A step: "+A" and "-A" are notices about board A, "!" says that notices were lost, and anything
 * else is a scan, such as "A1 B2:COM7": letters are boards, digits their ports, none if the
 * location is not known yet; lower-case letters stand for the same board in lower case; "#A1" is
 * the stub of A, "!A1" the same with the registry's word on whose stub it is. "-#A", "+#A" are
 * notices about the stub. "?A", "*A", "=A", "xA", "/A": the guest has asked for A, has it, let it
 * go, failed to get it, lost it to usbipd. "$A", "$": the registry says that somebody has A, or
 * that nobody has any; "$A!" that usbipd was forced upon it. "%" is a doubt. "@3000" is the time,
 * in milliseconds from the case's start. What comes out reads "+A", "~A", "<A" (returned), "^A"
 * (given up), "-A"; with "#" for a stub that is a board of its own. */
struct step {
    const char *event;
    const char *changes;
};

struct tracker_case {
    const char *name;
    struct step steps[STEPS_MAX];
};

static const struct tracker_case tracker_cases[] = {
    {"tracker: plug and unplug", {{"+A", ""}, {"A1", "+A "}, {"-A", "-A "}, {"none", ""}}},
    {"tracker: nothing new", {{"A1 B2", "+A +B "}, {"A1 B2", ""}, {"B2 A1", ""}}},
    {"tracker: a scan alone shows both ends", {{"A1", "+A "}, {"none", "-A "}}},
    {"tracker: removals before arrivals", {{"A1", "+A "}, {"B1", "-A +B "}}},
    {"tracker: a COM port comes late", {{"A1", "+A "}, {"A1:COM7", "~A "}, {"A1:COM7", ""}}},
    {"tracker: a COM port goes", {{"A1:COM7", "+A "}, {"A1", "~A "}}},
    {"tracker: a location comes late", {{"A", "+A "}, {"A1", "~A "}, {"A", ""}}},
    {"tracker: gone and back between two scans",
     {{"A1", "+A "}, {"-A", "-A "}, {"+A", ""}, {"A1", "+A "}}},
    {"tracker: moved to another port unseen", {{"A1", "+A "}, {"A2", "-A +A "}}},
    {"tracker: a node that lingers after its removal",
     {{"A1", "+A "}, {"-A", "-A "}, {"A1", ""}, {"A1", ""}, {"none", ""}, {"A1", "+A "}}},
    {"tracker: a removal of what was never seen",
     {{"+A", ""}, {"-A", ""}, {"A1", ""}, {"none", ""}, {"A1", "+A "}}},
    {"tracker: lost notices hide nothing",
     {{"A1", "+A "}, {"-A", "-A "}, {"!", ""}, {"A1", "+A "}}},
    {"tracker: ids in another case", {{"A1", "+A "}, {"a1", ""}, {"-a", "-A "}, {"none", ""}}},
    {"tracker: an early arrival notice", {{"+A", ""}, {"none", ""}, {"A1", "+A "}}},
    {"tracker: duplicate notices",
     {{"+A", ""}, {"+A", ""}, {"A1", "+A "}, {"-A", "-A "}, {"-A", ""}, {"none", ""}}},
    {"tracker: a removal notice that comes after the board is back",
     {{"A1", "+A "}, {"none", "-A "}, {"A1", "+A "}, {"-A", ""}, {"+A", ""}, {"A1", ""}}},
    {"tracker: a removal notice that comes after the board has moved",
     {{"A1", "+A "}, {"A2", "-A +A "}, {"-A", ""}, {"+A", ""}, {"A2", ""}}},
    {"tracker: a removal notice of the next life counts",
     {{"A1", "+A "},
      {"none", "-A "},
      {"-A", ""},
      {"+A", ""},
      {"A1", "+A "},
      {"-A", "-A "},
      {"A1", ""}}},
    {"tracker: no notice is owed once the board has come with one",
     {{"A1", "+A "}, {"none", "-A "}, {"+A", ""}, {"A1", "+A "}, {"-A", "-A "}, {"A1", ""}}},
    {"tracker: no notice is owed once some were lost",
     {{"A1", "+A "}, {"none", "-A "}, {"!", ""}, {"A1", "+A "}, {"-A", "-A "}}},
    {"tracker: a removal notice of a failed attempt that comes after the board is back",
     {{"none", ""},
      {"A1", "+A "},
      {"?A", ""},
      {"none", ""},
      {"xA", ""},
      {"+A", ""}, /* When it was plugged in. */
      {"A1", ""},
      {"-A", ""},
      {"+A", ""},
      {"A1", ""},
      {"-A", "-A "}}},
    {"tracker: notices of a whole attachment that come after the board is back",
     {{"A1", "+A "},
      {"?A", ""},
      {"#A1", ""},
      {"*A", ""},
      {"=A", ""},
      {"A1", "<A "},
      {"-A", ""},
      {"+#A", ""},
      {"-#A", ""},
      {"+A", ""},
      {"A1", ""},
      {"-A", "-A "}}},
    {"tracker: one of two leaves", {{"A1 B2", "+A +B "}, {"-B", "-B "}, {"A1", ""}}},
    {"capture: the guest's own attach is no removal",
     {{"A1", "+A "},
      {"?A", ""},
      {"-A", ""},
      {"none", ""},
      {"#A1", ""},
      {"*A", ""},
      {"@90000", ""}}},
    {"capture: the scan sees the stub before the notice comes",
     {{"A1", "+A "}, {"?A", ""}, {"#A1", ""}, {"-A", ""}, {"#A1", ""}, {"@90000", ""}}},
    {"capture: a COM port that goes with it is no news",
     {{"A1:COM7", "+A "}, {"?A", ""}, {"-A", ""}, {"#A1", ""}, {"*A", ""}}},
    {"capture: let go, it is Windows' again",
     {{"A1", "+A "},
      {"?A", ""},
      {"#A1", ""},
      {"*A", ""},
      {"=A", ""},
      {"none", ""},
      {"A1", "<A "},
      {"@90000", ""}}},
    {"detach: the note goes first, and the connection last",
     {HELD_BY_GUEST,
      {"$", ""},
      {"@150", ""},
      {"-#A", ""},
      {"none", ""},
      {"A1", ""},
      {"/A", "^A "},
      {"A1", ""}}},
    {"detach: the connection ends before the board is back",
     {HELD_BY_GUEST,
      {"$", ""},
      {"@150", ""},
      {"-#A", ""},
      {"none", ""},
      {"/A", "^A "},
      {"A1", "<A "}}},
    {"detach: at a doubtful time it is nobody's wish",
     {HELD_BY_GUEST, {"%", ""}, {"$", ""}, {"-#A", ""}, {"A1", ""}, {"@29999", ""}, {"/A", "<A "}}},
    {"detach: a doubt passes",
     {HELD_BY_GUEST,
      {"%", ""},
      {"@30000", ""},
      {"$", ""},
      {"@30150", ""},
      {"A1", ""},
      {"/A", "^A "}}},
    {"detach: by the guest itself it is no wish of anybody at Windows",
     {HELD_BY_GUEST, {"$", ""}, {"@150", ""}, {"-#A", ""}, {"A1", ""}, {"=A", "<A "}}},
    {"detach: a later attach starts anew",
     {HELD_BY_GUEST,
      {"$", ""},
      {"@150", ""},
      {"A1", ""},
      {"/A", "^A "},
      {"?A", ""},
      {"#A1", ""},
      {"*A", ""},
      {"A1", ""},
      {"/A", "<A "}}},
    {"detach: in the guest by hand, which usbipd sees no earlier than the guest",
     {HELD_BY_GUEST, {"$", ""}, {"@149", ""}, {"-#A", ""}, {"A1", ""}, {"/A", "<A "}}},
    {"detach: in the guest by hand, whose kernel takes its time to take the device away",
     {HELD_BY_GUEST, {"$", ""}, {"@400", ""}, {"-#A", ""}, {"A1", ""}, {"/A~251", "<A "}}},
    {"detach: at Windows, and the guest's kernel takes its time as well",
     {HELD_BY_GUEST, {"$", ""}, {"@400", ""}, {"-#A", ""}, {"A1", ""}, {"/A~250", "^A "}}},
    {"detach: a note that somebody else has nothing to do with",
     {{"A1", "+A "}, {"$A", ""}, {"$", ""}, {"A1", ""}}},
    {"reset: the stub goes before the note",
     {HELD_BY_GUEST, {"-#A", ""}, {"$", ""}, {"none", ""}, {"/A", ""}, {"A1", "<A "}}},
    {"reset: it is back before the connection ends",
     {HELD_BY_GUEST, {"-#A", ""}, {"$", ""}, {"A1", ""}, {"/A", "<A "}}},
    {"reset: as a stub at first",
     {HELD_BY_GUEST,
      {"-#A", ""},
      {"+#A", ""},
      {"#A1", ""},
      {"-#A", ""},
      {"$", ""},
      {"/A", ""},
      {"A1", "<A "}}},
    {"reset: a stub that lingers after its removal is no stub",
     {HELD_BY_GUEST, {"-#A", ""}, {"#A1", ""}, {"$", ""}, {"/A", ""}, {"@3000", "-A "}}},
    {"claim: a board that returns while it is asked for is no return",
     {{"A1", "+A "}, {"?A", ""}, {"-A", ""}, {"none", ""}, {"A1", ""}, {"xA", ""}, {"A1", ""}}},
    {"claim: what is given back after a failure is asked for by the guest's own time",
     {{"A1", "+A "}, {"?A", ""}, {"#A1", ""}, {"xA", ""}, {"A1", ""}, {"@90000", ""}}},
    {"claim: an orphan stub stays the board until it is pulled",
     {{"A1", "+A "},
      {"?A", ""},
      {"-A", ""},
      {"#A1", ""},
      {"xA", ""},
      {"@90000", ""},
      {"-#A", ""},
      {"none", ""},
      {"@93000", "-A "}}},
    {"orphan: a stub that nobody is behind is a board of its own in the end",
     {{"#A1", ""},
      {"@2999", ""},
      {"#A1", ""},
      {"@3000", ""},
      {"#A1", "+#A "},
      {"#A1", ""},
      {"-#A", "-#A "},
      {"#A1", ""},
      {"none", ""},
      {"A1", "+A "}}},
    {"orphan: another client's stub is noted late",
     {{"#A1", ""}, {"@2900", ""}, {"!A1", "+A "}, {"@90000", ""}, {"!A1", ""}}},
    {"orphan: the time starts anew with each stub",
     {{"#A1", ""}, {"@2000", ""}, {"none", ""}, {"#A1", ""}, {"@4000", ""}, {"#A1", ""}}},
    {"orphan: an identical board of another hub is captured instead",
     {{"A1 B2", "+A +B "},
      {"?A", ""},
      {"-B", "-B "},
      {"A1 #B2", ""},
      {"xA", ""},
      {"@3000", ""},
      {"A1 #B2", "+#B "},
      {"A1 B2", "-#B +B "}}},
    {"orphan: what is somebody's in the end was none",
     {{"#A1", ""}, {"@3000", ""}, {"#A1", "+#A "}, {"!A1", "-#A +A "}}},
    {"forced: the same id goes and comes with each attach",
     {{"A1", "+A "},
      {"?A", ""},
      {"-A", ""},
      {"none", ""},
      {"+A", ""},
      {"A1", ""},
      {"$A!", ""},
      {"*A", ""},
      {"-A", ""},
      {"+A", ""},
      {"A1", ""},
      {"/A", "<A "}}},
    {"forced: detached at Windows",
     {{"A1", "+A "},
      {"?A", ""},
      {"$A!", ""},
      {"*A", ""},
      {"$", ""},
      {"@150", ""},
      {"-A", ""},
      {"+A", ""},
      {"A1", ""},
      {"/A", "^A "}}},
    {"forced: unplugged while attached",
     {{"A1", "+A "},
      {"?A", ""},
      {"$A!", ""},
      {"*A", ""},
      {"-A", ""},
      {"none", ""},
      {"@3000", "-A "}}},
    {"capture: unplugged while attached",
     {{"A1", "+A "},
      {"?A", ""},
      {"#A1", ""},
      {"*A", ""},
      {"@5000", ""},
      {"none", ""},
      {"@7999", ""},
      {"@8000", "-A "},
      {"none", ""},
      {"A1", "+A "}}},
    {"capture: unplugged while attached, and the guest says so",
     {{"A1", "+A "},
      {"?A", ""},
      {"#A1", ""},
      {"*A", ""},
      {"=A", ""},
      {"none", ""},
      {"@3000", "-A "}}},
    {"capture: resets while attached",
     {{"A1", "+A "},
      {"?A", ""},
      {"#A1", ""},
      {"*A", ""},
      {"none", ""},
      {"=A", ""},
      {"A1", "<A "},
      {"?A", ""},
      {"#A1", ""},
      {"*A", ""},
      {"@90000", ""}}},
    {"capture: comes back as something else in the same place",
     {{"A1", "+A "}, {"?A", ""}, {"#A1", ""}, {"*A", ""}, {"B1", "-A +B "}}},
    {"capture: one that takes ten seconds",
     {{"A1", "+A "}, {"?A", ""}, {"-A", ""}, {"none", ""}, {"@10000", ""}, {"#A1", ""}}},
    {"capture: fails, and the board comes back meanwhile",
     {{"A1", "+A "},
      {"?A", ""},
      {"-A", ""},
      {"none", ""},
      {"+A", ""},
      {"A1", ""},
      {"=A", ""},
      {"@90000", ""}}},
    {"capture: unplugged while the guest asks",
     {{"A1", "+A "},
      {"?A", ""},
      {"-A", ""},
      {"none", ""},
      {"=A", ""},
      {"@999", ""},
      {"@1000", "-A "}}},
    {"capture: never comes to an end",
     {{"A1", "+A "}, {"?A", ""}, {"-A", ""}, {"none", ""}, {"@14999", ""}, {"@15000", "-A "}}},
    {"capture: refused, nothing moves", {{"A1", "+A "}, {"?A", ""}, {"=A", ""}, {"-A", "-A "}}},
    {"capture: no scan between the asking and the having, but usbipd's note",
     {{"A1", "+A "},
      {"?A", ""},
      {"$A", ""},
      {"*A", ""},
      {"-A", ""},
      {"#A1", ""},
      {"+#A", ""},
      {"@90000", ""},
      {"-#A", ""},
      {"none", ""},
      {"@93000", "-A "}}},
    {"capture: a note that is read again after the board's return is not news",
     {HELD_BY_GUEST, {"A1", ""}, {"$A", ""}, {"/A", "<A "}, {"A1", ""}}},
    {"capture: held without a stub is a plain removal",
     {{"A1", "+A "}, {"?A", ""}, {"*A", ""}, {"-A", "-A "}}},
    {"capture: a stub at another place is another board's",
     {{"A1", "+A "}, {"?A", ""}, {"#A2", ""}, {"=A", ""}, {"@1000", "-A "}}},
    {"capture: known by the registry after a restart",
     {{"!A1", "+A "}, {"!A1", ""}, {"*A", ""}, {"=A", ""}, {"A1", "<A "}}},
    {"capture: nobody's stub is no board", {{"#A1", ""}}},
    {"capture: reports about unknown boards", {{"?A", ""}, {"*A", ""}, {"=A", ""}, {"A1", "+A "}}},
};

static void write_id(char *id, char letter)
{
    snprintf(id, BOARD_ID_SIZE,
             letter >= 'a' ? "usb\\vid_1a86&pid_7523\\%c" : "USB\\VID_1A86&PID_7523\\%c", letter);
}

static void write_stub_id(char *id, char letter)
{
    snprintf(id, BOARD_ID_SIZE, "USB\\VID_80EE&PID_CAFE\\%c", letter);
}

static void on_change(void *context, enum pnp_change change, struct board *board)
{
    static const char signs[] = {'+', '~', '<', '^', '-'};
    char *changes = context;
    size_t len = strlen(changes);
    char letter = board->id[strlen(board->id) - 1];
    const char *stub = pnp_scan_is_stub(board->id) ? "#" : "";

    /* What the caller writes into the state stays as long as the board does. */
    assert_int_equal(board->state,
                     change == PNP_CHANGE_ARRIVAL ? BOARD_STATE_AVAILABLE : BOARD_STATE_WAITING);
    board->state = BOARD_STATE_WAITING;
    snprintf(changes + len, CHANGES_SIZE - len, "%c%s%c ", signs[change], stub, letter - 'a' + 'A');
}

static void scan_from_text(const char *text, struct pnp_scan *scan)
{
    if (strcmp(text, "none") == 0)
        return;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        const char *colon = memchr(text, ':', len);
        struct pnp_node *node;

        assert_int_equal(pnp_scan_add(scan, &node), 0);
        if (text[0] == '#' || text[0] == '!') {
            text++;
            len--;
            write_stub_id(node->instance_id, text[0]);
        } else {
            write_id(node->instance_id, text[0]);
        }
        if (len > 1 && text[1] != ':')
            snprintf(node->location, sizeof(node->location), "Port_#000%c.Hub_#0001", text[1]);
        if (colon != NULL)
            snprintf(node->port_name, sizeof(node->port_name), "%.*s",
                     (int)(text + len - colon - 1), colon + 1);
        text += len + strspn(text + len, " ");
    }
}

/* Reads what is no scan into `event`. Returns false for a scan. */
static bool read_notice(const char *text, struct pnp_event *event, char *id)
{
    static const struct {
        char sign;
        enum pnp_event_type type;
    } signs[] = {{'+', PNP_EVENT_ARRIVED}, {'-', PNP_EVENT_REMOVED},  {'?', PNP_EVENT_ASKED},
                 {'*', PNP_EVENT_HELD},    {'=', PNP_EVENT_RELEASED}, {'x', PNP_EVENT_FAILED},
                 {'/', PNP_EVENT_LOST},    {'$', PNP_EVENT_NOTED},    {'%', PNP_EVENT_DOUBTED}};

    for (size_t i = 0; i < COUNT(signs); i++) {
        if (text[0] == signs[i].sign) {
            event->type = signs[i].type;
            if (text[1] == '#')
                write_stub_id(id, text[2]);
            else
                write_id(id, text[1]);
            return true;
        }
    }
    if (text[0] == '@')
        event->type = PNP_EVENT_TICK;
    else if (strcmp(text, "!") == 0)
        event->type = PNP_EVENT_NOTICES_LOST;
    return event->type != PNP_EVENT_SCANNED;
}

static int64_t read_leaving_ms(const char *text)
{
    const char *tilde = strchr(text, '~');

    return tilde != NULL ? strtoll(tilde + 1, NULL, 10) : 0;
}

static void run_step_at(struct pnp_tracker *tracker, const struct step *step, int64_t now_ms)
{
    struct pnp_event event = {.type = PNP_EVENT_SCANNED, .now_ms = now_ms};
    struct pnp_capture capture = {.description = "a board"};
    char changes[CHANGES_SIZE] = "";
    char id[BOARD_ID_SIZE] = "";
    struct pnp_scan scan;

    pnp_scan_init(&scan);
    event.id = id;
    event.scan = &scan;
    if (read_notice(step->event, &event, id)) {
        text_copy(capture.id, sizeof(capture.id), id);
        event.captures = &capture;
        event.capture_count = step->event[1] != '\0' ? 1 : 0;
        event.leaving_ms = read_leaving_ms(step->event);
        if (event.capture_count == 1 && step->event[2] == '!')
            text_copy(capture.stub_id, sizeof(capture.stub_id), id);
        else
            write_stub_id(capture.stub_id, step->event[1]);
    } else {
        scan_from_text(step->event, &scan);
        if (step->event[0] == '!') {
            write_id(capture.id, (char)(step->event[1] - 'A' + 'a'));
            write_stub_id(capture.stub_id, step->event[1]);
            event.captures = &capture;
            event.capture_count = 1;
        }
    }
    assert_int_equal(pnp_tracker_handle(tracker, &event, on_change, changes), 0);
    assert_string_equal(changes, step->changes);
    pnp_scan_finish(&scan);
}

static void run_step(struct pnp_tracker *tracker, const struct step *step)
{
    run_step_at(tracker, step, 0);
}

static void run_case(void **state)
{
    const struct tracker_case *row = *state;
    struct pnp_tracker tracker;
    int64_t now_ms = 0;

    pnp_tracker_init(&tracker);
    for (size_t i = 0; i < STEPS_MAX && row->steps[i].event != NULL; i++) {
        const struct step *step = &row->steps[i];

        if (step->event[0] == '@')
            now_ms = strtoll(step->event + 1, NULL, 10);
        run_step_at(&tracker, step, now_ms);
    }
    pnp_tracker_finish(&tracker);
}

/* More boards leave at once than are remembered: the scans that follow still settle all. */
static void test_many_leave(void **state)
{
    struct pnp_tracker tracker;
    char changes[CHANGES_SIZE] = "";

    (void)state;
    pnp_tracker_init(&tracker);
    for (unsigned i = 0; i < 3 * PNP_NOTICES_MAX; i++) {
        char id[BOARD_ID_SIZE];
        struct pnp_event event = {.type = PNP_EVENT_REMOVED, .id = id};

        snprintf(id, sizeof(id), "USB\\VID_1A86&PID_7523\\%u", i);
        assert_int_equal(pnp_tracker_handle(&tracker, &event, on_change, changes), 0);
    }
    run_step(&tracker, &(struct step){"A1", "+A "});
    assert_string_equal(changes, "");
    pnp_tracker_finish(&tracker);
}

static void scan_board_without_known_ids(struct pnp_tracker *tracker, const char *com_port)
{
    struct pnp_scan scan;
    struct pnp_node *node;
    char changes[CHANGES_SIZE] = "";

    pnp_scan_init(&scan);
    assert_int_equal(pnp_scan_add(&scan, &node), 0);
    strcpy(node->instance_id, "USB\\VID_1209&PID_0001\\A");
    strcpy(node->port_name, com_port);
    assert_int_equal(
        pnp_tracker_handle(tracker, &(struct pnp_event){.type = PNP_EVENT_SCANNED, .scan = &scan},
                           on_change, changes),
        0);
    pnp_scan_finish(&scan);
}

/* It may be somebody's webcam, or a board whose class the stub hides. */
static void test_captured_unknown(void **state)
{
    struct pnp_capture capture = {.id = "usb\\vid_046d&pid_0825\\ab34ff20",
                                  .stub_id = "USB\\VID_80EE&PID_CAFE\\AB34FF20"};
    struct pnp_tracker tracker;
    struct pnp_scan scan;
    struct pnp_node *node;
    char changes[CHANGES_SIZE] = "";

    (void)state;
    pnp_tracker_init(&tracker);
    pnp_scan_init(&scan);
    assert_int_equal(pnp_scan_add(&scan, &node), 0);
    strcpy(node->instance_id, capture.stub_id);
    assert_int_equal(pnp_tracker_handle(&tracker,
                                        &(struct pnp_event){.type = PNP_EVENT_SCANNED,
                                                            .scan = &scan,
                                                            .captures = &capture,
                                                            .capture_count = 1},
                                        on_change, changes),
                     0);
    assert_int_equal(tracker.boards.count, 1);
    assert_int_equal(tracker.boards.items[0]->kind, BOARD_KIND_OTHER);
    assert_true(tracker.boards.items[0]->is_hidden);
    pnp_scan_finish(&scan);
    pnp_tracker_finish(&tracker);
}

/* When a composite board is pulled, the child node with its COM port goes first. */
static void test_kind_outlives_its_com_port(void **state)
{
    static const char *const com_ports[] = {"", "COM7", ""};
    static const enum board_kind kinds[] = {BOARD_KIND_OTHER, BOARD_KIND_SERIAL, BOARD_KIND_SERIAL};
    struct pnp_tracker tracker;

    (void)state;
    pnp_tracker_init(&tracker);
    for (size_t i = 0; i < COUNT(com_ports); i++) {
        scan_board_without_known_ids(&tracker, com_ports[i]);
        assert_int_equal(tracker.boards.items[0]->kind, kinds[i]);
        assert_string_equal(tracker.boards.items[0]->com_port, com_ports[i]);
    }
    pnp_tracker_finish(&tracker);
}

static void test_name_outlives_an_update(void **state)
{
    struct pnp_tracker tracker;

    (void)state;
    pnp_tracker_init(&tracker);
    scan_board_without_known_ids(&tracker, "");
    strcpy(tracker.boards.items[0]->name, "leo"); /* The caller's, as it does on the arrival. */
    scan_board_without_known_ids(&tracker, "COM7");
    assert_string_equal(tracker.boards.items[0]->com_port, "COM7");
    assert_string_equal(tracker.boards.items[0]->name, "leo");
    pnp_tracker_finish(&tracker);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(tracker_cases) + 4] = {
        {.name = "tracker: many leave at once", .test_func = test_many_leave},
        {.name = "tracker: a kind outlives the COM port it rests on",
         .test_func = test_kind_outlives_its_com_port},
        {.name = "tracker: a name outlives an update", .test_func = test_name_outlives_an_update},
        {.name = "tracker: a captured board of unknown kind", .test_func = test_captured_unknown},
    };

    for (size_t i = 0; i < COUNT(tracker_cases); i++) {
        tests[4 + i] = (struct CMUnitTest){.name = tracker_cases[i].name,
                                           .test_func = run_case,
                                           .initial_state = (void *)&tracker_cases[i]};
    }
    return _cmocka_run_group_tests("pnp_tracker", tests, COUNT(tests), NULL, NULL);
}
