/* Memory runs out at every single allocation in turn: nothing crashes, nothing leaks, the error
 * says what it is, and what was there before is as it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/board_table.h"
#include "shared/core/config.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/json_text.h"
#include "shared/core/line_reader.h"
#include "shared/core/pnp_tracker.h"
#include "shared/core/port_notes.h"
#include "shared/core/vhci_status.h"
#include "shared/core/wire_hello.h"
#include "shared/core/wire_import.h"
#include "shared/core/wire_message.h"
#include "tests/core/cases.h"
#include "tests/core/failing_memory.h"

/* More allocations than any operation here makes. */
#define FAILURES_MAX 1000

#define BOARD                                                                                      \
    "{\"id\":\"usb\\\\a\",\"name\":null,\"vid\":\"1a86\",\"pid\":\"7523\",\"serial\":\"5\","       \
    "\"description\":\"Gr\xc3\xbcn\",\"com_port\":\"COM5\",\"busid\":\"3-1\",\"speed\":\"full\","  \
    "\"kind\":\"serial\""
#define TTYS                                                                                       \
    "\"ttys\":[{\"path\":\"/dev/ttyUSB0\",\"by_id\":null,\"link\":null,\"interface\":0}],"         \
    "\"usb_node\":null"
#define SNAPSHOT                                                                                   \
    "{\"v\":1,\"run\":\"8c1f6a0be97d2c43\",\"seq\":1,\"time\":\"2026-08-31T12:34:56.789Z\","       \
    "\"event\":\"snapshot\",\"boards\":[" BOARD ",\"state\":\"ready\"," TTYS "}]}"
#define ARRIVAL "{\"type\":\"arrival\",\"wanted\":true,\"board\":" BOARD "}}"
#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HELLO                                                                                      \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"host\",\"agent\":\"ttyferry 0.1.0\","           \
    "\"run\":\"8c1f6a0be97d2c43\",\"import\":\"00112233445566ff\",\"auth\":{"                      \
    "\"method\":\"hmac-sha256\",\"nonce\":\"" DIGEST "\"}}"
#define DATA "{\"type\":\"data\",\"import\":\"00112233445566ff\",\"bytes\":\"AAEC\"}"
#define NOTES "{\"v\":1,\"ports\":[{\"port\":3,\"devid\":65539,\"node\":\"00000000deadbeef\"}]}"
#define PROOF "{\"type\":\"proof\",\"mac\":\"" DIGEST "\"}"

/* What the operations work on; made anew for each failure. */
struct ground {
    struct board_table boards;
    struct event event;
    struct wire_message message;
    struct wire_hello hello;
    struct wire_proof proof;
    struct wire_bye bye;
    struct wire_import import;
    struct port_notes notes;
    struct config config;
    struct line_reader reader;
    struct vhci_status status;
    struct pnp_scan scan;
    struct pnp_tracker tracker;
    unsigned changes;
    unsigned lines;
};

static void prepare(struct ground *ground)
{
    struct board board = {.id = "usb\\old", .state = BOARD_STATE_WAITING};
    struct pnp_node *node;

    memset(ground, 0, sizeof *ground);
    board_table_init(&ground->boards);
    assert_int_equal(board_table_put(&ground->boards, &board), 0);
    assert_int_equal(
        event_json_to_event(SNAPSHOT, strlen(SNAPSHOT), &ground->event, &ground->boards), 0);
    assert_int_equal(wire_message_from_line(ARRIVAL, strlen(ARRIVAL), &ground->message), 0);
    assert_int_equal(wire_hello_from_line(HELLO, strlen(HELLO), &ground->hello, &ground->bye), 0);
    assert_int_equal(wire_import_from_line(DATA, strlen(DATA), &ground->import), 0);
    assert_int_equal(port_notes_from_text(NOTES, strlen(NOTES), &ground->notes), 0);
    strcpy(ground->proof.mac, DIGEST);
    strcpy(ground->bye.code, "busy");
    strcpy(ground->bye.message, "later");
    config_init(&ground->config);
    line_reader_init(&ground->reader, 100000);
    vhci_status_init(&ground->status);
    pnp_scan_init(&ground->scan);
    assert_int_equal(pnp_scan_add(&ground->scan, &node), 0);
    strcpy(node->instance_id, "USB\\VID_1A86&PID_7523\\5&1");
    strcpy(node->port_name, "COM5");
    pnp_tracker_init(&ground->tracker);
}

static void finish(struct ground *ground)
{
    board_table_finish(&ground->boards);
    line_reader_finish(&ground->reader);
    vhci_status_finish(&ground->status);
    pnp_scan_finish(&ground->scan);
    pnp_tracker_finish(&ground->tracker);
}

