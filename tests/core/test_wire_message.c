#include <stdio.h>

#include "shared/core/error.h"
#include "shared/core/wire_message.h"
#include "tests/core/altered.h"

#define ID "\"usb\\\\vid_1a86&pid_55d3\\\\5912\""
#define ARRIVAL                                                                                    \
    "{\"type\":\"arrival\",\"wanted\":true,\"attached_to\":\"192.168.7.9\",\"board\":{\"id\":" ID  \
    ",\"name\":null,"                                                                              \
    "\"vid\":\"1a86\",\"pid\":\"55d3\",\"serial\":\"5912\",\"description\":\"Gr\\u00fcn\","        \
    "\"com_port\":\"COM5\",\"busid\":\"3-1\",\"speed\":\"full\",\"kind\":\"serial\"}}\n"
#define READY                                                                                      \
    "{\"type\":\"ready\",\"id\":" ID ",\"ttys\":["                                                 \
    "{\"path\":\"/dev/ttyACM0\",\"by_id\":\"/dev/serial/by-id/usb-x-if00\",\"link\":null,"         \
    "\"interface\":0},"                                                                            \
    "{\"path\":\"/dev/ttyACM1\",\"by_id\":null,\"link\":\"/dev/ttyferry/x\",\"interface\":2}],"    \
    "\"usb_node\":\"/dev/bus/usb/001/002\","                                                       \
    "\"took_ms\":{\"import\":3,\"enumerate\":391,\"node\":1,\"total\":395}}\n"
#define FAILED                                                                                     \
    "{\"type\":\"failed\",\"id\":" ID ",\"code\":\"claim_failed\",\"message\":\"no\","             \
    "\"remedy\":null,\"retry_in_ms\":500}\n"

#define YIELD "{\"type\":\"yield\",\"id\":\"x\",\"request\":3}\n"
#define ANSWER                                                                                     \
    "{\"type\":\"answer\",\"request\":3,\"code\":\"c\",\"message\":\"m\",\"remedy\":null}\n"

static const struct board full_board = {
    .id = "usb\\vid_1a86&pid_55d3\\5912",
    .vid = 0x1a86,
    .pid = 0x55d3,
    .serial = "5912",
    .description = "Gr\xC3\xBCn",
    .com_port = "COM5",
    .busid = "3-1",
    .speed = BOARD_SPEED_FULL,
    .kind = BOARD_KIND_SERIAL,
};

static const struct board attached_board = {
    .id = "usb\\vid_1a86&pid_55d3\\5912",
    .ttys = {.items = {{.path = "/dev/ttyACM0", .by_id = "/dev/serial/by-id/usb-x-if00"},
                       {.path = "/dev/ttyACM1", .link = "/dev/ttyferry/x", .interface = 2}},
             .count = 2},
    .usb_node = "/dev/bus/usb/001/002",
};

