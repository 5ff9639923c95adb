#include "shared/core/error.h"
#include "shared/core/wire_hello.h"
#include "tests/core/altered.h"

#define HELLO                                                                                      \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"guest\",\"agent\":\"ttyferry 0.1.0\","          \
    "\"run\":\"0123456789abcdef\",\"auth\":{\"method\":\"none\"}}\n"
#define BYE "{\"type\":\"bye\",\"code\":\"busy\",\"message\":\"say \\u001b it\"}\n"

static void hello_round_trips(void **state)
{
    (void)state;
    static const struct wire_hello hello = {
        .protocol = 1,
        .role = WIRE_ROLE_GUEST,
        .agent = "ttyferry 0.1.0",
        .run = "0123456789abcdef",
        .auth = WIRE_AUTH_NONE,
    };
    char *line = NULL;
    size_t len = 0;
    assert_int_equal(wire_hello_to_line(&hello, &line, &len), 0);
    assert_string_equal(line, HELLO);
    assert_int_equal(len, strlen(HELLO));
    struct wire_hello read;
    struct wire_bye bye;
    assert_int_equal(wire_hello_from_line(line, len, &read, &bye), 0);
    assert_int_equal(read.protocol, hello.protocol);
    assert_int_equal(read.role, hello.role);
    assert_string_equal(read.agent, hello.agent);
    assert_string_equal(read.run, hello.run);
    assert_int_equal(read.auth, hello.auth);
    free(line);
}

static void bye_round_trips(void **state)
{
    (void)state;
    static const struct wire_bye bye = {.code = "busy", .message = "say \x1B it"};
    char *line = NULL;
    size_t len = 0;
    assert_int_equal(wire_bye_to_line(&bye, &line, &len), 0);
    assert_string_equal(line, BYE);
    struct wire_hello hello;
    struct wire_bye read;
    assert_int_equal(wire_hello_from_line(line, len, &hello, &read), ERR_CLOSED);
    assert_string_equal(read.code, bye.code);
    assert_string_equal(read.message, bye.message);
    free(line);
}

static void another_version_needs_no_more_than_its_number(void **state)
{
    (void)state;
    static const char line[] = "{\"type\":\"hello\",\"protocol\":2,\"role\":7}";
    struct wire_hello hello = {.agent = "old"};
    struct wire_bye bye;
    assert_int_equal(wire_hello_from_line(line, sizeof line - 1, &hello, &bye), ERR_VERSION);
    assert_int_equal(hello.protocol, 2);
    assert_string_equal(hello.agent, "");
}

static void another_method_is_told(void **state)
{
    (void)state;
    char *line = altered_line(HELLO, "\"none\"", "\"hmac-sha256\",\"nonce\":\"00\"");
    struct wire_hello hello;
    struct wire_bye bye;
    assert_int_equal(wire_hello_from_line(line, strlen(line), &hello, &bye), 0);
    assert_int_equal(hello.auth, WIRE_AUTH_OTHER);
    free(line);
}

static const struct bad_case {
    const char *name;
    const char *line;
    const char *find;
    const char *replace;
} bad_cases[] = {
    {"hello: not JSON", HELLO, "{", ""},
    {"hello: no type", HELLO, "\"type\"", "\"kind\""},
    {"hello: another type", HELLO, "\"hello\"", "\"ready\""},
    {"hello: a type too long", HELLO, "\"hello\"", "\"hellohellohello\""},
    {"hello: type is no text", HELLO, "\"hello\"", "1"},
    {"hello: no protocol", HELLO, "\"protocol\":1,", ""},
    {"hello: protocol as text", HELLO, ":1,", ":\"1\","},
    {"hello: protocol with a fraction", HELLO, ":1,", ":1.5,"},
    {"hello: protocol below 0", HELLO, ":1,", ":-1,"},
    {"hello: protocol beyond an int", HELLO, ":1,", ":4294967297,"},
    {"hello: no role", HELLO, "\"role\":\"guest\",", ""},
    {"hello: another role", HELLO, "\"guest\"", "\"Guest\""},
    {"hello: no agent", HELLO, "\"agent\":\"ttyferry 0.1.0\",", ""},
    {"hello: agent null", HELLO, "\"ttyferry 0.1.0\"", "null"},
    {"hello: agent with a control character", HELLO, "0.1.0", "0.1.0\\n"},
    {"hello: agent too long", HELLO, "0.1.0",
     "0123456789012345678901234567890123456789012345678901234567890123"},
    {"hello: no run", HELLO, "\"run\":\"0123456789abcdef\",", ""},
    {"hello: short run", HELLO, "0123456789abcdef", "0123456789abcde"},
    {"hello: long run", HELLO, "0123456789abcdef", "0123456789abcdef0"},
    {"hello: run in upper case", HELLO, "0123456789abcdef", "0123456789ABCDEF"},
    {"hello: no auth", HELLO, ",\"auth\":{\"method\":\"none\"}", ""},
    {"hello: auth is no object", HELLO, "{\"method\":\"none\"}", "\"none\""},
    {"hello: auth null", HELLO, "{\"method\":\"none\"}", "null"},
    {"hello: auth without method", HELLO, "\"method\":\"none\"", ""},
    {"bye: no code", BYE, "\"code\":\"busy\",", ""},
    {"bye: empty code", BYE, "busy", ""},
    {"bye: code is no code", BYE, "busy", "Busy!"},
    {"bye: no message", BYE, ",\"message\":\"say \\u001b it\"", ""},
    {"bye: message is no text", BYE, "\"say \\u001b it\"", "{}"},
};

static void run_bad(void **state)
{
    const struct bad_case *row = *state;
    char *line = altered_line(row->line, row->find, row->replace);
    struct wire_hello hello = {.agent = "old"};
    struct wire_bye bye = {.code = "old"};
    assert_int_equal(wire_hello_from_line(line, strlen(line), &hello, &bye), ERR_INVALID);
    assert_string_equal(hello.agent, "old");
    assert_string_equal(bye.code, "old");
    free(line);
}

int main(void)
{
    struct cases cases = {.count = 0};
    cases_add_one(&cases, "hello: round trip", hello_round_trips);
    cases_add_one(&cases, "bye: round trip", bye_round_trips);
    cases_add_one(&cases, "hello: another version", another_version_needs_no_more_than_its_number);
    cases_add_one(&cases, "hello: another method", another_method_is_told);
    CASES_ADD(&cases, bad_cases, run_bad);
    return cases_run("wire_hello", &cases);
}
