#include <stdio.h>
#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/core/request.h"
#include "tests/core/altered.h"

#define YIELD "{\"request\":\"yield\",\"id\":\"7\",\"board\":\"usb\\\\vid_1a86&pid_7523\\\\5\"}\n"
#define RESUME "{\"request\":\"resume\",\"id\":null,\"run\":\"8c1f6a0be97d2c43\",\"seq\":41}\n"
#define KICK "{\"request\":\"kick\",\"id\":null}\n"
#define HEAD                                                                                       \
    "{\"v\":1,\"run\":\"8c1f6a0be97d2c43\",\"time\":\"2026-08-31T12:34:56.789Z\",\"reply\":"
#define DONE                                                                                       \
    HEAD "\"take\",\"id\":\"7\",\"ok\":true,\"code\":null,\"message\":null,\"remedy\":null}\n"
#define REFUSED                                                                                    \
    HEAD "\"yield\",\"id\":null,\"ok\":false,\"code\":\"no_host\",\"message\":\"no\",\"remedy\":"  \
         "\"link\"}\n"
#define RUBBISH                                                                                    \
    HEAD "null,\"id\":null,\"ok\":false,\"code\":\"invalid\",\"message\":\"no\",\"remedy\":null}"  \
         "\n"

static const struct line_case {
    const char *name;
    const char *line;
} request_cases[] =
    {
        {"request: yield", YIELD},
        {"request: take without an id", "{\"request\":\"take\",\"id\":null,\"board\":\"x\"}\n"},
        {"request: kick", KICK},
        {"request: resume", RESUME},
        {"request: resume as late as can be",
         "{\"request\":\"resume\",\"id\":\"7\",\"run\":\"0000000000000000\","
         "\"seq\":9007199254740991}\n"},
},
  reply_cases[] = {
      {"reply: done", DONE},
      {"reply: refused", REFUSED},
      {"reply: resumed",
       HEAD "\"resume\",\"id\":null,\"ok\":true,\"code\":null,\"message\":null,\"remedy\":null}"
            "\n"},
      {"reply: to what was no request", RUBBISH},
};

static void run_request(void **state)
{
    const struct line_case *row = *state;
    struct request request;
    char *line = NULL;
    size_t len = 0;

    assert_int_equal(request_from_line(row->line, strlen(row->line), &request), 0);
    assert_int_equal(request_to_line(&request, &line, &len), 0);
    assert_string_equal(line, row->line);
    assert_int_equal(len, strlen(line));
    free(line);
}

static void run_reply(void **state)
{
    const struct line_case *row = *state;
    struct reply reply;
    char *line = NULL;
    size_t len = 0;

    assert_int_equal(reply_from_line(row->line, strlen(row->line), &reply), 0);
    assert_int_equal(reply_to_line(&reply, &line, &len), 0);
    assert_string_equal(line, row->line);
    free(line);
}

static const struct altered_case {
    const char *name;
    const char *line;
    const char *find;
    const char *replace;
    int result;
} altered_requests[] =
    {
        {"request: no LF", YIELD, "\n", "", 0},
        {"request: unknown members are ignored", YIELD, "\"id\"", "\"new\":{},\"id\"", 0},
        {"request: unknown", YIELD, "\"yield\"", "\"fly\"", ERR_UNSUPPORTED},
        {"request: half a line", YIELD, "\"}", "", ERR_INVALID},
        {"request: none", YIELD, "\"request\"", "\"quest\"", ERR_INVALID},
        {"request: a number", YIELD, "\"yield\"", "7", ERR_INVALID},
        {"request: a very long name", YIELD, "yield", "yieldyieldyieldyieldyieldyieldyield",
         ERR_INVALID},
        {"request: an id of 33 characters", YIELD, "\"7\"", "\"012345678901234567890123456789012\"",
         ERR_INVALID},
        {"request: an id with an escape", YIELD, "\"7\"", "\"\\u001b\"", ERR_INVALID},
        {"request: no board", YIELD, "\"board\"", "\"bored\"", ERR_INVALID},
        {"request: an empty board", YIELD, "usb\\\\vid_1a86&pid_7523\\\\5", "", ERR_INVALID},
        {"request: a board with an escape", YIELD, "vid", "\\u001b", ERR_INVALID},
        {"request: a board with an escaped NUL", YIELD, "vid", "\\u0000", ERR_INVALID},
        {"request: invalid UTF-8", YIELD, "vid", "\xC3", ERR_INVALID},
        {"request: resume without a run", RESUME, "\"run\"", "\"ran\"", ERR_INVALID},
        {"request: resume of a run of 15 digits", RESUME, "8c1f", "8c1", ERR_INVALID},
        {"request: resume of a run of 17 digits", RESUME, "8c1f", "8c1f0", ERR_INVALID},
        {"request: resume of a run in upper case", RESUME, "8c1f", "8C1F", ERR_INVALID},
        {"request: resume without a number", RESUME, "\"seq\"", "\"sec\"", ERR_INVALID},
        {"request: resume behind line 0", RESUME, "41", "0", ERR_INVALID},
        {"request: resume behind a negative line", RESUME, "41", "-1", ERR_INVALID},
        {"request: resume behind half a line", RESUME, "41", "1.5", ERR_INVALID},
        {"request: resume behind 2^53", RESUME, "41", "9007199254740992", ERR_INVALID},
        {"request: resume behind text", RESUME, "41", "\"41\"", ERR_INVALID},
        {"request: an array", KICK, "{\"request\":\"kick\",\"id\":null}", "[1]", ERR_INVALID},
},
  altered_replies[] = {
      {"reply: an event", DONE, "\"reply\"", "\"event\":\"link\",\"reply\"", ERR_UNSUPPORTED},
      {"reply: to an unknown request", DONE, "\"take\"", "\"fly\"", ERR_UNSUPPORTED},
      {"reply: another version", DONE, "\"v\":1", "\"v\":2", ERR_VERSION},
      {"reply: run", DONE, "8c1f", "8C1F", ERR_INVALID},
      {"reply: time", DONE, "2026-08-31", "2026-06-31", ERR_INVALID},
      {"reply: ok is text", DONE, "true", "\"true\"", ERR_INVALID},
      {"reply: ok with a code", REFUSED, "false", "true", ERR_INVALID},
      {"reply: not ok without a code", DONE, "true", "false", ERR_INVALID},
      {"reply: code", REFUSED, "no_host", "No host", ERR_INVALID},
};