static const struct round_case {
    const char *name;
    struct wire_message message;
    const char *line;
} round_cases[] = {
    {"wire: snapshot_begin", {.type = WIRE_SNAPSHOT_BEGIN}, "{\"type\":\"snapshot_begin\"}\n"},
    {"wire: snapshot_end", {.type = WIRE_SNAPSHOT_END}, "{\"type\":\"snapshot_end\"}\n"},
    {"wire: arrival",
     {.type = WIRE_ARRIVAL,
      .wanted = true,
      .attached_to = "192.168.7.9",
      .event = {.board = full_board}},
     ARRIVAL},
    {"wire: present, bare board",
     {.type = WIRE_PRESENT, .event = {.board = {.id = "x", .kind = BOARD_KIND_OTHER}}},
     "{\"type\":\"present\",\"wanted\":false,\"attached_to\":null,\"board\":{\"id\":\"x\",\"name\":"
     "null,"
     "\"vid\":\"0000\",\"pid\":\"0000\",\"serial\":null,\"description\":\"\",\"com_port\":null,"
     "\"busid\":null,\"speed\":\"unknown\",\"kind\":\"other\"}}\n"},
    {"wire: present, hidden",
     {.type = WIRE_PRESENT,
      .event = {.board = {.id = "x", .kind = BOARD_KIND_OTHER, .is_hidden = true}}},
     "{\"type\":\"present\",\"wanted\":false,\"attached_to\":null,\"hidden\":true,\"board\":{"
     "\"id\":"
     "\"x\",\"name\":null,"
     "\"vid\":\"0000\",\"pid\":\"0000\",\"serial\":null,\"description\":\"\",\"com_port\":null,"
     "\"busid\":null,\"speed\":\"unknown\",\"kind\":\"other\"}}\n"},
    {"wire: update",
     {.type = WIRE_UPDATE,
      .event = {.board = {.id = "x", .name = "esp", .description = "\x1B[2J\n"}}},
     "{\"type\":\"update\",\"wanted\":false,\"attached_to\":null,\"board\":{\"id\":\"x\",\"name\":"
     "\"esp\","
     "\"vid\":\"0000\",\"pid\":\"0000\",\"serial\":null,\"description\":\"\\u001b[2J\\n\","
     "\"com_port\":null,\"busid\":null,\"speed\":\"unknown\",\"kind\":\"serial\"}}\n"},
    {"wire: removal",
     {.type = WIRE_REMOVAL, .event = {.board = {.id = "x"}}},
     "{\"type\":\"removal\",\"id\":\"x\"}\n"},
    {"wire: yielded",
     {.type = WIRE_YIELDED, .event = {.board = {.id = "x"}, .until = "replug"}},
     "{\"type\":\"yielded\",\"id\":\"x\",\"until\":\"replug\"}\n"},
    {"wire: taken",
     {.type = WIRE_TAKEN, .event = {.board = {.id = "x"}}},
     "{\"type\":\"taken\",\"id\":\"x\",\"until\":null}\n"},
    {"wire: yield",
     {.type = WIRE_YIELD, .request = 3, .event = {.board = {.id = "x"}}},
     "{\"type\":\"yield\",\"id\":\"x\",\"request\":3}\n"},
    {"wire: take",
     {.type = WIRE_TAKE, .request = 4, .event = {.board = {.id = "x"}}},
     "{\"type\":\"take\",\"id\":\"x\",\"request\":4}\n"},
    {"wire: answer, done",
     {.type = WIRE_ANSWER, .request = 3},
     "{\"type\":\"answer\",\"request\":3,\"code\":null,\"message\":null,\"remedy\":null}\n"},
    {"wire: answer, refused",
     {.type = WIRE_ANSWER, .request = 3, .event = {.code = "c", .message = "m", .remedy = "r"}},
     "{\"type\":\"answer\",\"request\":3,\"code\":\"c\",\"message\":\"m\",\"remedy\":\"r\"}\n"},
    {"wire: resumed", {.type = WIRE_RESUMED}, "{\"type\":\"resumed\"}\n"},
    {"wire: attaching",
     {.type = WIRE_ATTACHING, .event = {.board = {.id = "x"}, .attempt = 2}},
     "{\"type\":\"attaching\",\"id\":\"x\",\"attempt\":2}\n"},
    {"wire: ready",
     {.type = WIRE_READY, .event = {.board = attached_board, .took = {3, 391, 1, 395}}},
     READY},
    {"wire: ready without a tty",
     {.type = WIRE_READY, .event = {.board = {.id = "x", .usb_node = "/dev/bus/usb/001/009"}}},
     "{\"type\":\"ready\",\"id\":\"x\",\"ttys\":[],\"usb_node\":\"/dev/bus/usb/001/009\","
     "\"took_ms\":{\"import\":0,\"enumerate\":0,\"node\":0,\"total\":0}}\n"},
    {"wire: failed",
     {.type = WIRE_FAILED,
      .event = {.board = full_board, .code = "claim_failed", .message = "no", .retry_in_ms = 500}},
     FAILED},
    {"wire: failed for good",
     {.type = WIRE_FAILED,
      .event = {.board = {.id = "x"}, .code = "gone", .remedy = "replug", .retry_in_ms = -1}},
     "{\"type\":\"failed\",\"id\":\"x\",\"code\":\"gone\",\"message\":\"\",\"remedy\":\"replug\","
     "\"retry_in_ms\":null}\n"},
    {"wire: detached",
     {.type = WIRE_DETACHED,
      .event = {.board = {.id = "x"}, .leaving_ms = 95, .reason = REASON_SERVER_LOST}},
     "{\"type\":\"detached\",\"id\":\"x\",\"leaving_ms\":95,\"reason\":\"server_lost\"}\n"},
    {"wire: bye",
     {.type = WIRE_BYE, .event = {.code = "shutdown", .message = "bye"}},
     "{\"type\":\"bye\",\"code\":\"shutdown\",\"message\":\"bye\"}\n"},
};

