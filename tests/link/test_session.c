#include "shared/link/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/link/recorder.h"
#include "tests/link/rig.h"

#define GUEST_HELLO                                                                                \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"guest\",\"agent\":\"raw\","                     \
    "\"run\":\"cccccccccccccccc\",\"auth\":{\"method\":\"none\"}}\n"

#define NONCE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_HELLO                                                                                  \
    "{\"type\":\"hello\",\"protocol\":1,\"role\":\"guest\",\"agent\":\"raw\","                     \
    "\"run\":\"cccccccccccccccc\",\"auth\":{\"method\":\"hmac-sha256\",\"nonce\":\"" NONCE         \
    "\"}}\n"

struct pair {
    struct recorder us;
    struct session *session;
    struct peer peer;
};

static void open_with(struct rig *rig, struct pair *pair, const struct handshake_config *config)
{
    memset(pair, 0, sizeof *pair);
    assert_int_equal(session_create(&rig->loop, rig->kind, config, &recorder_callbacks, &pair->us,
                                    &pair->session),
                     0);
    peer_open(rig, &pair->peer, session_stream(pair->session), session_writer(pair->session));
    assert_int_equal(session_start(pair->session), 0);
}

static void open_pair(struct rig *rig, struct pair *pair)
{
    open_with(rig, pair, &recorder_host);
}

static void open_up(struct rig *rig, struct pair *pair)
{
    open_pair(rig, pair);
    peer_send(&pair->peer, GUEST_HELLO);
    rig_run_until(rig, &pair->us.up);
}

static void expect_closed(struct rig *rig, struct pair *pair, bool was_up, int error)
{
    /* A peer that has read our bye closes, and is not waited for any longer then. */
    if (pair->peer.ended) {
        peer_close(rig, &pair->peer);
    }
    rig_run_until(rig, &pair->us.closed);
    if (!pair->peer.closed) {
        peer_close(rig, &pair->peer);
    }
    rig_turn(rig);
    assert_int_equal(pair->us.closed_count, 1);
    assert_int_equal(pair->us.was_up, was_up);
    assert_int_equal(pair->us.error, error);
    assert_true(pair->us.reason[0] != '\0');
}

/* The peer reads to the end, says nothing more, and must have been told `code`. */
static void expect_bye(struct rig *rig, struct pair *pair, const char *code, int error)
{
    char expected[64] = "\"code\":\"";

    rig_run_until(rig, &pair->peer.ended);
    strcat(strcat(expected, code), "\"");
    assert_non_null(strstr(pair->peer.received, "\"type\":\"hello\""));
    assert_non_null(strstr(pair->peer.received, "\"type\":\"bye\""));
    assert_non_null(strstr(pair->peer.received, expected));
    peer_hang_up(&pair->peer);
    rig_run_until(rig, &pair->us.closed);
    free(pair->peer.received);
    assert_false(pair->us.was_up);
    assert_int_equal(pair->us.error, error);
    assert_int_equal(pair->us.closed_count, 1);
}

