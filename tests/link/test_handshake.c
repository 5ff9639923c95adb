#include "shared/link/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"

#define RUN "0123456789abcdef"

#define HELLO(protocol, role, method)                                                              \
    "{\"type\":\"hello\",\"protocol\":" protocol ",\"role\":\"" role                               \
    "\",\"agent\":\"ttyferry 9.9\",\"run\":\"fedcba9876543210\",\"auth\":{\"method\":\"" method    \
    "\"}}"

struct check_case {
    const char *name;
    const char *line;
    bool refuse_unauthenticated;
    int expected;
    const char *code;    /* of the bye, when refused */
    const char *message; /* a part of it */
};

static const struct check_case check_cases[] = {
    {"the other role", HELLO("1", "guest", "none"), false, 0, NULL, NULL},
    {"another version", HELLO("2", "guest", "none"), false, ERR_VERSION, "version", "peer 2"},
    {"the same role", HELLO("1", "host", "none"), false, ERR_INVALID, "role", "host agents"},
    {"an unknown method", HELLO("1", "guest", "hmac-sha256"), false, ERR_AUTH, "auth", "update"},
    {"no authentication where it is not allowed", HELLO("1", "guest", "none"), true, ERR_AUTH,
     "auth", "\"none\""},
    {"an HTTP request", "GET / HTTP/1.1", false, ERR_INVALID, "invalid", "hello"},
    {"an empty line", "", false, ERR_INVALID, "invalid", "hello"},
    {"invalid UTF-8", "{\"type\":\"hello\",\"agent\":\"\xff\"}", false, ERR_INVALID, "invalid",
     "hello"},
    {"a message before the hello", "{\"type\":\"snapshot_begin\"}", false, ERR_INVALID, "invalid",
     "hello"},
    {"a bye", "{\"type\":\"bye\",\"code\":\"busy\",\"message\":\"later\"}", false, ERR_CLOSED,
     "busy", "later"},
};

static void check_answers_each_first_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof check_cases / sizeof check_cases[0]; i++) {
        const struct check_case *each = &check_cases[i];
        const struct handshake_config config = {
            .role = WIRE_ROLE_HOST,
            .run = RUN,
            .allow_unauthenticated = !each->refuse_unauthenticated,
        };
        struct wire_hello peer = {0};
        struct wire_bye bye = {0};
        int result = handshake_check(&config, each->line, strlen(each->line), &peer, &bye);

        if (result != each->expected) {
            fail_msg("%s: %s instead of %s", each->name, error_name(result),
                     error_name(each->expected));
        }
        if (result == 0) {
            assert_int_equal(peer.role, WIRE_ROLE_GUEST);
            assert_string_equal(peer.run, "fedcba9876543210");
            continue;
        }
        assert_string_equal(bye.code, each->code);
        assert_non_null(strstr(bye.message, each->message));
        assert_int_equal(peer.protocol, 0);
    }
}

static void our_hello_is_one_the_other_side_takes(void **state)
{
    const struct handshake_config host = {
        .role = WIRE_ROLE_HOST, .run = RUN, .allow_unauthenticated = true};
    const struct handshake_config guest = {
        .role = WIRE_ROLE_GUEST, .run = RUN, .allow_unauthenticated = true};
    struct wire_hello peer;
    struct wire_bye bye;
    char *line;
    size_t len;

    (void)state;
    assert_int_equal(handshake_hello_line(&host, &line, &len), 0);
    assert_int_equal(line[len - 1], '\n');
    assert_int_equal(handshake_check(&guest, line, len - 1, &peer, &bye), 0);
    assert_int_equal(peer.role, WIRE_ROLE_HOST);
    assert_int_equal(peer.protocol, WIRE_PROTOCOL_VERSION);
    assert_string_equal(peer.run, RUN);
    assert_non_null(strstr(peer.agent, "ttyferry "));
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_answers_each_first_line),
        cmocka_unit_test(our_hello_is_one_the_other_side_takes),
    };

    return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