/* Text, struct and text again: what the struct lost would be missing from the second text. */
static void run_round(void **state)
{
    const struct round_case *row = *state;
    char *line = NULL;
    size_t len = 0;
    assert_int_equal(wire_message_to_line(&row->message, &line, &len), 0);
    assert_string_equal(line, row->line);
    assert_int_equal(len, strlen(row->line));
    free(line);

    struct wire_message read;
    assert_int_equal(wire_message_from_line(row->line, len - 1, &read), 0);
    assert_int_equal(read.type, row->message.type);
    assert_int_equal(wire_message_to_line(&read, &line, &len), 0);
    assert_string_equal(line, row->line);
    free(line);
}

static void ready_is_read_in_full(void **state)
{
    (void)state;
    struct wire_message read;
    assert_int_equal(wire_message_from_line(READY, strlen(READY), &read), 0);
    assert_int_equal(read.event.type, EVENT_READY);
    assert_string_equal(read.event.board.id, attached_board.id);
    assert_int_equal(read.event.board.ttys.count, 2);
    assert_string_equal(read.event.board.ttys.items[0].path, "/dev/ttyACM0");
    assert_string_equal(read.event.board.ttys.items[1].by_id, "");
    assert_int_equal(read.event.board.ttys.items[1].interface, 2);
    assert_string_equal(read.event.board.usb_node, attached_board.usb_node);
    assert_int_equal(read.event.took.import_ms, 3);
    assert_int_equal(read.event.took.enumerate_ms, 391);
    assert_int_equal(read.event.took.node_ms, 1);
    assert_int_equal(read.event.took.total_ms, 395);
}

#define TTY "{\"path\":\"/dev/ttyACM0\",\"interface\":0}"

