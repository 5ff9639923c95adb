/* Hostile USB strings and names through everything pure that shows, writes or uses them. */
#include <stdio.h>
#include <stdlib.h>

#include "shared/core/board_json.h"
#include "shared/core/board_rows.h"
#include "shared/core/event_json.h"
#include "shared/core/log.h"
#include "shared/core/request.h"
#include "shared/core/wire_message.h"
#include "tests/core/cases.h"
#include "tests/core/hostile.h"

static unsigned logged;

static void on_log(void *context, enum log_level level, const char *message)
{
    (void)context;
    (void)level;
    assert_true(hostile_is_harmless(message));
    assert_null(strchr(message, '\n'));
    logged++;
}

static struct board hostile_board(const char *text)
{
    struct board board = {.id = "usb\\x", .state = BOARD_STATE_FAILED};

    text_copy(board.serial, sizeof board.serial, text);
    text_copy(board.description, sizeof board.description, text);
    text_copy(board.note.message, sizeof board.note.message, text);
    text_copy(board.note.remedy, sizeof board.note.remedy, text);
    return board;
}

static void expect_one_ascii_line(const char *line, size_t len)
{
    for (size_t i = 0; i < len - 1; i++) {
        assert_true(line[i] >= ' ' && line[i] <= '~');
    }
    assert_int_equal(line[len - 1], '\n');
}

static void check_log(const char *text)
{
    logged = 0;
    log_set_sink(on_log, NULL);
    log_info("%s", text);
    log_set_sink(NULL, NULL);
    assert_int_equal(logged, 1);
}

static void check_rows(const struct event *snapshot)
{
    for (size_t width = 0; width < 60; width += 7) {
        const struct board_rows_form form = {.width = width};
        char *text = NULL;

        assert_int_equal(board_rows_boards(snapshot, &form, &text), 0);
        assert_true(hostile_is_harmless(text));
        free(text);
        assert_int_equal(board_rows_link(snapshot, &form, &text), 0);
        assert_true(hostile_is_harmless(text));
        free(text);
    }
}

static void check_json(const char *hostile, const struct event *snapshot)
{
    struct reply reply = {.run = "0123456789abcdef", .has_request = true};
    struct wire_message message = {.type = WIRE_ARRIVAL};
    char *line = NULL;
    size_t len = 0;

    assert_int_equal(event_json_from_event(snapshot, &line, &len), 0);
    expect_one_ascii_line(line, len);
    free(line);
    message.event.board = *snapshot->boards->items[0];
    assert_int_equal(wire_message_to_line(&message, &line, &len), 0);
    expect_one_ascii_line(line, len);
    free(line);
    request_refuse(&reply.outcome, "busy", hostile, hostile);
    assert_int_equal(reply_to_line(&reply, &line, &len), 0);
    expect_one_ascii_line(line, len);
    free(line);
}

static void check_names(const char *text)
{
    char path[BOARD_LINK_SIZE];

    assert_false(board_name_is_valid(text));
    assert_false(board_busid_is_valid(text));
    snprintf(path, sizeof path, "/dev/ttyferry/%s", text);
    /* What is left is a name like any other, though no shell's. */
    if (board_json_is_path(path)) {
        assert_true(hostile_is_harmless(path));
        assert_null(strstr(path, "/../"));
    }
}

static void check_everywhere(const char *text)
{
    struct board board = hostile_board(text);
    struct board_table boards;
    struct event snapshot = {.type = EVENT_SNAPSHOT, .boards = &boards, .link_up = true};

    strcpy(snapshot.stamp.run, "0123456789abcdef");
    snapshot.stamp.seq = 1;
    text_copy(snapshot.peer, sizeof snapshot.peer, text);
    board_table_init(&boards);
    assert_int_equal(board_table_put(&boards, &board), 0);
    check_log(text);
    check_rows(&snapshot);
    check_json(text, &snapshot);
    check_names(text);
    board_table_finish(&boards);
}

static void hostile_texts_are_harmless_everywhere(void **state)
{
    static char longest[8192];

    (void)state;
    for (size_t i = 0; i < HOSTILE_COUNT; i++) {
        check_everywhere(hostile_texts[i]);
    }
    memset(longest, '\x1b', sizeof longest - 1);
    check_everywhere(longest);
    memset(longest, 'x', sizeof longest - 1);
    check_everywhere(longest);
}

int main(void)
{
    struct cases cases = {.count = 0};
    cases_add_one(&cases, "hostile: texts are harmless everywhere",
                  hostile_texts_are_harmless_everywhere);
    return cases_run("hostile", &cases);
}