static void run_altered_request(void **state)
{
    const struct altered_case *row = *state;
    char *line = altered_line(row->line, row->find, row->replace);
    struct request request = {.id = "old"};

    assert_int_equal(request_from_line(line, strlen(line), &request), row->result);
    assert_true(row->result == 0 || strcmp(request.id, "old") == 0);
    free(line);
}

static void run_altered_reply(void **state)
{
    const struct altered_case *row = *state;
    char *line = altered_line(row->line, row->find, row->replace);
    struct reply reply = {.run = "old"};

    assert_int_equal(reply_from_line(line, strlen(line), &reply), row->result);
    assert_true(row->result == 0 || strcmp(reply.run, "old") == 0);
    free(line);
}

static const struct place_case {
    const char *name;
    const char *text;
    uint64_t seq; /* 0: it is refused */
} place_cases[] = {
    {"place: the first line", "8c1f6a0be97d2c43:1", 1},
    {"place: the last that can be", "8c1f6a0be97d2c43:9007199254740991", 9007199254740991u},
    {"place: with zeros before", "8c1f6a0be97d2c43:0041", 41},
    {"place: nothing", "", 0},
    {"place: a run alone", "8c1f6a0be97d2c43", 0},
    {"place: no number", "8c1f6a0be97d2c43:", 0},
    {"place: no run", ":41", 0},
    {"place: a number alone", "41", 0},
    {"place: a run of 15 digits", "8c1f6a0be97d2c4:41", 0},
    {"place: a run of 17 digits", "8c1f6a0be97d2c430:41", 0},
    {"place: a run in upper case", "8C1F6A0BE97D2C43:41", 0},
    {"place: line 0", "8c1f6a0be97d2c43:0", 0},
    {"place: a sign", "8c1f6a0be97d2c43:+41", 0},
    {"place: a negative number", "8c1f6a0be97d2c43:-41", 0},
    {"place: a blank", "8c1f6a0be97d2c43: 41", 0},
    {"place: more behind it", "8c1f6a0be97d2c43:41x", 0},
    {"place: 2^53", "8c1f6a0be97d2c43:9007199254740992", 0},
    {"place: 2^64 and one", "8c1f6a0be97d2c43:18446744073709551617", 0},
    {"place: many digits",
     "8c1f6a0be97d2c43:99999999999999999999999999999999999999999999999999999999999999999999", 0},
};

static void run_place(void **state)
{
    const struct place_case *row = *state;
    struct request request = {.type = REQUEST_KICK, .id = "old"};
    int result = request_resume_from_text(row->text, "7", &request);

    assert_int_equal(result, row->seq != 0 ? 0 : ERR_INVALID);
    assert_int_equal(request.type, row->seq != 0 ? REQUEST_RESUME : REQUEST_KICK);
    assert_string_equal(request.id, row->seq != 0 ? "7" : "old");
    assert_true(request.seq == row->seq);
    assert_string_equal(request.run, row->seq != 0 ? "8c1f6a0be97d2c43" : "");
}

static void a_line_over_4_kib_is_refused(void **state)
{
    struct request request;
    size_t len = REQUEST_LINE_MAX + 1;
    char *line = malloc(len + 1);

    (void)state;
    assert_non_null(line);
    memset(line, ' ', len);
    memcpy(line, KICK, strlen(KICK));
    line[len] = '\0';
    assert_int_equal(request_from_line(line, len, &request), ERR_INVALID);
    assert_int_equal(request_from_line(line, len - 1, &request), 0);
    free(line);
}

static void texts_that_are_too_long_are_cut(void **state)
{
    struct request_outcome outcome = {.remedy = "old"};
    char text[2 * EVENT_TEXT_SIZE];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    request_refuse(&outcome, "busy", text, NULL);
    assert_string_equal(outcome.code, "busy");
    assert_int_equal(strlen(outcome.message), EVENT_TEXT_SIZE - 1);
    assert_string_equal(outcome.remedy, "");
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, request_cases, run_request);
    CASES_ADD(&cases, reply_cases, run_reply);
    CASES_ADD(&cases, altered_requests, run_altered_request);
    CASES_ADD(&cases, altered_replies, run_altered_reply);
    CASES_ADD(&cases, place_cases, run_place);
    cases_add_one(&cases, "request: a line over 4 KiB", a_line_over_4_kib_is_refused);
    cases_add_one(&cases, "reply: texts that are too long", texts_that_are_too_long_are_cut);
    return cases_run("request", &cases);
}