static const struct altered_case {
    const char *name;
    const char *line;
    const char *find;
    const char *replace;
    int result;
} altered_cases[] = {
    {"wire: a request without a number", YIELD, ",\"request\":3", "", ERR_INVALID},
    {"wire: a request with the number 0", YIELD, "3", "0", ERR_INVALID},
    {"wire: a request about no board", YIELD, "\"x\"", "null", ERR_INVALID},
    {"wire: an answer with a code that is none", ANSWER, "\"c\"", "\"C!\"", ERR_INVALID},
    {"wire: unknown members are ignored", ARRIVAL, "\"wanted\"", "\"new\":[{}],\"wanted\"", 0},
    {"wire: unknown members of the board too", ARRIVAL, "\"name\"", "\"new\":1,\"name\"", 0},
    {"wire: missing is null", ARRIVAL, "\"name\":null,", "", 0},
    {"wire: of two members the first counts", ARRIVAL, "\"busid\":\"3-1\"",
     "\"busid\":\"3-1\",\"busid\":\"../../x\"", 0},
    {"wire: serial with control characters", ARRIVAL, "\"5912\",\"desc", "\"\\u001b]0;\",\"desc",
     0},
    {"wire: unknown type", ARRIVAL, "\"arrival\"", "\"teleport\"", ERR_UNSUPPORTED},
    {"wire: type in upper case", ARRIVAL, "\"arrival\"", "\"Arrival\"", ERR_UNSUPPORTED},
    {"wire: no type", ARRIVAL, "\"type\"", "\"kind\"", ERR_INVALID},
    {"wire: type is no text", ARRIVAL, "\"arrival\"", "[]", ERR_INVALID},
    {"wire: type too long", ARRIVAL, "arrival", "arrival_arrival_arrival_arrival_", ERR_INVALID},
    {"wire: not JSON", ARRIVAL, "}}", "}", ERR_INVALID},
    {"wire: trailing text", ARRIVAL, "}}", "}}{}", ERR_INVALID},
    {"wire: invalid UTF-8", ARRIVAL, "5912", "\xFF", ERR_INVALID},
    {"wire: NUL in a text", ARRIVAL, "COM5", "COM5\\u0000", ERR_INVALID},
    {"wire: no board", ARRIVAL, "\"board\"", "\"bored\"", ERR_INVALID},
    {"wire: wanted missing", ARRIVAL, "\"wanted\":true,", "", ERR_INVALID},
    {"wire: wanted as a number", ARRIVAL, "true", "1", ERR_INVALID},
    {"wire: empty id", ARRIVAL, ID, "\"\"", ERR_INVALID},
    {"wire: id null", ARRIVAL, ID, "null", ERR_INVALID},
    {"wire: id with a line feed", ARRIVAL, "5912", "5912\\n", ERR_INVALID},
    {"wire: id with DEL", ARRIVAL, "5912", "5912\\u007f", ERR_INVALID},
    {"wire: id with a C1 control", ARRIVAL, "5912", "5912\\u009b", ERR_INVALID},
    {"wire: name with an escape", ARRIVAL, "\"name\":null", "\"name\":\"\\u001b\"", ERR_INVALID},
    {"wire: COM port with an escape", ARRIVAL, "COM5", "\\u001b[", ERR_INVALID},
    {"wire: COM port too long", ARRIVAL, "COM5", "COM5COM5COM5COM5", ERR_INVALID},
    {"wire: busid is a path", ARRIVAL, "3-1", "../../x", ERR_INVALID},
    {"wire: busid of 0", ARRIVAL, "3-1", "0-1", ERR_INVALID},
    {"wire: busid as a number", ARRIVAL, "\"3-1\"", "3", ERR_INVALID},
    {"wire: vid as a number", ARRIVAL, "\"1a86\"", "6790", ERR_INVALID},
    {"wire: vid of three digits", ARRIVAL, "\"1a86\"", "\"1a8\"", ERR_INVALID},
    {"wire: vid of five digits", ARRIVAL, "\"1a86\"", "\"1a865\"", ERR_INVALID},
    {"wire: vid in upper case", ARRIVAL, "\"1a86\"", "\"1A86\"", ERR_INVALID},
    {"wire: pid with a sign", ARRIVAL, "\"55d3\"", "\"+5d3\"", ERR_INVALID},
    {"wire: no pid", ARRIVAL, "\"pid\":\"55d3\",", "", ERR_INVALID},
    {"wire: a speed of a later version", ARRIVAL, "\"full\"", "\"ludicrous\"", 0},
    {"wire: speed is no code", ARRIVAL, "\"full\"", "\"Full\"", ERR_INVALID},
    {"wire: a kind of a later version", ARRIVAL, "\"kind\":\"serial\"", "\"kind\":\"toaster\"", 0},
    {"wire: kind is no code", ARRIVAL, "\"kind\":\"serial\"", "\"kind\":\"\"", ERR_INVALID},
    {"wire: no description", ARRIVAL, "\"description\"", "\"describe\"", ERR_INVALID},
    {"wire: ready without id", READY, "\"id\":" ID ",", "", ERR_INVALID},
    {"wire: ready without ttys", READY, "\"ttys\"", "\"tty\"", ERR_INVALID},
    {"wire: ttys is an object", READY, "\"ttys\":[", "\"ttys\":{},\"old\":[", ERR_INVALID},
    {"wire: a tty that is text", READY, "\"ttys\":[", "\"ttys\":[\"/dev/ttyS0\",", ERR_INVALID},
    {"wire: tty outside /dev", READY, "/dev/ttyACM0", "/etc/passwd", ERR_INVALID},
    {"wire: tty out of /dev by ..", READY, "/dev/ttyACM0", "/dev/../etc/passwd", ERR_INVALID},
    {"wire: tty that ends in ..", READY, "/dev/ttyACM0", "/dev/x/..", ERR_INVALID},
    {"wire: tty with two dots in its name", READY, "/dev/ttyACM0", "/dev/x..y", 0},
    {"wire: tty is /dev/", READY, "/dev/ttyACM0", "/dev/", ERR_INVALID},
    {"wire: tty with a line feed", READY, "/dev/ttyACM0", "/dev/tty\\nx", ERR_INVALID},
    {"wire: tty null", READY, "\"/dev/ttyACM0\"", "null", ERR_INVALID},
    {"wire: by_id outside /dev", READY, "/dev/serial/by-id/usb-x-if00", "x", ERR_INVALID},
    {"wire: link outside /dev", READY, "/dev/ttyferry/x", "/devious/x", ERR_INVALID},
    {"wire: interface below 0", READY, "\"interface\":0", "\"interface\":-1", ERR_INVALID},
    {"wire: interface over a byte", READY, "\"interface\":0", "\"interface\":256", ERR_INVALID},
    {"wire: no interface", READY, ",\"interface\":2", "", ERR_INVALID},
    {"wire: eight ttys", READY, "\"ttys\":[",
     "\"ttys\":[" TTY "," TTY "," TTY "," TTY "," TTY "," TTY ",", 0},
    {"wire: nine ttys", READY, "\"ttys\":[",
     "\"ttys\":[" TTY "," TTY "," TTY "," TTY "," TTY "," TTY "," TTY ",", ERR_INVALID},
    {"wire: usb_node null", READY, "\"/dev/bus/usb/001/002\"", "null", 0},
    {"wire: usb_node outside /dev", READY, "/dev/bus/usb/001/002", "/tmp/x", ERR_INVALID},
    {"wire: took_ms missing", READY, "\"took_ms\"", "\"took\"", ERR_INVALID},
    {"wire: took_ms is a number", READY, "\"took_ms\":{", "\"took_ms\":1,\"x\":{", ERR_INVALID},
    {"wire: a leg missing", READY, "\"node\":1,", "", ERR_INVALID},
    {"wire: a leg below 0", READY, "\"node\":1", "\"node\":-1", ERR_INVALID},
    {"wire: failed without code", FAILED, "\"claim_failed\"", "null", ERR_INVALID},
    {"wire: code with an escape", FAILED, "claim_failed", "\\u001b[2J", ERR_INVALID},
    {"wire: retry missing", FAILED, ",\"retry_in_ms\":500", "", 0},
    {"wire: retry null", FAILED, "500", "null", 0},
    {"wire: retry at once", FAILED, "500", "0", 0},
    {"wire: retry in a day", FAILED, "500", "86400000", 0},
    {"wire: retry after a day", FAILED, "500", "86400001", ERR_INVALID},
    {"wire: retry below 0", FAILED, "500", "-1", ERR_INVALID},
    {"wire: retry as text", FAILED, "500", "\"500\"", ERR_INVALID},
    {"wire: attempt 0", "{\"type\":\"attaching\",\"id\":\"x\",\"attempt\":1}", "1}", "0}",
     ERR_INVALID},
    {"wire: attempt beyond an int", "{\"type\":\"attaching\",\"id\":\"x\",\"attempt\":1}", "1}",
     "2147483648}", ERR_INVALID},
    {"wire: a reason of a later version",
     "{\"type\":\"detached\",\"id\":\"x\",\"leaving_ms\":0,\"reason\":\"lost\"}", "lost", "bored",
     0},
    {"wire: reason is no code",
     "{\"type\":\"detached\",\"id\":\"x\",\"leaving_ms\":0,\"reason\":\"lost\"}", "lost", "Bored",
     ERR_INVALID},
    {"wire: leaving for less than no time",
     "{\"type\":\"detached\",\"id\":\"x\",\"leaving_ms\":0,\"reason\":\"lost\"}", "0", "-1",
     ERR_INVALID},
    {"wire: leaving for ever",
     "{\"type\":\"detached\",\"id\":\"x\",\"leaving_ms\":0,\"reason\":\"lost\"}", "0", "86400001",
     ERR_INVALID},
    {"wire: bye without code", "{\"type\":\"bye\",\"code\":\"x\",\"message\":\"\"}", "\"x\"",
     "\"\"", ERR_INVALID},
};

