#include "shared/link/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/link/link_process.h"
#include "tests/link/recorder.h"

#define EXPECTED_MAC "39c4c0b4614f9547c53f5dc0765260925edad656a03511b09e9e3a96c9133fd9"
#define NONCE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

#define HELLO(protocol, role, method)                                                              \
    "{\"type\":\"hello\",\"protocol\":" protocol ",\"role\":\"" role                               \
    "\",\"agent\":\"ttyferry 9.9\",\"run\":\"fedcba9876543210\",\"auth\":{\"method\":\"" method    \
    "\",\"nonce\":\"" NONCE "\"}}"

struct check_case {
    const char *name;
    const char *line;
    enum wire_auth method;
    int expected;
    const char *code;    /* of the bye, when refused */
    const char *message; /* a part of it */
};

static const struct check_case check_cases[] = {
    {"the other role", HELLO("1", "guest", "none"), WIRE_AUTH_NONE, 0, NULL, NULL},
    {"the other role, by key", HELLO("1", "guest", "hmac-sha256"), WIRE_AUTH_KEY, 0, NULL, NULL},
    {"another version", HELLO("2", "guest", "none"), WIRE_AUTH_NONE, ERR_VERSION, "version",
     "peer 2"},
    {"another version, by key", HELLO("2", "guest", "hmac-sha256"), WIRE_AUTH_KEY, ERR_VERSION,
     "version", "peer 2"},
    {"the same role", HELLO("1", "host", "none"), WIRE_AUTH_NONE, ERR_INVALID, "role",
     "host agents"},
    {"our own hello reflected", HELLO("1", "host", "hmac-sha256"), WIRE_AUTH_KEY, ERR_INVALID,
     "role", "host agents"},
    {"an unknown method", HELLO("1", "guest", "passkey"), WIRE_AUTH_NONE, ERR_AUTH, "auth",
     "update"},
    {"an unknown method where the key is wanted", HELLO("1", "guest", "passkey"), WIRE_AUTH_KEY,
     ERR_AUTH, "auth", "update"},
    {"a downgrade to none", HELLO("1", "guest", "none"), WIRE_AUTH_KEY, ERR_AUTH, "auth",
     "\"none\""},
    {"a key where none is configured", HELLO("1", "guest", "hmac-sha256"), WIRE_AUTH_NONE, ERR_AUTH,
     "auth", "wants a key"},
    {"an import from a guest",
     "{\"type\":\"hello\",\"protocol\":1,\"role\":\"guest\",\"agent\":\"x\","
     "\"run\":\"fedcba9876543210\",\"import\":\"0011223344556677\",\"auth\":{\"method\":\"none\"}}",
     WIRE_AUTH_NONE, ERR_INVALID, "invalid", "import"},
    {"an HTTP request", "GET / HTTP/1.1", WIRE_AUTH_NONE, ERR_INVALID, "invalid", "hello"},
    {"an empty line", "", WIRE_AUTH_NONE, ERR_INVALID, "invalid", "hello"},
    {"invalid UTF-8", "{\"type\":\"hello\",\"agent\":\"\xff\"}", WIRE_AUTH_NONE, ERR_INVALID,
     "invalid", "hello"},
    {"a message before the hello", "{\"type\":\"snapshot_begin\"}", WIRE_AUTH_NONE, ERR_INVALID,
     "invalid", "hello"},
    {"a bye", "{\"type\":\"bye\",\"code\":\"busy\",\"message\":\"later\"}", WIRE_AUTH_NONE,
     ERR_CLOSED, "busy", "later"},
};