static void two_sessions_come_up_and_talk(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_up(rig, &pair);
    assert_string_equal(pair.us.peer.run, "cccccccccccccccc");
    assert_int_equal(session_write(pair.session, "to the peer\n", 12), 0);
    peer_send(&pair.peer, "to us\n");
    rig_run_until_count(rig, &pair.us.line_count, 1);
    assert_string_equal(pair.us.last_line, "to us");
    while (!pair.peer.received || !strstr(pair.peer.received, "to the peer\n")) {
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
    session_close(pair.session, ERR_CANCELLED);
    session_close(pair.session, ERR_IO);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void lines_right_behind_the_hello_are_kept(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    peer_send(&pair.peer, GUEST_HELLO "first\nsecond\n");
    rig_run_until_count(rig, &pair.us.line_count, 2);
    assert_string_equal(pair.us.last_line, "second");
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void a_line_of_64_kib_is_taken(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    static char line[SESSION_LINE_MAX + 1];

    open_up(rig, &pair);
    memset(line, 'x', SESSION_LINE_MAX);
    line[SESSION_LINE_MAX] = '\n';
    peer_send_bytes(&pair.peer, line, sizeof line);
    rig_run_until_count(rig, &pair.us.line_count, 1);
    assert_int_equal(strlen(pair.us.last_line), SESSION_LINE_MAX);
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void a_line_over_64_kib_ends_the_session(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    static char line[SESSION_LINE_MAX + 2];

    open_up(rig, &pair);
    memset(line, 'x', sizeof line);
    line[SESSION_LINE_MAX + 1] = '\n';
    peer_send_bytes(&pair.peer, line, sizeof line);
    expect_closed(rig, &pair, true, ERR_TOO_LONG);
    assert_int_equal(pair.us.line_count, 0);
}

static void half_a_line_then_close_ends_the_session(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_up(rig, &pair);
    peer_send(&pair.peer, "whole\n{\"type\":\"arri");
    rig_run_until_count(rig, &pair.us.line_count, 1);
    peer_end_writing(&pair.peer);
    rig_turn(rig);
    expect_closed(rig, &pair, true, ERR_INVALID);
    assert_int_equal(pair.us.line_count, 1);
}

static void garbage_instead_of_hello_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    peer_send(&pair.peer, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect_bye(rig, &pair, "invalid", ERR_INVALID);
}

static void invalid_json_instead_of_hello_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    peer_send(&pair.peer, "{\"type\":\"hello\",\"protocol\":1,}\n");
    expect_bye(rig, &pair, "invalid", ERR_INVALID);
}

static void invalid_utf8_instead_of_hello_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    peer_send(&pair.peer, "{\"type\":\"hello\",\"protocol\":1,\"agent\":\"\xc0\xaf\"}\n");
    expect_bye(rig, &pair, "invalid", ERR_INVALID);
}

static void deep_nesting_instead_of_hello_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    static char line[SESSION_UNPROVEN_LINE_MAX + 1];

    open_pair(rig, &pair);
    memset(line, '[', SESSION_UNPROVEN_LINE_MAX);
    memcpy(line, "{\"type\":", 8);
    line[SESSION_UNPROVEN_LINE_MAX] = '\n';
    peer_send_bytes(&pair.peer, line, sizeof line);
    expect_bye(rig, &pair, "invalid", ERR_INVALID);
}

static void a_message_before_the_hello_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    peer_send(&pair.peer, "{\"type\":\"snapshot_begin\"}\n" GUEST_HELLO);
    expect_bye(rig, &pair, "invalid", ERR_INVALID);
}

static void an_endless_first_line_ends_the_session(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    static char line[SESSION_LINE_MAX + 1];

    open_pair(rig, &pair);
    memset(line, 'x', sizeof line);
    peer_send_bytes(&pair.peer, line, sizeof line);
    expect_closed(rig, &pair, false, ERR_TOO_LONG);
}

/* A hello of just so many bytes, filled up with a member that nobody knows. */
static void send_hello_of(struct peer *peer, size_t len)
{
    static char line[SESSION_LINE_MAX];
    size_t used = (size_t)snprintf(line, sizeof line, "{\"filling\":\"");

    memset(line + used, 'x', len - used);
    used = len + 1 - strlen("\"," GUEST_HELLO) + 1; /* without its brace */
    snprintf(line + used, sizeof line - used, "\",%s", GUEST_HELLO + 1);
    assert_int_equal(strlen(line), len + 1);
    peer_send(peer, line);
}

static void a_hello_of_4_kib_is_taken(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    send_hello_of(&pair.peer, SESSION_UNPROVEN_LINE_MAX);
    rig_run_until(rig, &pair.us.up);
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void a_hello_of_one_byte_more_ends_the_session(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    send_hello_of(&pair.peer, SESSION_UNPROVEN_LINE_MAX + 1);
    expect_closed(rig, &pair, false, ERR_TOO_LONG);
    assert_false(pair.us.up);
}

static void another_version_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    peer_send(&pair.peer, "{\"type\":\"hello\",\"protocol\":7,\"role\":\"guest\",\"agent\":\"x\","
                          "\"run\":\"cccccccccccccccc\",\"auth\":{\"method\":\"none\"}}\n");
    expect_bye(rig, &pair, "version", ERR_VERSION);
    assert_non_null(strstr(pair.us.reason, "7"));
}

static void the_same_role_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_with(rig, &pair, &recorder_guest);
    peer_send(&pair.peer, GUEST_HELLO);
    expect_bye(rig, &pair, "role", ERR_INVALID);
}

