#include <stdio.h>

#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "tests/core/altered.h"

#define HEAD(seq)                                                                                  \
    "{\"v\":1,\"run\":\"8c1f6a0be97d2c43\",\"seq\":" seq ",\"time\":\"2026-08-31T12:34:56.789Z\","
#define BOARD(state)                                                                               \
    "{\"id\":\"usb\\\\vid_1a86&pid_55d3\\\\5912\",\"name\":\"esp\",\"vid\":\"1a86\","              \
    "\"pid\":\"55d3\",\"serial\":\"5912\",\"description\":\"Gr\\u00fcn\\n\","                      \
    "\"com_port\":\"COM5\",\"busid\":\"3-1\",\"speed\":\"full\",\"kind\":\"serial\","              \
    "\"state\":\"" state "\""
#define NODES                                                                                      \
    "\"ttys\":[{\"path\":\"/dev/ttyACM0\",\"by_id\":null,\"link\":null,\"interface\":0}],"         \
    "\"usb_node\":\"/dev/bus/usb/001/002\""
#define BARE_BOARD                                                                                 \
    "{\"id\":\"x\",\"name\":null,\"vid\":\"0403\",\"pid\":\"6001\",\"serial\":null,"               \
    "\"description\":\"\",\"com_port\":null,\"busid\":null,\"speed\":\"unknown\","                 \
    "\"kind\":\"other\",\"state\":\"available\"}"
#define ARRIVAL HEAD("7") "\"event\":\"arrival\",\"board\":" BOARD("waiting") "}}\n"
#define LINK_UP "\"link\":{\"state\":\"up\",\"peer\":\"127.0.0.1:24240\",\"transport\":\"tcp\"}"
#define LINK_DOWN "\"link\":{\"state\":\"down\",\"peer\":null,\"transport\":null}"
#define SNAPSHOT                                                                                   \
    HEAD("1")                                                                                      \
    "\"event\":\"snapshot\"," LINK_UP ",\"boards\":[" BOARD("ready") "," NODES "}," BARE_BOARD     \
                                                                     "]}\n"
#define READY                                                                                      \
    HEAD("9")                                                                                      \
    "\"event\":\"ready\",\"board\":" BOARD(                                                        \
        "ready") "}," NODES                                                                        \
                 ",\"took_ms\":{\"import\":3,\"enumerate\":391,\"node\":1,\"total\":395}}\n"
#define LINK                                                                                       \
    HEAD("2")                                                                                      \
    "\"event\":\"link\",\"state\":\"up\",\"peer\":\"127.0.0.1:24240\",\"transport\":\"tcp\"}\n"

#define DROPPED HEAD("7") "\"event\":\"dropped\",\"reason\":\"too_slow\"}\n"
#define DETACHED                                                                                   \
    HEAD("7") "\"event\":\"detached\",\"board\":" BOARD("detached") "},\"reason\":\"lost\"}\n"

