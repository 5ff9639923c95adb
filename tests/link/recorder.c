#include "tests/link/recorder.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/link/rig.h"

const struct handshake_config recorder_host = {
    .role = WIRE_ROLE_HOST,
    .run = "aaaaaaaaaaaaaaaa",
    .method = WIRE_AUTH_NONE,
};

const struct handshake_config recorder_guest = {
    .role = WIRE_ROLE_GUEST,
    .run = "bbbbbbbbbbbbbbbb",
    .method = WIRE_AUTH_NONE,
};

struct recorder_key recorder_host_key;
struct recorder_key recorder_guest_key;

static int read_key(const void *context, struct link_key *key, char reason[HANDSHAKE_REASON_SIZE])
{
    struct recorder_key *source =
        context == &recorder_host_key ? &recorder_host_key : &recorder_guest_key;

    source->read_count++;
    if (source->error != 0) {
        snprintf(reason, HANDSHAKE_REASON_SIZE, "no key in /secret/place");
        return source->error;
    }
    *key = source->key;
    return 0;
}

const struct handshake_config recorder_key_host = {
    .role = WIRE_ROLE_HOST,
    .run = "aaaaaaaaaaaaaaaa",
    .read_key = read_key,
    .key_context = &recorder_host_key,
};

const struct handshake_config recorder_key_guest = {
    .role = WIRE_ROLE_GUEST,
    .run = "bbbbbbbbbbbbbbbb",
    .read_key = read_key,
    .key_context = &recorder_guest_key,
};

void recorder_renew_keys(void)
{
    recorder_host_key = (struct recorder_key){.error = 0};
    link_key_generate(&recorder_host_key.key);
    recorder_guest_key = recorder_host_key;
}

static void on_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct recorder *recorder = context;

    recorder->session = session;
    recorder->up = true;
    recorder->up_count++;
    recorder->peer = *peer;
    if (recorder->close_on_up) {
        session_close(session, ERR_CANCELLED);
    }
}

static void on_line(void *context, struct session *session, char *line, size_t len)
{
    struct recorder *recorder = context;

    assert_true(len < sizeof recorder->last_line);
    memcpy(recorder->last_line, line, len + 1);
    recorder->line_count++;
    if (recorder->bye_on_line) {
        session_bye(session, "busy", "enough");
    }
}

static void on_gap(void *context, struct session *session)
{
    struct recorder *recorder = context;

    assert_true(session == recorder->session);
    recorder->gap_count++;
}

static void on_probed(void *context, struct session *session, bool answers)
{
    struct recorder *recorder = context;

    assert_true(session == recorder->session);
    recorder->probed_count++;
    recorder->answers = answers;
}

static void on_closed(void *context, struct session *session, bool was_up, int error,
                      const char *reason)
{
    struct recorder *recorder = context;

    recorder->closed = true;
    recorder->closed_count++;
    recorder->was_up = was_up;
    recorder->error = error;
    recorder->had_session = session != NULL;
    snprintf(recorder->reason, sizeof recorder->reason, "%s", reason);
    if (recorder->session == session) {
        recorder->session = NULL;
    }
    if (recorder->after_closed) {
        recorder->after_closed(recorder);
    }
}

const struct session_callbacks recorder_callbacks = {
    .on_up = on_up,
    .on_line = on_line,
    .on_gap = on_gap,
    .on_probed = on_probed,
    .on_closed = on_closed,
};
