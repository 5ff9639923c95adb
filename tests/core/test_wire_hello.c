#include "shared/core/error.h"
#include "shared/core/wire_hello.h"
#include "tests/core/altered.h"

#define HELLO                                                                                      \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"guest\",\"agent\":\"ttyferry 0.1.0\","          \
    "\"run\":\"0123456789abcdef\",\"auth\":{\"method\":\"none\"}}\n"
#define NONCE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_HELLO                                                                                  \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"host\",\"agent\":\"ttyferry 0.1.0\","           \
    "\"run\":\"0123456789abcdef\",\"import\":\"00112233445566ff\",\"auth\":{"                      \
    "\"method\":\"hmac-sha256\",\"nonce\":\"" NONCE "\"}}\n"
#define PROOF "{\"type\":\"proof\",\"mac\":\"" NONCE "\"}\n"
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

static void hello_by_key_round_trips(void **state)
{
    (void)state;
    static const struct wire_hello hello = {
        .protocol = 1,
        .role = WIRE_ROLE_HOST,
        .agent = "ttyferry 0.1.0",
        .run = "0123456789abcdef",
        .auth = WIRE_AUTH_KEY,
        .nonce = NONCE,
        .import = "00112233445566ff",
    };
    char *line = NULL;
    size_t len = 0;
    assert_int_equal(wire_hello_to_line(&hello, &line, &len), 0);
    assert_string_equal(line, KEY_HELLO);
    struct wire_hello read;
    struct wire_bye bye;
    assert_int_equal(wire_hello_from_line(line, len, &read, &bye), 0);
    assert_int_equal(read.auth, WIRE_AUTH_KEY);
    assert_string_equal(read.nonce, NONCE);
    assert_string_equal(read.import, hello.import);
    free(line);
}

static void proof_round_trips(void **state)
{
    (void)state;
    static const struct wire_proof proof = {.mac = NONCE};
    char *line = NULL;
    size_t len = 0;
    assert_int_equal(wire_proof_to_line(&proof, &line, &len), 0);
    assert_string_equal(line, PROOF);
    struct wire_proof read;
    struct wire_bye bye;
    assert_int_equal(wire_proof_from_line(line, len, &read, &bye), 0);
    assert_string_equal(read.mac, NONCE);
    free(line);
    assert_int_equal(wire_proof_from_line(BYE, sizeof BYE - 1, &read, &bye), ERR_CLOSED);
    assert_string_equal(bye.code, "busy");
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
    char *line = altered_line(HELLO, "\"none\"", "\"passkey\",\"nonce\":\"00\"");
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
    {"hello: no nonce", KEY_HELLO, ",\"nonce\":\"" NONCE "\"", ""},
    {"hello: nonce null", KEY_HELLO, "\"" NONCE "\"", "null"},
    {"hello: short nonce", KEY_HELLO, NONCE, "00"},
    {"hello: long nonce", KEY_HELLO, NONCE, NONCE "0"},
    {"hello: nonce in upper case", KEY_HELLO, "0a0b", "0A0B"},
    {"hello: import is a path", KEY_HELLO, "00112233445566ff", "../../etc/passwd"},
    {"hello: import is a number", KEY_HELLO, "\"00112233445566ff\"", "7"},
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

static const struct bad_case bad_proofs[] = {
    {"proof: not JSON", PROOF, "{", ""},
    {"proof: another type", PROOF, "\"proof\"", "\"hello\""},
    {"proof: no mac", PROOF, ",\"mac\":\"" NONCE "\"", ""},
    {"proof: mac null", PROOF, "\"" NONCE "\"", "null"},
    {"proof: empty mac", PROOF, NONCE, ""},
    {"proof: half a mac", PROOF, NONCE, "000102030405060708090a0b0c0d0e0f"},
    {"proof: mac a digit too long", PROOF, NONCE, NONCE "0"},
    {"proof: mac in upper case", PROOF, "0a0b", "0A0B"},
    {"proof: bye without code", BYE, "\"code\":\"busy\",", ""},
};

static void run_bad_proof(void **state)
{
    const struct bad_case *row = *state;
    char *line = altered_line(row->line, row->find, row->replace);
    struct wire_proof proof = {.mac = "old"};
    struct wire_bye bye = {.code = "old"};
    assert_int_equal(wire_proof_from_line(line, strlen(line), &proof, &bye), ERR_INVALID);
    assert_string_equal(proof.mac, "old");
    assert_string_equal(bye.code, "old");
    free(line);
}

int main(void)
{
    struct cases cases = {.count = 0};
    cases_add_one(&cases, "hello: round trip", hello_round_trips);
    cases_add_one(&cases, "hello: round trip, by key", hello_by_key_round_trips);
    cases_add_one(&cases, "proof: round trip", proof_round_trips);
    cases_add_one(&cases, "bye: round trip", bye_round_trips);
    cases_add_one(&cases, "hello: another version", another_version_needs_no_more_than_its_number);
    cases_add_one(&cases, "hello: another method", another_method_is_told);
    CASES_ADD(&cases, bad_cases, run_bad);
    CASES_ADD(&cases, bad_proofs, run_bad_proof);
    return cases_run("wire_hello", &cases);
}