static const struct line_case {
    const char *name;
    enum event_type type;
    const char *line;
} line_cases[] = {
    {"event: snapshot", EVENT_SNAPSHOT, SNAPSHOT},
    {"event: empty snapshot", EVENT_SNAPSHOT,
     HEAD("1") "\"event\":\"snapshot\"," LINK_DOWN ",\"boards\":[]}\n"},
    {"event: snapshot with notes", EVENT_SNAPSHOT,
     HEAD("1") "\"event\":\"snapshot\"," LINK_DOWN ",\"boards\":[" BOARD(
         "failed") ",\"code\":\"busy\",\"message\":\"no\",\"remedy\":null}]}\n"},
    {"event: snapshot with a remedy", EVENT_SNAPSHOT,
     HEAD("1") "\"event\":\"snapshot\"," LINK_DOWN
               ",\"boards\":[" BOARD("needs_sharing") ",\"remedy\":\"share it\"}]}\n"},
    {"event: snapshot with a yielded board", EVENT_SNAPSHOT,
     HEAD("1") "\"event\":\"snapshot\"," LINK_DOWN
               ",\"boards\":[" BOARD("yielded") ",\"until\":\"replug\"}]}\n"},
    {"event: arrival", EVENT_ARRIVAL, ARRIVAL},
    {"event: update", EVENT_UPDATE,
     HEAD("9007199254740991") "\"event\":\"update\",\"board\":" BARE_BOARD "}\n"},
    {"event: needs_sharing", EVENT_NEEDS_SHARING,
     HEAD("7") "\"event\":\"needs_sharing\",\"board\":" BOARD(
         "needs_sharing") "},"
                          "\"remedy\":\"usbipd bind --busid 3-1\"}\n"},
    {"event: attaching", EVENT_ATTACHING,
     HEAD("7") "\"event\":\"attaching\",\"board\":" BOARD("attaching") "},\"attempt\":3}\n"},
    {"event: ready", EVENT_READY, READY},
    {"event: failed", EVENT_FAILED,
     HEAD("7") "\"event\":\"failed\",\"board\":" BOARD(
         "failed") "},\"code\":\"busy\","
                   "\"message\":\"no\",\"remedy\":\"close it\",\"retry_in_ms\":500}\n"},
    {"event: failed for good", EVENT_FAILED,
     HEAD("7") "\"event\":\"failed\",\"board\":" BOARD(
         "failed") "},\"code\":\"busy\","
                   "\"message\":\"no\",\"remedy\":null,\"retry_in_ms\":null}\n"},
    {"event: detached", EVENT_DETACHED, DETACHED},
    {"event: yielded", EVENT_YIELDED,
     HEAD("7") "\"event\":\"yielded\",\"board\":" BOARD("yielded") "},\"until\":\"unplug\"}\n"},
    {"event: taken", EVENT_TAKEN,
     HEAD("7") "\"event\":\"taken\",\"board\":" BOARD("waiting") "},\"until\":null}\n"},
    {"event: removal", EVENT_REMOVAL,
     HEAD("7") "\"event\":\"removal\",\"board\":" BOARD("gone") "}}\n"},
    {"event: link up", EVENT_LINK, LINK},
    {"event: link down", EVENT_LINK,
     HEAD("7") "\"event\":\"link\",\"state\":\"down\",\"peer\":null,\"transport\":\"bridge\"}\n"},
    {"event: dropped", EVENT_DROPPED, DROPPED},
    {"event: dropped for a reason of a later version", EVENT_DROPPED,
     HEAD("7") "\"event\":\"dropped\",\"reason\":\"too_loud\"}\n"},
};

/* Text, struct and text again: what the struct lost would be missing from the second text. */
static void run_line(void **state)
{
    const struct line_case *row = *state;
    struct board_table boards;
    board_table_init(&boards);
    struct event event;
    assert_int_equal(event_json_to_event(row->line, strlen(row->line), &event, &boards), 0);
    assert_int_equal(event.type, row->type);
    char *line = NULL;
    size_t len = 0;
    assert_int_equal(event_json_from_event(&event, &line, &len), 0);
    assert_string_equal(line, row->line);
    assert_int_equal(len, strlen(line));
    free(line);
    board_table_finish(&boards);
}

static void arrival_is_read_in_full(void **state)
{
    (void)state;
    struct board_table boards;
    board_table_init(&boards);
    struct event event;
    assert_int_equal(event_json_to_event(ARRIVAL, strlen(ARRIVAL), &event, &boards), 0);
    assert_string_equal(event.stamp.run, "8c1f6a0be97d2c43");
    assert_int_equal(event.stamp.seq, 7);
    assert_true(event.stamp.time_ms == INT64_C(1788179696789));
    assert_null(event.boards);
    assert_string_equal(event.board.id, "usb\\vid_1a86&pid_55d3\\5912");
    assert_string_equal(event.board.name, "esp");
    assert_int_equal(event.board.vid, 0x1a86);
    assert_int_equal(event.board.pid, 0x55d3);
    assert_string_equal(event.board.serial, "5912");
    assert_string_equal(event.board.description, "Gr\xC3\xBCn\n");
    assert_string_equal(event.board.com_port, "COM5");
    assert_string_equal(event.board.busid, "3-1");
    assert_int_equal(event.board.speed, BOARD_SPEED_FULL);
    assert_int_equal(event.board.kind, BOARD_KIND_SERIAL);
    assert_int_equal(event.board.state, BOARD_STATE_WAITING);
}