static void an_unauthenticated_peer_is_refused_by_default(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    recorder_renew_keys();
    open_with(rig, &pair, &recorder_key_host);
    peer_send(&pair.peer, GUEST_HELLO);
    expect_bye(rig, &pair, "auth", ERR_AUTH);
    assert_int_equal(recorder_host_key.read_count, 0);
}

static void a_key_is_refused_where_none_is_configured(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    peer_send(&pair.peer, KEY_HELLO);
    expect_bye(rig, &pair, "auth", ERR_AUTH);
    assert_non_null(strstr(pair.us.reason, "wants a key"));
}

/* Two sessions of ours, with a byte pump between them that the loop drives. */
struct couple {
    struct pair host;
    struct pair guest;
    size_t host_passed;
    size_t guest_passed;
};

static void pass_on(struct couple *couple)
{
    struct peer *from = &couple->host.peer;
    struct peer *to = &couple->guest.peer;

    if (from->received_len > couple->host_passed) {
        peer_send_bytes(to, from->received + couple->host_passed,
                        from->received_len - couple->host_passed);
        couple->host_passed = from->received_len;
    }
    if (to->received_len > couple->guest_passed) {
        peer_send_bytes(from, to->received + couple->guest_passed,
                        to->received_len - couple->guest_passed);
        couple->guest_passed = to->received_len;
    }
}

static void open_couple(struct rig *rig, struct couple *couple)
{
    memset(couple, 0, sizeof *couple);
    open_with(rig, &couple->host, &recorder_key_host);
    open_with(rig, &couple->guest, &recorder_key_guest);
}

static void run_couple(struct rig *rig, struct couple *couple, const bool *a, const bool *b)
{
    while (!*a || !*b) {
        uv_run(&rig->loop, UV_RUN_ONCE);
        pass_on(couple);
    }
}

static void close_couple(struct rig *rig, struct couple *couple)
{
    session_close(couple->host.session, ERR_CANCELLED);
    session_close(couple->guest.session, ERR_CANCELLED);
    expect_closed(rig, &couple->host, true, ERR_CANCELLED);
    expect_closed(rig, &couple->guest, true, ERR_CANCELLED);
}

static void two_sessions_with_the_same_key_come_up(void **state)
{
    struct rig *rig = *state;
    static struct couple couple;

    recorder_renew_keys();
    open_couple(rig, &couple);
    run_couple(rig, &couple, &couple.host.us.up, &couple.guest.us.up);
    assert_string_equal(couple.guest.us.peer.run, recorder_key_host.run);
    assert_int_equal(session_write(couple.host.session, "to the guest\n", 13), 0);
    while (couple.guest.us.line_count == 0) {
        uv_run(&rig->loop, UV_RUN_ONCE);
        pass_on(&couple);
    }
    assert_string_equal(couple.guest.us.last_line, "to the guest");
    close_couple(rig, &couple);
}

/* Neither end is opened anew for it but the session itself: the key is read at each handshake. */
static void a_renewed_key_counts_from_the_next_handshake_on(void **state)
{
    struct rig *rig = *state;
    static struct couple couple;

    for (size_t i = 0; i < 3; i++) {
        recorder_renew_keys();
        open_couple(rig, &couple);
        run_couple(rig, &couple, &couple.host.us.up, &couple.guest.us.up);
        assert_int_equal(recorder_host_key.read_count, 1);
        close_couple(rig, &couple);
    }
}

static void different_keys_are_refused_by_both_with_the_remedy(void **state)
{
    struct rig *rig = *state;
    static struct couple couple;

    recorder_renew_keys();
    link_key_generate(&recorder_guest_key.key);
    open_couple(rig, &couple);
    run_couple(rig, &couple, &couple.host.peer.ended, &couple.guest.peer.ended);
    expect_closed(rig, &couple.host, false, ERR_AUTH);
    expect_closed(rig, &couple.guest, false, ERR_AUTH);
    assert_non_null(strstr(couple.host.us.reason, "pair --renew"));
    assert_non_null(strstr(couple.guest.us.reason, "pair --renew"));
}