static int write_event(struct ground *ground)
{
    char *line = NULL;
    size_t len = 7;
    int result = event_json_from_event(&ground->event, &line, &len);

    assert_true(result == 0 || (line == NULL && len == 7));
    free(line);
    return result;
}

static int read_event(struct ground *ground)
{
    struct event event = {.attempt = 77};
    int result = event_json_to_event(SNAPSHOT, strlen(SNAPSHOT), &event, &ground->boards);

    if (result == 0) {
        assert_int_equal(ground->boards.count, 1);
        board_table_finish(&ground->boards);
    } else {
        assert_int_equal(event.attempt, 77);
    }
    return result;
}

static int write_message(struct ground *ground)
{
    char *line = NULL;
    size_t len = 7;
    int result = wire_message_to_line(&ground->message, &line, &len);

    assert_true(result == 0 || (line == NULL && len == 7));
    free(line);
    return result;
}

static int read_message(struct ground *ground)
{
    struct wire_message before = ground->message;
    int result = wire_message_from_line(ARRIVAL, strlen(ARRIVAL), &ground->message);

    assert_true(result == 0 || memcmp(&before, &ground->message, sizeof before) == 0);
    return result;
}

static int write_hello(struct ground *ground)
{
    char *line = NULL;
    size_t len;
    int result = wire_hello_to_line(&ground->hello, &line, &len);

    free(line);
    return result;
}

static int write_proof(struct ground *ground)
{
    char *line = NULL;
    size_t len;
    int result = wire_proof_to_line(&ground->proof, &line, &len);

    free(line);
    return result;
}

static int write_bye(struct ground *ground)
{
    char *line = NULL;
    size_t len;
    int result = wire_bye_to_line(&ground->bye, &line, &len);

    free(line);
    return result;
}

static int read_hello(struct ground *ground)
{
    return wire_hello_from_line(HELLO, strlen(HELLO), &ground->hello, &ground->bye);
}

static int read_proof(struct ground *ground)
{
    return wire_proof_from_line(PROOF, strlen(PROOF), &ground->proof, &ground->bye);
}

static int write_import(struct ground *ground)
{
    char *line = NULL;
    size_t len = 7;
    int result = wire_import_to_line(&ground->import, &line, &len);

    assert_true(result == 0 || (line == NULL && len == 7));
    assert_true(result != 0 || strncmp(line, DATA "\n", len) == 0);
    free(line);
    return result;
}

static int read_import(struct ground *ground)
{
    int result = wire_import_from_line(DATA, strlen(DATA), &ground->import);

    assert_true(result != 0 || strcmp(ground->import.bytes, "AAEC") == 0);
    return result;
}

static int write_notes(struct ground *ground)
{
    char *text = NULL;
    size_t len = 7;
    int result = port_notes_to_text(&ground->notes, &text, &len);

    assert_true(result == 0 || (text == NULL && len == 7));
    assert_true(result != 0 || strncmp(text, NOTES "\n", len) == 0);
    free(text);
    return result;
}

static int read_notes(struct ground *ground)
{
    int result;

    ground->notes.items[0].port = 7;
    result = port_notes_from_text(NOTES, strlen(NOTES), &ground->notes);
    assert_int_equal(ground->notes.count, 1);
    assert_int_equal(ground->notes.items[0].port, result == 0 ? 3 : 7);
    return result;
}

static int read_config(struct ground *ground)
{
    static const char text[] = "{\"link\": {\"port\": 5, \"auth\": \"none\"}} // lab";
    char reason[CONFIG_REASON_SIZE] = "";
    int result = config_from_text(text, sizeof text - 1, &ground->config, reason);

    assert_int_equal(ground->config.link_port, result == 0 ? 5 : CONFIG_LINK_PORT);
    assert_true(result == 0 || reason[0] != '\0');
    return result;
}

static int on_line(void *context, char *line, size_t len)
{
    struct ground *ground = context;

    assert_int_equal(strlen(line), len);
    ground->lines++;
    return 0;
}

static int feed_lines(struct ground *ground)
{
    static char bytes[70000];
    int result;

    memset(bytes, 'x', sizeof bytes);
    bytes[10] = '\n';
    bytes[1000] = '\n';
    bytes[sizeof bytes - 1] = '\n';
    result = line_reader_feed(&ground->reader, bytes, sizeof bytes, on_line, ground);
    if (result == 0) {
        assert_int_equal(ground->lines, 3);
    } else {
        /* It stays failed, for it has lost bytes. */
        assert_int_equal(line_reader_feed(&ground->reader, "a\n", 2, on_line, ground), result);
        assert_true(ground->lines < 3);
    }
    line_reader_finish(&ground->reader);
    return result;
}