static void snapshot_fills_the_table(void **state)
{
    (void)state;
    struct board_table boards;
    board_table_init(&boards);
    struct event event;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(event_json_to_event(SNAPSHOT, strlen(SNAPSHOT), &event, &boards), 0);
        assert_ptr_equal(event.boards, &boards);
        assert_int_equal(boards.count, 2);
        assert_int_equal(boards.items[0]->ttys.count, 1);
        assert_string_equal(boards.items[0]->ttys.items[0].path, "/dev/ttyACM0");
        assert_string_equal(boards.items[0]->usb_node, "/dev/bus/usb/001/002");
        assert_string_equal(boards.items[1]->id, "x");
    }
    char *line = altered_line(SNAPSHOT, "\"available\"", "\"unheard_of\"");
    assert_int_equal(event_json_to_event(line, strlen(line), &event, &boards), ERR_INVALID);
    assert_int_equal(boards.count, 0);
    free(line);
    board_table_finish(&boards);
}

/* What a later version may add is taken for what it is nearest to. */
static void what_a_later_version_adds_has_a_meaning(void **state)
{
    (void)state;
    struct board_table boards;
    board_table_init(&boards);
    struct event event;
    char *line = altered_line(ARRIVAL, "\"serial\",\"state", "\"toaster\",\"state");
    assert_int_equal(event_json_to_event(line, strlen(line), &event, &boards), 0);
    assert_int_equal(event.board.kind, BOARD_KIND_OTHER);
    free(line);
    line = altered_line(ARRIVAL, "\"full\"", "\"ludicrous\"");
    assert_int_equal(event_json_to_event(line, strlen(line), &event, &boards), 0);
    assert_int_equal(event.board.speed, BOARD_SPEED_UNKNOWN);
    free(line);
    line = altered_line(DETACHED, "lost", "bored");
    assert_int_equal(event_json_to_event(line, strlen(line), &event, &boards), 0);
    assert_int_equal(event.reason, REASON_LOST);
    free(line);
}

