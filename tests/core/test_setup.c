/* What `ttyferry setup` reads: the installer's request, and its own notes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/setup_request.h"
#include "shared/core/setup_state.h"
#include "tests/core/cases.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char *make_exact(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

static const struct request_case {
    const char *name;
    const char *text;
    const char *key;
    const char *config;
    const char *host_program;
} request_cases[] = {
    {"setup_request: nothing", "", "", NULL, ""},
    {"setup_request: white space", " \r\n", "", NULL, ""},
    {"setup_request: empty", "{}\n", "", NULL, ""},
    {"setup_request: key", "{\"key\":\"" KEY "\"}", KEY, NULL, ""},
    {"setup_request: all",
     "{\"key\":\"" KEY "\",\"config\":{\"link\":{\"port\":1}},\"host_program\":\"C:\\\\a.exe\"}",
     KEY, "{\"link\":{\"port\":1}}\n", "C:\\a.exe"},
    {"setup_request: nulls", "{\"key\":null,\"config\":null,\"host_program\":null}", "", NULL, ""},
    {"setup_request: something of the future", "{\"later\":[1]}", "", NULL, ""},
};

static void reads(void **state)
{
    const struct request_case *row = *state;
    char *exact = make_exact(row->text, strlen(row->text));
    char reason[CONFIG_REASON_SIZE];
    struct setup_request request;

    assert_int_equal(setup_request_parse(exact, strlen(row->text), &request, reason), 0);
    assert_string_equal(request.key, row->key);
    assert_string_equal(request.host_program, row->host_program);
    if (row->config != NULL) {
        assert_string_equal(request.config, row->config);
    } else {
        assert_null(request.config);
    }
    setup_request_finish(&request);
    free(exact);
}

static const struct bad_case {
    const char *name;
    const char *text;
    const char *reason; /* a part of it */
} bad_cases[] = {
    {"setup_request: no JSON", "key", "one JSON object"},
    {"setup_request: an array", "[]", "one JSON object"},
    {"setup_request: more than one", "{}{}", "one JSON object"},
    {"setup_request: a short key", "{\"key\":\"00\"}", "\"key\" must be"},
    {"setup_request: a key in capitals",
     "{\"key\":\"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\"}",
     "\"key\" must be"},
    {"setup_request: a long key", "{\"key\":\"" KEY "0\"}", "\"key\" must be"},
    {"setup_request: a key that is none", "{\"key\":7}", "\"key\" must be"},
    {"setup_request: a configuration that is a text", "{\"config\":\"{}\"}", "\"config\" must be"},
    {"setup_request: a configuration with a slip", "{\"config\":{\"lnk\":{}}}", "lnk"},
    {"setup_request: a program without a drive", "{\"host_program\":\"/bin/sh\"}",
     "\"host_program\" must be"},
    {"setup_request: a program that leads out", "{\"host_program\":\"C:\\\\..\\\\a.exe\"}",
     "\"host_program\" must be"},
};

static void refuses(void **state)
{
    const struct bad_case *row = *state;
    char *exact = make_exact(row->text, strlen(row->text));
    struct setup_request request = {.config_len = 77};
    char reason[CONFIG_REASON_SIZE];

    assert_int_equal(setup_request_parse(exact, strlen(row->text), &request, reason), ERR_INVALID);
    assert_non_null(strstr(reason, row->reason));
    assert_null(strstr(reason, "0011"));
    assert_int_equal(request.config_len, 77);
    free(exact);
}

static void refuses_what_is_too_long(void **state)
{
    size_t len = SETUP_REQUEST_TEXT_MAX + 1;
    char *text = malloc(len);
    char reason[CONFIG_REASON_SIZE];
    struct setup_request request;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', len);
    assert_int_equal(setup_request_parse(text, len, &request, reason), ERR_TOO_LONG);
    assert_non_null(strstr(reason, "bytes"));
    free(text);
}

static void state_comes_back(void **unused)
{
    (void)unused;
    for (size_t i = 0; i <= SETUP_THING_COUNT; i++) {
        struct setup_state state = {.was_there = {false}};
        struct setup_state read = {.was_there = {true, true}};
        char *text;
        size_t len;

        if (i < SETUP_THING_COUNT) {
            state.was_there[i] = true;
        }
        assert_int_equal(setup_state_print(&state, &text, &len), 0);
        assert_int_equal(setup_state_parse(text, len, &read), 0);
        assert_memory_equal(&read, &state, sizeof state);
        free(text);
    }
}

static const struct state_case {
    const char *name;
    const char *text;
    int err;
} state_cases[] = {
    {"setup_state: all that is needed", "{\"version\":1,\"was_there\":{}}", 0},
    {"setup_state: something of the future",
     "{\"version\":1,\"was_there\":{\"moon\":7},\"then\":1}", 0},
    {"setup_state: a later version", "{\"version\":2,\"was_there\":{}}", ERR_VERSION},
    {"setup_state: no version", "{\"was_there\":{}}", ERR_INVALID},
    {"setup_state: no things", "{\"version\":1}", ERR_INVALID},
    {"setup_state: a thing that is no truth value", "{\"version\":1,\"was_there\":{\"key\":1}}",
     ERR_INVALID},
    {"setup_state: empty", "", ERR_INVALID},
    {"setup_state: cut", "{\"version\":1", ERR_INVALID},
};

static void reads_state(void **unused)
{
    const struct state_case *row = *unused;
    char *exact = make_exact(row->text, strlen(row->text));
    struct setup_state state = {.was_there = {[SETUP_HOST] = true}};

    assert_int_equal(setup_state_parse(exact, strlen(row->text), &state), row->err);
    assert_true(state.was_there[SETUP_HOST] == (row->err != 0));
    free(exact);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, request_cases, reads);
    CASES_ADD(&cases, bad_cases, refuses);
    cases_add_one(&cases, "setup_request: too long", refuses_what_is_too_long);
    cases_add_one(&cases, "setup_state: what is printed is read", state_comes_back);
    CASES_ADD(&cases, state_cases, reads_state);
    return cases_run("setup", &cases);
}
