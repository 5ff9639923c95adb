#include "tests/link/recorder.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/link/rig.h"

const struct handshake_config recorder_host = {
    .role = WIRE_ROLE_HOST,
    .run = "aaaaaaaaaaaaaaaa",
    .allow_unauthenticated = true,
};

const struct handshake_config recorder_guest = {
    .role = WIRE_ROLE_GUEST,
    .run = "bbbbbbbbbbbbbbbb",
    .allow_unauthenticated = true,
};

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
    .on_closed = on_closed,
};