static const struct altered_case {
    const char *name;
    const char *line;
    const char *find;
    const char *replace;
    int result;
} altered_cases[] = {
    {"event: no LF", LINK, "\n", "", 0},
    {"event: unknown members are ignored", LINK, "\"event\"", "\"new\":{},\"event\"", 0},
    {"event: unknown type", LINK, "\"link\"", "\"teleport\"", ERR_UNSUPPORTED},
    {"event: an answer", LINK, "\"event\":\"link\"", "\"reply\":\"yield\"", ERR_UNSUPPORTED},
    {"event: another version", LINK, "\"v\":1", "\"v\":2", ERR_VERSION},
    {"event: no version", LINK, "\"v\":1,", "", ERR_INVALID},
    {"event: version as text", LINK, "\"v\":1", "\"v\":\"1\"", ERR_INVALID},
    {"event: half a line", LINK, "\"tcp\"}", "\"tc", ERR_INVALID},
    {"event: invalid UTF-8", LINK, "tcp", "\xC3", ERR_INVALID},
    {"event: no run", LINK, "\"run\"", "\"ran\"", ERR_INVALID},
    {"event: run of 15 digits", LINK, "8c1f6a0be97d2c43", "8c1f6a0be97d2c4", ERR_INVALID},
    {"event: run in upper case", LINK, "8c1f6a0be97d2c43", "8C1F6A0BE97D2C43", ERR_INVALID},
    {"event: seq 0", LINK, "\"seq\":2", "\"seq\":0", ERR_INVALID},
    {"event: seq with a fraction", LINK, "\"seq\":2", "\"seq\":2.5", ERR_INVALID},
    {"event: seq beyond 2^53", LINK, "\"seq\":2", "\"seq\":9007199254740992", ERR_INVALID},
    {"event: time without zone", LINK, "789Z", "789", ERR_INVALID},
    {"event: no such day", LINK, "2026-08-31", "2026-06-31", ERR_INVALID},
    {"event: no event", LINK, "\"event\"", "\"even\"", ERR_UNSUPPORTED},
    {"event: no event and no seq", LINK, "\"seq\":2", "\"event\":null,\"x\":2", ERR_UNSUPPORTED},
    {"event: nothing but a version", "{\"v\":1}", "1", "1", ERR_UNSUPPORTED},
    {"event: event is a number", LINK, "\"link\"", "7", ERR_INVALID},
    {"event: unknown type with another stamp", LINK, "\"seq\":2", "\"event\":\"eclipse\"",
     ERR_UNSUPPORTED},
    {"event: unknown type with a long name", LINK, "\"link\"",
     "\"sixty_characters_are_more_than_any_event_of_today_has_in_its_name\"", ERR_UNSUPPORTED},
    {"event: an answer to what was no request", LINK, "\"event\":\"link\"", "\"reply\":null",
     ERR_UNSUPPORTED},
    {"event: link state", LINK, "\"up\"", "\"sideways\"", ERR_INVALID},
    {"event: peer with an escape", LINK, "127.0.0.1", "\\u001b", ERR_INVALID},
    {"event: transport is no code", LINK, "tcp", "TCP/IP", ERR_INVALID},
    {"event: no board", ARRIVAL, "\"board\"", "\"bored\"", ERR_INVALID},
    {"event: board is text", ARRIVAL, "\"board\":{", "\"board\":\"x\",\"y\":{", ERR_INVALID},
    {"event: board without state", ARRIVAL, ",\"state\":\"waiting\"", "", ERR_INVALID},
    {"event: unknown state", ARRIVAL, "waiting", "bored", ERR_INVALID},
    {"event: id with an escape", ARRIVAL, "5912", "\\u001b", ERR_INVALID},
    {"event: busid is a path", ARRIVAL, "3-1", "../../x", ERR_INVALID},
    {"event: a kind of a later version", ARRIVAL, "\"serial\",\"state", "\"toaster\",\"state", 0},
    {"event: kind is no code", ARRIVAL, "\"serial\",\"state", "\"Toaster\",\"state", ERR_INVALID},
    {"event: a speed of a later version", ARRIVAL, "\"full\"", "\"ludicrous\"", 0},
    {"event: a reason of a later version", DETACHED, "lost", "bored", 0},
    {"event: reason is no code", DETACHED, "lost", "\\u001b", ERR_INVALID},
    {"event: detached without a reason", DETACHED, "reason", "treason", ERR_INVALID},
    {"event: dropped without a reason", DROPPED, "reason", "treason", ERR_INVALID},
    {"event: dropped for what is no code", DROPPED, "too_slow", "too slow", ERR_INVALID},
    {"event: ready without ttys", READY, "\"ttys\"", "\"tty\"", ERR_INVALID},
    {"event: tty outside /dev", READY, "/dev/ttyACM0", "/etc/passwd", ERR_INVALID},
    {"event: a snapshot of an older agent", SNAPSHOT, "\"link\"", "\"lunk\"", 0},
    {"event: a snapshot's link is text", SNAPSHOT, LINK_UP, "\"link\":\"up\"", ERR_INVALID},
    {"event: a snapshot's link state", SNAPSHOT, "\"up\"", "\"sideways\"", ERR_INVALID},
    {"event: a snapshot's peer with an escape", SNAPSHOT, "127.0.0.1", "\\u001b", ERR_INVALID},
    {"event: no boards", SNAPSHOT, "\"boards\"", "\"bored\"", ERR_INVALID},
    {"event: boards is an object", SNAPSHOT, "\"boards\":[", "\"boards\":{},\"x\":[", ERR_INVALID},
    {"event: a board that is a number", SNAPSHOT, "\"boards\":[", "\"boards\":[1,", ERR_INVALID},
    {"event: a ready board without ttys", SNAPSHOT, "\"ttys\"", "\"tty\"", ERR_INVALID},
};

static void run_altered(void **state)
{
    const struct altered_case *row = *state;
    char *line = altered_line(row->line, row->find, row->replace);
    struct board_table boards;
    board_table_init(&boards);
    struct event event = {.type = EVENT_REMOVAL, .code = "old"};
    int result = event_json_to_event(line, strlen(line), &event, &boards);
    assert_int_equal(result, row->result);
    if (result != 0) {
        assert_int_equal(event.type, EVENT_REMOVAL);
        assert_string_equal(event.code, "old");
    }
    board_table_finish(&boards);
    free(line);
}