static void run_altered(void **state)
{
    const struct altered_case *row = *state;
    char *line = altered_line(row->line, row->find, row->replace);
    struct wire_message message = {.type = WIRE_BYE, .event = {.code = "old"}};
    assert_int_equal(wire_message_from_line(line, strlen(line), &message), row->result);
    if (row->result != 0) {
        assert_int_equal(message.type, WIRE_BYE);
        assert_string_equal(message.event.code, "old");
    }
    free(line);
}

/* What is as long as its field still fits one line. */
static void the_longest_message_fits(void **state)
{
    (void)state;
    struct wire_message message = {.type = WIRE_READY};
    struct board *board = &message.event.board;
    memset(board->id, '\\', sizeof board->id - 1);
    board->ttys.count = BOARD_TTYS_MAX;
    for (size_t i = 0; i < BOARD_TTYS_MAX; i++) {
        struct board_tty *tty = &board->ttys.items[i];
        memset(tty->path, '"', sizeof tty->path - 1);
        memset(tty->by_id, '"', sizeof tty->by_id - 1);
        memset(tty->link, '"', sizeof tty->link - 1);
        memcpy(tty->path, "/dev/", 5);
        memcpy(tty->by_id, "/dev/", 5);
        memcpy(tty->link, "/dev/", 5);
    }
    char *line = NULL;
    size_t len = 0;
    assert_int_equal(wire_message_to_line(&message, &line, &len), 0);
    struct wire_message read;
    assert_int_equal(wire_message_from_line(line, len, &read), 0);
    assert_string_equal(read.event.board.id, board->id);
    assert_string_equal(read.event.board.ttys.items[7].link, board->ttys.items[7].link);
    free(line);
}

static void a_line_too_long_is_refused(void **state)
{
    (void)state;
    char *line = malloc(WIRE_LINE_MAX + 1);
    assert_non_null(line);
    memset(line, ' ', WIRE_LINE_MAX + 1);
    static const char text[] = "{\"type\":\"snapshot_end\"}";
    memcpy(line, text, sizeof text - 1);
    struct wire_message message;
    assert_int_equal(wire_message_from_line(line, WIRE_LINE_MAX, &message), 0);
    assert_int_equal(wire_message_from_line(line, WIRE_LINE_MAX + 1, &message), ERR_INVALID);
    free(line);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, round_cases, run_round);
    CASES_ADD(&cases, altered_cases, run_altered);
    cases_add_one(&cases, "wire: ready is read in full", ready_is_read_in_full);
    cases_add_one(&cases, "wire: the longest message fits a line", the_longest_message_fits);
    cases_add_one(&cases, "wire: a line too long", a_line_too_long_is_refused);
    return cases_run("wire_message", &cases);
}