static void await_proof(struct rig *rig, struct pair *pair)
{
    while (!pair->peer.received || !strstr(pair->peer.received, "\"proof\"")) {
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
}

static void expect_refused_proof(struct rig *rig, const char *proof, const char *code, int error)
{
    static struct pair pair;

    recorder_renew_keys();
    open_with(rig, &pair, &recorder_key_host);
    peer_send(&pair.peer, KEY_HELLO);
    await_proof(rig, &pair);
    assert_false(pair.us.up);
    peer_send(&pair.peer, proof);
    peer_send(&pair.peer, "not for us\n");
    expect_bye(rig, &pair, code, error);
    assert_int_equal(pair.us.line_count, 0);
}

static void a_wrong_proof_is_refused(void **state)
{
    expect_refused_proof(*state, "{\"type\":\"proof\",\"mac\":\"" NONCE "\"}\n", "auth", ERR_AUTH);
}

static void another_line_instead_of_the_proof_is_refused(void **state)
{
    expect_refused_proof(*state, "{\"type\":\"ready\"}\n", "invalid", ERR_INVALID);
    expect_refused_proof(*state, WIRE_HEARTBEAT "\n", "invalid", ERR_INVALID);
    expect_refused_proof(*state, KEY_HELLO, "invalid", ERR_INVALID);
    expect_refused_proof(*state, "{\"type\":\"proof\",\"mac\":\"00\"}\n", "invalid", ERR_INVALID);
}

static void our_own_proof_sent_back_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    char proof[256];

    recorder_renew_keys();
    open_with(rig, &pair, &recorder_key_host);
    peer_send(&pair.peer, KEY_HELLO);
    await_proof(rig, &pair);
    snprintf(proof, sizeof proof, "%s", strstr(pair.peer.received, "{\"type\":\"proof\""));
    peer_send(&pair.peer, proof);
    expect_bye(rig, &pair, "auth", ERR_AUTH);
}

static void half_a_proof_runs_into_the_deadline(void **state)
{
    struct handshake_config config = recorder_key_host;
    struct rig *rig = *state;
    static struct pair pair;

    recorder_renew_keys();
    config.deadline_ms = 1000; /* Long enough for the hello to get through on a busy machine. */
    open_with(rig, &pair, &config);
    peer_send(&pair.peer, KEY_HELLO "{\"type\":\"pro");
    await_proof(rig, &pair);
    expect_bye(rig, &pair, "timeout", ERR_TIMEOUT);
    assert_non_null(strstr(pair.us.reason, "prove"));
}

/* The hello does not start it anew. */
static void one_deadline_bounds_the_whole_handshake(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    recorder_renew_keys();
    open_with(rig, &pair, &recorder_key_host);
    uv_sleep(5);
    peer_send(&pair.peer, KEY_HELLO);
    await_proof(rig, &pair);
    assert_in_range(rig_timer_due_ms(rig), 0, SESSION_HANDSHAKE_MS - 5);
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, false, ERR_CANCELLED);
    assert_non_null(strstr(pair.us.reason, "before the peer's proof"));
}

static void a_proof_over_4_kib_ends_the_session(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    static char line[SESSION_UNPROVEN_LINE_MAX + 2];

    recorder_renew_keys();
    open_with(rig, &pair, &recorder_key_host);
    peer_send(&pair.peer, KEY_HELLO);
    await_proof(rig, &pair);
    memset(line, 'x', sizeof line - 1);
    peer_send(&pair.peer, line);
    expect_closed(rig, &pair, false, ERR_TOO_LONG);
}

static void a_key_that_cannot_be_read_is_told_here_alone(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    recorder_renew_keys();
    recorder_host_key.error = ERR_DENIED;
    open_with(rig, &pair, &recorder_key_host);
    peer_send(&pair.peer, KEY_HELLO);
    rig_run_until(rig, &pair.peer.ended);
    assert_null(strstr(pair.peer.received, "/secret/place"));
    expect_bye(rig, &pair, "auth", ERR_AUTH);
    assert_non_null(strstr(pair.us.reason, "/secret/place"));
}