static void check_answers_each_first_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof check_cases / sizeof check_cases[0]; i++) {
        const struct check_case *each = &check_cases[i];
        struct handshake_config config = recorder_key_host;
        struct handshake handshake = {.config = NULL};
        struct wire_bye bye = {0};
        char *line;
        size_t len;
        int result;

        config.method = each->method;
        assert_int_equal(handshake_hello_line(&handshake, &config, &line, &len), 0);
        free(line);
        result = handshake_take_hello(&handshake, each->line, strlen(each->line), &bye);
        if (result != each->expected) {
            fail_msg("%s: %s instead of %s", each->name, error_text(result),
                     error_text(each->expected));
        }
        if (result == 0) {
            assert_int_equal(handshake.peer.role, WIRE_ROLE_GUEST);
            assert_string_equal(handshake.peer.run, "fedcba9876543210");
            continue;
        }
        assert_string_equal(bye.code, each->code);
        assert_non_null(strstr(bye.message, each->message));
        assert_int_equal(handshake.peer.protocol, 0);
    }
}

static void our_hello_is_one_the_other_side_takes(void **state)
{
    struct handshake host = {.config = NULL};
    struct handshake guest = {.config = NULL};
    struct wire_bye bye;
    char *line;
    char *other;
    size_t len;
    size_t other_len;

    (void)state;
    assert_int_equal(handshake_hello_line(&host, &recorder_host, &line, &len), 0);
    assert_int_equal(handshake_hello_line(&guest, &recorder_guest, &other, &other_len), 0);
    assert_int_equal(line[len - 1], '\n');
    assert_int_equal(handshake_take_hello(&guest, line, len - 1, &bye), 0);
    assert_int_equal(guest.peer.role, WIRE_ROLE_HOST);
    assert_int_equal(guest.peer.protocol, WIRE_PROTOCOL_VERSION);
    assert_string_equal(guest.peer.run, recorder_host.run);
    assert_non_null(strstr(guest.peer.agent, "ttyferry "));
    free(line);
    free(other);
}

/* Both ends of a handshake by key, and what each has said. */
struct pair {
    struct handshake host;
    struct handshake guest;
    char *lines[4]; /* the host's hello and proof, the guest's */
    size_t lens[4]; /* without LF */
    char reason[HANDSHAKE_REASON_SIZE];
};

enum { HOST_HELLO, HOST_PROOF, GUEST_HELLO, GUEST_PROOF };

static void keep(struct pair *pair, int which, char *line, size_t len)
{
    pair->lines[which] = line;
    pair->lens[which] = len - 1;
}

static void greet(struct pair *pair, const struct handshake_config *host)
{
    struct wire_bye bye;
    char *line;
    size_t len;

    memset(pair, 0, sizeof *pair);
    assert_int_equal(handshake_hello_line(&pair->host, host, &line, &len), 0);
    keep(pair, HOST_HELLO, line, len);
    assert_int_equal(handshake_hello_line(&pair->guest, &recorder_key_guest, &line, &len), 0);
    keep(pair, GUEST_HELLO, line, len);
    assert_int_equal(
        handshake_take_hello(&pair->guest, pair->lines[HOST_HELLO], pair->lens[HOST_HELLO], &bye),
        0);
    assert_int_equal(
        handshake_take_hello(&pair->host, pair->lines[GUEST_HELLO], pair->lens[GUEST_HELLO], &bye),
        0);
}

static void prove(struct pair *pair)
{
    char *line;
    size_t len;

    assert_int_equal(handshake_proof_line(&pair->host, &line, &len, pair->reason), 0);
    keep(pair, HOST_PROOF, line, len);
    assert_int_equal(handshake_proof_line(&pair->guest, &line, &len, pair->reason), 0);
    keep(pair, GUEST_PROOF, line, len);
}

static void finish(struct pair *pair)
{
    for (size_t i = 0; i < 4; i++) {
        free(pair->lines[i]);
    }
}

static int take(struct handshake *handshake, const struct pair *from, int which,
                struct wire_bye *bye)
{
    return handshake_take_proof(handshake, from->lines[which], from->lens[which], bye);
}

static void the_same_key_is_proven_both_ways(void **state)
{
    struct pair pair;
    struct wire_bye bye;

    (void)state;
    recorder_renew_keys();
    greet(&pair, &recorder_key_host);
    prove(&pair);
    assert_int_equal(take(&pair.guest, &pair, HOST_PROOF, &bye), 0);
    assert_int_equal(take(&pair.host, &pair, GUEST_PROOF, &bye), 0);
    finish(&pair);
}