static int put_boards(struct ground *ground)
{
    size_t before = ground->boards.count;
    struct board_table boards;
    int result = 0;
    size_t count = 0;

    board_table_init(&boards);
    for (; count < 20; count++) {
        struct board board = {.id = "usb\\new "};

        board.id[7] = (char)('a' + count);
        result = board_table_put(&boards, &board);
        if (result != 0) {
            break;
        }
    }
    assert_int_equal(boards.count, count);
    for (size_t i = 0; i < count; i++) {
        char id[] = "usb\\new ";

        id[7] = (char)('a' + i);
        assert_non_null(board_table_find(&boards, id));
    }
    board_table_finish(&boards);
    assert_int_equal(ground->boards.count, before);
    return result;
}

static int read_status(struct ground *ground)
{
    char text[16384] = "hub port sta spd dev      sockfd local_busid\n";
    size_t len = strlen(text);
    int result;

    for (unsigned i = 0; i < 128; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "hs  %04u 004 000 00000000 000000 0-0\n", i);
    }
    result = vhci_status_add(&ground->status, text, len);
    assert_true(result != 0 || ground->status.count == 128);
    vhci_status_finish(&ground->status);
    return result;
}

static int add_nodes(struct ground *ground)
{
    struct pnp_scan scan;
    struct pnp_node *node = NULL;
    int result = 0;

    (void)ground;
    pnp_scan_init(&scan);
    for (size_t i = 0; i < 200 && result == 0; i++) {
        result = pnp_scan_add(&scan, &node);
        assert_int_equal(scan.count, result == 0 ? i + 1 : i);
    }
    pnp_scan_finish(&scan);
    return result;
}

static void on_change(void *context, enum pnp_change change, struct board *board)
{
    struct ground *ground = context;

    assert_int_equal(change, PNP_CHANGE_ARRIVAL);
    assert_string_equal(board->com_port, "COM5");
    ground->changes++;
}

static int track_scan(struct ground *ground)
{
    const struct pnp_event event = {.type = PNP_EVENT_SCANNED, .scan = &ground->scan};
    int result = pnp_tracker_handle(&ground->tracker, &event, on_change, ground);

    if (result != 0) {
        bool failed = failing_memory_stop();

        assert_true(failed);
        assert_int_equal(ground->changes, 0);
        /* "The next scan then tells what is missing." */
        assert_int_equal(pnp_tracker_handle(&ground->tracker, &event, on_change, ground), 0);
    }
    assert_int_equal(ground->changes, 1);
    pnp_tracker_finish(&ground->tracker);
    return result;
}

/* A reader of JSON cannot tell whether a text is malformed or memory is exhausted (json_text.h),
 * and then answers ERR_INVALID. */
static const struct memory_case {
    const char *name;
    int (*run)(struct ground *ground);
    bool may_be_invalid;
} memory_cases[] = {
    {"out of memory: event_json_from_event", write_event, false},
    {"out of memory: event_json_to_event", read_event, true},
    {"out of memory: wire_message_to_line", write_message, false},
    {"out of memory: wire_message_from_line", read_message, true},
    {"out of memory: wire_hello_to_line", write_hello, false},
    {"out of memory: wire_proof_to_line", write_proof, false},
    {"out of memory: wire_bye_to_line", write_bye, false},
    {"out of memory: wire_hello_from_line", read_hello, true},
    {"out of memory: wire_proof_from_line", read_proof, true},
    {"out of memory: wire_import_to_line", write_import, false},
    {"out of memory: wire_import_from_line", read_import, true},
    {"out of memory: port_notes_to_text", write_notes, false},
    {"out of memory: port_notes_from_text", read_notes, true},
    {"out of memory: config_from_text", read_config, true},
    {"out of memory: line_reader_feed", feed_lines, false},
    {"out of memory: board_table_put", put_boards, false},
    {"out of memory: vhci_status_add", read_status, false},
    {"out of memory: pnp_scan_add", add_nodes, false},
    {"out of memory: pnp_tracker_handle", track_scan, false},
};

static void run_case(void **state)
{
    const struct memory_case *row = *state;
    bool failed = true;
    size_t failures = 0;

    for (; failed; failures++) {
        struct ground ground;
        int result;

        assert_true(failures < FAILURES_MAX);
        prepare(&ground);
        failing_memory_start(failures + 1);
        result = row->run(&ground);
        failed = failing_memory_stop();
        if (!failed) {
            assert_int_equal(result, 0);
        } else {
            assert_true(result == ERR_NOMEM || (row->may_be_invalid && result == ERR_INVALID));
        }
        assert_int_equal(failing_memory_held(), 0);
        finish(&ground);
    }
    /* Only the last run had all the memory it wanted. */
    assert_true(failures > 1);
}

int main(void)
{
    struct cases cases = {.count = 0};

    failing_memory_init();
    CASES_ADD(&cases, memory_cases, run_case);
    return cases_run("out_of_memory", &cases);
}