static void a_probe_is_answered_by_any_line(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_up(rig, &pair);
    assert_int_equal(session_probe(pair.session), 0);
    assert_int_equal(session_probe(pair.session), 0);
    while (!strstr(pair.peer.received, WIRE_PING "\n")) {
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
    assert_int_equal(pair.us.probed_count, 0);
    peer_send(&pair.peer, "anything\n");
    rig_run_until_count(rig, &pair.us.probed_count, 1);
    assert_true(pair.us.answers);
    rig_run_until_count(rig, &pair.us.line_count, 1);
    peer_send(&pair.peer, "more\n");
    rig_run_until_count(rig, &pair.us.line_count, 2);
    assert_int_equal(pair.us.probed_count, 1);
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void a_probe_without_an_answer_is_told_and_ends_nothing(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_up(rig, &pair);
    assert_int_equal(session_probe(pair.session), 0);
    rig_run_until_count(rig, &pair.us.probed_count, 1);
    assert_false(pair.us.answers);
    assert_false(pair.us.closed);
    session_close(pair.session, ERR_CANCELLED);
    assert_int_equal(session_probe(pair.session), ERR_CLOSED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void a_ping_is_answered_at_once_and_never_handed_on(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_up(rig, &pair);
    while (!strstr(pair.peer.received, WIRE_HEARTBEAT)) {
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
    peer_send(&pair.peer, WIRE_PING "\nto us\n");
    while (!strstr(pair.peer.received, WIRE_HEARTBEAT "\n" WIRE_HEARTBEAT "\n")) {
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
    rig_run_until_count(rig, &pair.us.line_count, 1);
    assert_string_equal(pair.us.last_line, "to us");
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void a_silent_peer_runs_into_the_deadline(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    struct handshake_config config = recorder_host;

    config.deadline_ms = 20;
    open_with(rig, &pair, &config);
    expect_bye(rig, &pair, "timeout", ERR_TIMEOUT);
}

static void a_hello_that_trickles_runs_into_the_deadline(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    struct handshake_config config = recorder_host;

    config.deadline_ms = 20;
    open_with(rig, &pair, &config);
    peer_send(&pair.peer, "{\"type\":\"hel");
    expect_bye(rig, &pair, "timeout", ERR_TIMEOUT);
}

static void the_deadline_is_over_once_the_session_is_up(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    assert_int_equal(rig_timer_due_ms(rig), SESSION_HANDSHAKE_MS);
    peer_send(&pair.peer, GUEST_HELLO);
    rig_run_until(rig, &pair.us.up);
    assert_in_range(rig_timer_due_ms(rig), 0, SESSION_HEARTBEAT_MS);
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void open_beating(struct rig *rig, struct pair *pair, struct handshake_config *config)
{
    *config = recorder_host;
    config->heartbeat_ms = 5;
    open_with(rig, pair, config);
    peer_send(&pair->peer, GUEST_HELLO);
    rig_run_until(rig, &pair->us.up);
}

static void a_heartbeat_is_sent_and_never_handed_on(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    struct handshake_config config;

    open_beating(rig, &pair, &config);
    while (!strstr(pair.peer.received, WIRE_HEARTBEAT "\n" WIRE_HEARTBEAT "\n")) {
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
    peer_send(&pair.peer, WIRE_HEARTBEAT "\nto us\n");
    rig_run_until_count(rig, &pair.us.line_count, 1);
    assert_string_equal(pair.us.last_line, "to us");
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void a_peer_whose_heartbeat_ends_is_let_go(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    struct handshake_config config;

    open_beating(rig, &pair, &config);
    peer_send(&pair.peer, WIRE_HEARTBEAT "\n");
    expect_closed(rig, &pair, true, ERR_TIMEOUT);
    assert_non_null(strstr(pair.us.reason, "silent"));
}

/* Ten of our heartbeats go by, more than a peer that has one may miss. */
static void a_peer_without_a_heartbeat_may_be_silent(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    struct handshake_config config;
    size_t len = 10 * (sizeof WIRE_HEARTBEAT "\n" - 1);

    open_beating(rig, &pair, &config);
    while (strlen(strstr(pair.peer.received, "\n") + 1) < len) {
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
    assert_false(pair.us.closed);
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

/* The machine at this end stands still, as in sleep; what the peer said meanwhile lies there. */
static void standing_still_is_a_gap_and_no_end(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    struct handshake_config config;

    open_beating(rig, &pair, &config);
    peer_send(&pair.peer, WIRE_HEARTBEAT "\n");
    rig_turn(rig);
    uv_sleep(100);
    peer_send(&pair.peer, "still here\n");
    rig_run_until_count(rig, &pair.us.line_count, 1);
    assert_true(pair.us.gap_count > 0);
    assert_false(pair.us.closed);
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void a_peer_killed_during_the_handshake_is_let_go(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    peer_hang_up(&pair.peer);
    rig_run_until(rig, &pair.us.closed);
    free(pair.peer.received);
    assert_false(pair.us.was_up);
    assert_int_equal(pair.us.error, ERR_CLOSED);
    assert_non_null(strstr(pair.us.reason, "before the peer's hello"));
}

static void half_a_hello_then_close_is_invalid(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    peer_send(&pair.peer, "{\"type\":\"hel");
    peer_end_writing(&pair.peer);
    expect_closed(rig, &pair, false, ERR_INVALID);
}

static void a_bye_instead_of_hello_is_understood(void **state)
{
    static const struct {
        const char *line;
        int error;
    } cases[] = {
        {"{\"type\":\"bye\",\"code\":\"version\",\"message\":\"update yours\"}\n", ERR_VERSION},
        {"{\"type\":\"bye\",\"code\":\"auth\",\"message\":\"update yours\"}\n", ERR_AUTH},
        {"{\"type\":\"bye\",\"code\":\"busy\",\"message\":\"update yours\"}\n", ERR_CLOSED},
    };
    struct rig *rig = *state;
    static struct pair pair;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_pair(rig, &pair);
        peer_send(&pair.peer, cases[i].line);
        expect_closed(rig, &pair, false, cases[i].error);
        assert_non_null(strstr(pair.us.reason, "update yours"));
    }
}

static void a_bye_after_the_handshake_is_a_line(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_up(rig, &pair);
    peer_send(&pair.peer, "{\"type\":\"bye\",\"code\":\"shutdown\",\"message\":\"m\"}\n");
    rig_run_until_count(rig, &pair.us.line_count, 1);
    assert_non_null(strstr(pair.us.last_line, "shutdown"));
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
}

static void our_bye_reaches_the_peer_before_the_end(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_up(rig, &pair);
    session_bye(pair.session, "shutdown", "good night");
    session_bye(pair.session, "shutdown", "again");
    assert_int_equal(session_write(pair.session, "late\n", 5), ERR_CLOSED);
    peer_send(&pair.peer, "one that was under way\n");
    rig_run_until(rig, &pair.peer.ended);
    assert_non_null(strstr(pair.peer.received, "good night"));
    assert_null(strstr(pair.peer.received, "again"));
    assert_null(strstr(pair.peer.received, "late"));
    expect_closed(rig, &pair, true, ERR_CANCELLED);
    assert_int_equal(pair.us.line_count, 0);
}

static void a_bye_inside_on_line_ends_the_lines(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_up(rig, &pair);
    pair.us.bye_on_line = true;
    peer_send(&pair.peer, "one\ntwo\nthree\n");
    rig_run_until(rig, &pair.peer.ended);
    expect_closed(rig, &pair, true, ERR_CANCELLED);
    assert_int_equal(pair.us.line_count, 1);
}

static void closing_inside_on_up_is_safe(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    pair.us.close_on_up = true;
    peer_send(&pair.peer, GUEST_HELLO "line\n");
    expect_closed(rig, &pair, true, ERR_CANCELLED);
    assert_int_equal(pair.us.line_count, 0);
}

static void writing_before_the_handshake_is_refused(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    open_pair(rig, &pair);
    assert_int_equal(session_write(pair.session, "early\n", 6), ERR_CLOSED);
    assert_false(pair.us.closed);
    session_close(pair.session, ERR_CANCELLED);
    expect_closed(rig, &pair, false, ERR_CANCELLED);
}

static void a_deadline_after_the_end_changes_no_reason(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;
    struct handshake_config config = recorder_host;
    uint64_t until;

    config.deadline_ms = 1;
    open_with(rig, &pair, &config);
    session_close(pair.session, ERR_CANCELLED);
    /* The deadline's moment passes before the loop gets to the closing. */
    until = uv_hrtime() + 5 * 1000 * 1000;
    while (uv_hrtime() < until) {
    }
    expect_closed(rig, &pair, false, ERR_CANCELLED);
    assert_non_null(strstr(pair.us.reason, error_text(ERR_CANCELLED)));
}

static void a_session_never_started_closes(void **state)
{
    struct rig *rig = *state;
    static struct pair pair;

    memset(&pair, 0, sizeof pair);
    assert_int_equal(session_create(&rig->loop, rig->kind, &recorder_host, &recorder_callbacks,
                                    &pair.us, &pair.session),
                     0);
    session_bye(pair.session, "shutdown", "never connected");
    rig_run_until(rig, &pair.us.closed);
    assert_int_equal(pair.us.closed_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST_ALL(two_sessions_come_up_and_talk),
        RIG_TEST_ALL(lines_right_behind_the_hello_are_kept),
        RIG_TEST_ALL(a_line_of_64_kib_is_taken),
        RIG_TEST_ALL(a_line_over_64_kib_ends_the_session),
        RIG_TEST_ALL(half_a_line_then_close_ends_the_session),
        RIG_TEST_ALL(garbage_instead_of_hello_is_refused),
        RIG_TEST_ALL(invalid_json_instead_of_hello_is_refused),
        RIG_TEST_ALL(invalid_utf8_instead_of_hello_is_refused),
        RIG_TEST_ALL(deep_nesting_instead_of_hello_is_refused),
        RIG_TEST_ALL(a_message_before_the_hello_is_refused),
        RIG_TEST_ALL(an_endless_first_line_ends_the_session),
        RIG_TEST_ALL(another_version_is_refused),
        RIG_TEST_ALL(the_same_role_is_refused),
        RIG_TEST_ALL(an_unauthenticated_peer_is_refused_by_default),
        RIG_TEST_ALL(a_hello_of_4_kib_is_taken),
        RIG_TEST_ALL(a_hello_of_one_byte_more_ends_the_session),
        RIG_TEST_ALL(a_key_is_refused_where_none_is_configured),
        RIG_TEST_ALL(two_sessions_with_the_same_key_come_up),
        RIG_TEST_ALL(a_renewed_key_counts_from_the_next_handshake_on),
        RIG_TEST_ALL(different_keys_are_refused_by_both_with_the_remedy),
        RIG_TEST_ALL(a_wrong_proof_is_refused),
        RIG_TEST_ALL(another_line_instead_of_the_proof_is_refused),
        RIG_TEST_ALL(our_own_proof_sent_back_is_refused),
        RIG_TEST_ALL(half_a_proof_runs_into_the_deadline),
        RIG_TEST_ALL(one_deadline_bounds_the_whole_handshake),
        RIG_TEST_ALL(a_proof_over_4_kib_ends_the_session),
        RIG_TEST_ALL(a_key_that_cannot_be_read_is_told_here_alone),
        RIG_TEST_ALL(a_probe_is_answered_by_any_line),
        RIG_TEST_ALL(a_probe_without_an_answer_is_told_and_ends_nothing),
        RIG_TEST_ALL(a_ping_is_answered_at_once_and_never_handed_on),
        RIG_TEST_ALL(a_silent_peer_runs_into_the_deadline),
        RIG_TEST_ALL(a_hello_that_trickles_runs_into_the_deadline),
        RIG_TEST_ALL(the_deadline_is_over_once_the_session_is_up),
        RIG_TEST_ALL(a_heartbeat_is_sent_and_never_handed_on),
        RIG_TEST_ALL(a_peer_whose_heartbeat_ends_is_let_go),
        RIG_TEST_ALL(a_peer_without_a_heartbeat_may_be_silent),
        RIG_TEST_ALL(standing_still_is_a_gap_and_no_end),
        RIG_TEST_ALL(a_peer_killed_during_the_handshake_is_let_go),
        RIG_TEST_ALL(half_a_hello_then_close_is_invalid),
        RIG_TEST_ALL(a_bye_instead_of_hello_is_understood),
        RIG_TEST_ALL(a_bye_after_the_handshake_is_a_line),
        RIG_TEST_ALL(our_bye_reaches_the_peer_before_the_end),
        RIG_TEST_ALL(a_bye_inside_on_line_ends_the_lines),
        RIG_TEST_ALL(closing_inside_on_up_is_safe),
        RIG_TEST_ALL(writing_before_the_handshake_is_refused),
        RIG_TEST_ALL(a_deadline_after_the_end_changes_no_reason),
        RIG_TEST_ALL(a_session_never_started_closes),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