static void a_wrong_key_is_refused_with_the_remedy(void **state)
{
    struct pair pair;
    struct wire_bye bye;

    (void)state;
    recorder_renew_keys();
    recorder_guest_key.key.bytes[LINK_KEY_BYTES - 1] ^= 1; /* one bit */
    greet(&pair, &recorder_key_host);
    prove(&pair);
    assert_int_equal(take(&pair.guest, &pair, HOST_PROOF, &bye), ERR_AUTH);
    assert_string_equal(bye.code, "auth");
    assert_non_null(strstr(bye.message, "pair --renew"));
    assert_int_equal(take(&pair.host, &pair, GUEST_PROOF, &bye), ERR_AUTH);
    finish(&pair);
}

static void a_proof_of_an_earlier_session_is_refused(void **state)
{
    struct pair earlier;
    struct pair pair;
    struct wire_bye bye;

    (void)state;
    recorder_renew_keys();
    greet(&earlier, &recorder_key_host);
    prove(&earlier);
    greet(&pair, &recorder_key_host);
    prove(&pair);
    assert_int_equal(take(&pair.guest, &earlier, HOST_PROOF, &bye), ERR_AUTH);
    assert_int_equal(take(&pair.host, &earlier, GUEST_PROOF, &bye), ERR_AUTH);
    finish(&earlier);
    finish(&pair);
}

static void a_reflected_proof_is_refused(void **state)
{
    struct pair pair;
    struct wire_bye bye;

    (void)state;
    recorder_renew_keys();
    greet(&pair, &recorder_key_host);
    prove(&pair);
    assert_int_equal(take(&pair.host, &pair, HOST_PROOF, &bye), ERR_AUTH);
    assert_int_equal(take(&pair.guest, &pair, GUEST_PROOF, &bye), ERR_AUTH);
    finish(&pair);
}

/* Who mirrors our nonce as its own and our proof as its own knows no more than before. */
static void a_reflected_nonce_proves_nothing(void **state)
{
    struct handshake guest = {.config = NULL};
    struct wire_hello mirrored;
    char reason[HANDSHAKE_REASON_SIZE];
    struct wire_bye bye;
    char *line;
    size_t len;

    (void)state;
    recorder_renew_keys();
    assert_int_equal(handshake_hello_line(&guest, &recorder_key_guest, &line, &len), 0);
    free(line);
    mirrored = guest.ours;
    mirrored.role = WIRE_ROLE_HOST;
    assert_int_equal(wire_hello_to_line(&mirrored, &line, &len), 0);
    assert_int_equal(handshake_take_hello(&guest, line, len - 1, &bye), 0);
    free(line);
    assert_int_equal(handshake_proof_line(&guest, &line, &len, reason), 0);
    assert_int_equal(handshake_take_proof(&guest, line, len - 1, &bye), ERR_AUTH);
    free(line);
}

/* The proof covers what the connection is for: it can't be taken for another one. */
static void a_proof_for_another_import_is_refused(void **state)
{
    struct handshake_config config = recorder_key_host;
    struct pair pair;
    struct wire_bye bye;

    (void)state;
    recorder_renew_keys();
    config.import = "00112233445566ff";
    greet(&pair, &config);
    assert_string_equal(pair.guest.peer.import, config.import);
    prove(&pair);
    assert_int_equal(take(&pair.guest, &pair, HOST_PROOF, &bye), 0);
    strcpy(pair.guest.peer.import, "");
    free(pair.lines[GUEST_PROOF]);
    char *line;
    size_t len;
    assert_int_equal(handshake_proof_line(&pair.guest, &line, &len, pair.reason), 0);
    keep(&pair, GUEST_PROOF, line, len);
    assert_int_equal(take(&pair.guest, &pair, HOST_PROOF, &bye), ERR_AUTH);
    assert_int_equal(take(&pair.host, &pair, GUEST_PROOF, &bye), ERR_AUTH);
    finish(&pair);
}