static void too_many_boards_are_refused(void **state)
{
    (void)state;
    char *line = malloc(64 * 1024);
    assert_non_null(line);
    for (int extra = 0; extra < 2; extra++) {
        int len = sprintf(line, "%s", HEAD("1") "\"event\":\"snapshot\",\"boards\":[");
        for (int i = 0; i < BOARD_TABLE_MAX + extra; i++) {
            char id[16];
            sprintf(id, "\"%d\"", i);
            char *board = altered_line(BARE_BOARD, "\"x\"", id);
            len += sprintf(line + len, "%s%s", i > 0 ? "," : "", board);
            free(board);
        }
        len += sprintf(line + len, "]}");
        struct board_table boards;
        board_table_init(&boards);
        struct event event;
        int result = event_json_to_event(line, (size_t)len, &event, &boards);
        assert_int_equal(result, extra > 0 ? ERR_INVALID : 0);
        assert_int_equal(boards.count, extra > 0 ? 0 : BOARD_TABLE_MAX);
        board_table_finish(&boards);
    }
    free(line);
}

/* Characters that take six bytes each, everywhere but where a reader forbids them. */
static void fill(char *text, size_t size, const char *prefix)
{
    memset(text, '\x01', size - 1);
    memcpy(text, prefix, strlen(prefix));
}

static void the_longest_snapshot_fits_a_line(void **state)
{
    (void)state;
    struct board_table boards;
    board_table_init(&boards);
    for (int i = 0; i < BOARD_TABLE_MAX; i++) {
        struct board board = {.state = BOARD_STATE_READY, .kind = BOARD_KIND_OTHER};
        char prefix[16];
        sprintf(prefix, "%d ", i);
        fill(board.id, sizeof board.id, prefix);
        fill(board.name, sizeof board.name, "");
        fill(board.serial, sizeof board.serial, "");
        fill(board.description, sizeof board.description, "");
        fill(board.com_port, sizeof board.com_port, "");
        fill(board.usb_node, sizeof board.usb_node, "");
        strcpy(board.busid, "99-99");
        board.ttys.count = BOARD_TTYS_MAX;
        for (size_t k = 0; k < BOARD_TTYS_MAX; k++) {
            struct board_tty *tty = &board.ttys.items[k];
            fill(tty->path, sizeof tty->path, "");
            fill(tty->by_id, sizeof tty->by_id, "");
            fill(tty->link, sizeof tty->link, "");
            tty->interface = 255;
        }
        assert_int_equal(board_table_put(&boards, &board), 0);
    }
    struct event event = {.type = EVENT_SNAPSHOT, .boards = &boards};
    event.stamp.seq = UINT64_C(9007199254740991);
    char *line = NULL;
    size_t len = 0;
    assert_int_equal(event_json_from_event(&event, &line, &len), 0);
    assert_true(len - 1 <= EVENT_JSON_LINE_MAX);
    free(line);
    board_table_finish(&boards);
}

static void names_round_trip(void **state)
{
    (void)state;
    for (int i = EVENT_SNAPSHOT; i <= EVENT_DROPPED; i++) {
        enum event_type type = EVENT_SNAPSHOT;
        assert_int_equal(event_type_from_name(event_type_to_name((enum event_type)i), &type), 0);
        assert_int_equal(type, i);
    }
    for (int i = REASON_LOST; i <= REASON_SERVER_LOST; i++) {
        enum event_reason reason = REASON_LOST;
        const char *name = event_reason_to_name((enum event_reason)i);
        assert_int_equal(event_reason_from_name(name, &reason), 0);
        assert_int_equal(reason, i);
    }
    assert_string_equal(event_type_to_name((enum event_type)99), "unknown");
    assert_string_equal(event_reason_to_name((enum event_reason) - 1), "unknown");
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, line_cases, run_line);
    CASES_ADD(&cases, altered_cases, run_altered);
    cases_add_one(&cases, "event: arrival is read in full", arrival_is_read_in_full);
    cases_add_one(&cases, "event: snapshot fills the table", snapshot_fills_the_table);
    cases_add_one(&cases, "event: too many boards", too_many_boards_are_refused);
    cases_add_one(&cases, "event: the longest snapshot fits a line",
                  the_longest_snapshot_fits_a_line);
    cases_add_one(&cases, "event: what a later version adds",
                  what_a_later_version_adds_has_a_meaning);
    cases_add_one(&cases, "event: names round-trip", names_round_trip);
    return cases_run("event_json", &cases);
}