static void nonces_never_repeat(void **state)
{
    struct pair a;
    struct pair b;

    (void)state;
    greet(&a, &recorder_key_host);
    greet(&b, &recorder_key_host);
    assert_string_not_equal(a.host.ours.nonce, b.host.ours.nonce);
    assert_string_not_equal(a.host.ours.nonce, a.guest.ours.nonce);
    finish(&a);
    finish(&b);
}

static void a_proof_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *line;
        int error;
        const char *code;
    } cases[] = {
        {"", ERR_INVALID, "invalid"},
        {"{\"type\":\"snapshot_begin\"}", ERR_INVALID, "invalid"},
        {"{\"type\":\"proof\"}", ERR_INVALID, "invalid"},
        {"{\"type\":\"proof\",\"mac\":\"000102030405060708090a0b0c0d0e0f\"}", ERR_INVALID,
         "invalid"},
        {"{\"type\":\"proof\",\"mac\":\"" NONCE "\"}", ERR_AUTH, "auth"},
        {"{\"type\":\"bye\",\"code\":\"auth\",\"message\":\"no\"}", ERR_CLOSED, "auth"},
    };
    struct wire_bye bye;
    struct pair pair;

    (void)state;
    recorder_renew_keys();
    greet(&pair, &recorder_key_host);
    prove(&pair);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            handshake_take_proof(&pair.host, cases[i].line, strlen(cases[i].line), &bye),
            cases[i].error);
        assert_string_equal(bye.code, cases[i].code);
    }
    finish(&pair);
}

static void a_key_that_cannot_be_read_is_told(void **state)
{
    struct pair pair;
    char *line = NULL;
    size_t len;

    (void)state;
    recorder_renew_keys();
    recorder_host_key.error = ERR_NOT_FOUND;
    greet(&pair, &recorder_key_host);
    assert_int_equal(handshake_proof_line(&pair.host, &line, &len, pair.reason), ERR_AUTH);
    assert_null(line);
    assert_non_null(strstr(pair.reason, "/secret/place"));
    finish(&pair);
}

/* The bytes that docs/protocol.md describes, by Python's hmac: the label, then each field with two
 * bytes of length before it. */
static void the_proof_is_what_the_protocol_says(void **state)
{
    struct handshake host = {.config = NULL};
    char reason[HANDSHAKE_REASON_SIZE];
    struct wire_proof proof;
    struct wire_bye bye;
    char *line;
    size_t len;

    (void)state;
    recorder_renew_keys();
    memset(recorder_host_key.key.bytes, 7, LINK_KEY_BYTES);
    assert_int_equal(handshake_hello_line(&host, &recorder_key_host, &line, &len), 0);
    free(line);
    host.peer = host.ours;
    host.peer.role = WIRE_ROLE_GUEST;
    memset(host.ours.nonce, '1', WIRE_NONCE_SIZE - 1);
    memset(host.peer.nonce, '2', WIRE_NONCE_SIZE - 1);
    assert_int_equal(handshake_proof_line(&host, &line, &len, reason), 0);
    assert_int_equal(wire_proof_from_line(line, len, &proof, &bye), 0);
    assert_string_equal(proof.mac, EXPECTED_MAC);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_answers_each_first_line),
        cmocka_unit_test(our_hello_is_one_the_other_side_takes),
        cmocka_unit_test(the_same_key_is_proven_both_ways),
        cmocka_unit_test(a_wrong_key_is_refused_with_the_remedy),
        cmocka_unit_test(a_proof_of_an_earlier_session_is_refused),
        cmocka_unit_test(a_reflected_proof_is_refused),
        cmocka_unit_test(a_reflected_nonce_proves_nothing),
        cmocka_unit_test(a_proof_for_another_import_is_refused),
        cmocka_unit_test(nonces_never_repeat),
        cmocka_unit_test(a_proof_that_is_none_is_refused),
        cmocka_unit_test(a_key_that_cannot_be_read_is_told),
        cmocka_unit_test(the_proof_is_what_the_protocol_says),
    };

    link_process_init();
    return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
