#include "guest-linux/host_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-linux/host_candidate.h"
#include "guest-linux/host_source.h"
#include "guest-linux/import_doors.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/listen.h"
#include "shared/link/raw_stream.h"
#include "shared/link/refusal_log.h"

struct host_link {
    uv_loop_t *loop;
    struct handshake_config handshake; /* of the TCP port */
    struct handshake_config local_handshake;
    const struct host_link_callbacks *callbacks;
    void *context;
    struct listen *listen;
    struct listen *local_listen;
    unsigned open_listens;
    const char *path;        /* the local one's */
    const char *transport;   /* of the last host */
    struct session *session; /* of the host that is there, or NULL */
    char run[WIRE_RUN_SIZE]; /* that host's */
    char peer[EVENT_PEER_SIZE];
    struct host_candidate candidate; /* waits for what `session` answers to a probe */
    struct refusal_log refusals;
    struct host_imports *imports; /* NULL once closing */
    struct import_doors doors;
    struct wire_import incoming; /* too large for the stack */
    bool closing;
    void (*on_closed)(void *context);
};

static void end_session(struct host_link *link)
{
    link->session = NULL;
    host_imports_link_down(link->imports);
    link->callbacks->on_down(link->context);
}

static void take_session(struct host_link *link, struct session *session,
                         const struct wire_hello *peer)
{
    link->transport = host_source_transport(session);
    host_source_to_text(session, link->path, link->peer);
    link->session = session;
    memcpy(link->run, peer->run, sizeof link->run);
    log_info("linked with the host at %s (%s)", link->peer, peer->agent);
    link->callbacks->on_up(link->context);
}

static void replace_session(struct host_link *link, struct session *session,
                            const struct wire_hello *peer)
{
    struct session *older = link->session;

    log_warning("host: a newer link takes over from %s", link->peer);
    end_session(link);
    session_bye(older, "busy", "another host agent has taken over the link");
    take_session(link, session, peer);
}

static void refuse_busy(struct host_link *link, struct session *session)
{
    char message[WIRE_TEXT_SIZE];
    char source[EVENT_PEER_SIZE];
    uint16_t port;
    unsigned held_back;

    host_source_address(session, link->path, source, &port);
    snprintf(message, sizeof message,
             "the host agent at %s has the link to this guest and answers: end it there first, for "
             "a guest has one host",
             link->peer);
    if (refusal_log_take(&link->refusals, source, uv_now(link->loop), &held_back)) {
        log_warning("a second host agent, at %s port %u, was refused: %s (%u more were, untold)",
                    source, (unsigned)port, message, held_back);
    }
    session_bye(session, "busy", message);
}

static bool is_same_host(const struct host_link *link, const struct wire_hello *peer)
{
    return strcmp(link->run, peer->run) == 0;
}

/* Whether the host that has the link is still there decides; only one can wait for that. */
static void consider(struct host_link *link, struct session *session, const struct wire_hello *peer)
{
    struct session *waiting = link->candidate.session;

    if (waiting != NULL && !is_same_host(link, peer)) {
        refuse_busy(link, session);
        return;
    }
    host_candidate_clear(&link->candidate);
    if (waiting != NULL) { /* The host that has the link is there, and comes by its other way. */
        session_bye(waiting, "busy", "the host agent that has the link has come anew");
    }
    link->candidate.session = session;
    link->candidate.hello = *peer;
    /* A failure ends the older session, and its on_closed makes room. */
    session_probe(link->session);
}

/* A host has one link for each way to us. */
static bool is_anew(const struct host_link *link, struct session *session,
                    const struct wire_hello *peer)
{
    return is_same_host(link, peer) &&
           host_source_is_local(link->session) == host_source_is_local(session);
}

static void on_session_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct host_link *link = context;

    if (peer->import[0] != '\0') {
        import_doors_open(&link->doors, link->imports, session, peer->import);
    } else if (link->session == NULL) {
        take_session(link, session, peer);
    } else if (is_anew(link, session, peer)) {
        replace_session(link, session, peer);
    } else {
        consider(link, session, peer);
    }
}

static bool is_from_host(enum wire_type type)
{
    switch (type) {
    case WIRE_SNAPSHOT_BEGIN:
    case WIRE_PRESENT:
    case WIRE_SNAPSHOT_END:
    case WIRE_ARRIVAL:
    case WIRE_UPDATE:
    case WIRE_REMOVAL:
    case WIRE_YIELDED:
    case WIRE_TAKEN:
    case WIRE_RESUMED:
    case WIRE_ANSWER:
        return true;
    default:
        return false;
    }
}

static int take_message(struct host_link *link, const char *line, size_t len)
{
    struct wire_message message;
    int err = wire_message_from_line(line, len, &message);

    if (err != 0) {
        return err;
    }
    if (is_from_host(message.type)) {
        link->callbacks->on_message(link->context, &message);
    } else if (message.type == WIRE_BYE) {
        log_info("host: says bye (%s): %s", message.event.code, message.event.message);
    } else {
        return ERR_INVALID;
    }
    return 0;
}

/* Returns 0, or ERR_INVALID if the line has ended the session. */
static int take_line(void *context, char *line, size_t len)
{
    struct host_link *link = context;
    int err = wire_import_from_line(line, len, &link->incoming);

    if (err == 0) {
        err = host_imports_take(link->imports, &link->incoming);
    } else if (err == ERR_UNSUPPORTED) {
        err = take_message(link, line, len);
    }
    if (err == ERR_UNSUPPORTED) {
        log_debug("host: ignored a message of a type this version does not know");
    } else if (err != 0) {
        log_warning("host: sent a line that makes no sense (%s); it has to link anew",
                    error_text(err));
        session_bye(link->session, "invalid", "the guest could not understand a line");
        return ERR_INVALID;
    }
    return link->closing ? ERR_CANCELLED : 0;
}

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    struct host_link *link = context;

    if (session == link->session) {
        take_line(link, line, len);
    } else if (import_doors_take_line(&link->doors, session, line, len, &link->incoming)) {
        return;
    } else if (session == link->candidate.session &&
               host_candidate_add_line(&link->candidate, line, len) != 0) {
        host_candidate_clear(&link->candidate);
        session_bye(session, "busy", "another host agent has the link to this guest");
    }
    /* Else an older host, already told that it is no longer heard. */
}

/* The one that waited has the link now, and what it has said is heard. */
static void take_candidate(struct host_link *link)
{
    struct host_candidate candidate = link->candidate;

    link->candidate = (struct host_candidate){.session = NULL};
    if (session_stream(candidate.session) == NULL) {
        host_candidate_clear(&candidate); /* It has just gone itself. */
        return;
    }
    if (link->session != NULL) {
        replace_session(link, candidate.session, &candidate.hello);
    } else {
        take_session(link, candidate.session, &candidate.hello);
    }
    host_candidate_replay(&candidate, take_line, link);
    host_candidate_clear(&candidate);
}

static void on_session_probed(void *context, struct session *session, bool answers)
{
    struct host_link *link = context;
    struct session *waiting = link->candidate.session;

    if (session != link->session || waiting == NULL || link->closing) {
        return;
    }
    if (!answers) {
        take_candidate(link);
    } else if (!is_same_host(link, &link->candidate.hello)) {
        host_candidate_clear(&link->candidate);
        refuse_busy(link, waiting);
    }
    /* Else it tries both ways at once and keeps what it has seen up first, which need not be what
     * we have: it closes the other one, and that decides. */
}

static void on_session_closed(void *context, struct session *session, bool was_up, int error,
                              const char *reason)
{
    struct host_link *link = context;

    (void)error;
    if (!was_up || import_doors_forget(&link->doors, session)) {
        return; /* No host agent's, as listen has logged, or an import's. */
    }
    if (session == link->candidate.session) {
        host_candidate_clear(&link->candidate);
    } else if (session == link->session) {
        log_warning("host: %s", reason);
        if (link->closing) {
            link->session = NULL;
            return;
        }
        end_session(link);
        if (link->candidate.session != NULL) {
            take_candidate(link);
        }
    }
}

static void on_session_gap(void *context, struct session *session)
{
    struct host_link *link = context;

    if (session == link->session) {
        link->callbacks->on_gap(link->context);
    }
}

static void on_session_written(void *context, struct session *session)
{
    struct host_link *link = context;

    if (session == link->session && !link->closing) {
        host_imports_written(link->imports);
    }
}

static void on_session_taken(void *context, struct session *session, uv_stream_t *stream)
{
    struct host_link *link = context;

    if (link->closing || !import_doors_hand_on(&link->doors, link->imports, session, stream)) {
        raw_stream_close(stream, NULL, NULL);
    }
}

static int send_import_line(void *context, const char *line, size_t len)
{
    struct host_link *link = context;

    return link->session != NULL ? session_write(link->session, line, len) : ERR_CLOSED;
}

static size_t get_waiting(void *context)
{
    const struct host_link *link = context;

    return link->session != NULL ? session_waiting(link->session) : 0;
}

static const struct host_imports_link imports_link = {send_import_line, get_waiting};

static const struct session_callbacks session_callbacks = {
    .on_gap = on_session_gap,
    .on_up = on_session_up,
    .on_line = on_session_line,
    .on_probed = on_session_probed,
    .on_written = on_session_written,
    .on_taken = on_session_taken,
    .on_closed = on_session_closed,
};

static int open_listens(uv_loop_t *loop, const struct config *config, struct host_link *link)
{
    int err = listen_open_local(loop, link->path, &link->local_handshake, &session_callbacks, link,
                                &link->local_listen);

    if (err != 0) {
        return err == ERR_EXISTS ? ERR_BUSY : err;
    }
    link->open_listens = 1;
    err = listen_open(loop, config->link_address, config->link_port, &link->handshake,
                      &session_callbacks, link, &link->listen);
    link->open_listens += err == 0 ? 1 : 0;
    return err;
}

int host_link_open(uv_loop_t *loop, const struct config *config,
                   const struct host_link_doors *doors, const char *run,
                   const struct host_link_callbacks *callbacks, void *context,
                   struct host_link **link)
{
    struct host_link *opened = calloc(1, sizeof *opened);
    int err;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->loop = loop;
    opened->handshake.role = WIRE_ROLE_GUEST;
    opened->handshake.run = run;
    opened->local_handshake = opened->handshake;
    opened->local_handshake.method = WIRE_AUTH_NONE;
    opened->handshake.method =
        config->link_auth == CONFIG_AUTH_NONE ? WIRE_AUTH_NONE : WIRE_AUTH_KEY;
    opened->handshake.read_key = key_file_read_for_handshake;
    opened->handshake.key_context = doors->key;
    opened->callbacks = callbacks;
    opened->context = context;
    opened->path = doors->path;
    opened->transport = "tcp";
    err = host_imports_open(loop, &imports_link, opened, &opened->imports);
    if (err != 0) {
        free(opened);
        return err;
    }
    err = open_listens(loop, config, opened);
    if (err == 0) {
        *link = opened;
    } else if (opened->open_listens > 0) {
        host_link_close(opened, NULL); /* It frees itself. */
    } else {
        host_imports_close(opened->imports);
        free(opened);
    }
    return err;
}

struct host_imports *host_link_imports(struct host_link *link)
{
    return link->imports;
}

const char *host_link_transport(const struct host_link *link)
{
    return link->transport;
}

const char *host_link_peer(const struct host_link *link)
{
    return link->peer;
}

static int wire_type_from_event(enum event_type event, enum wire_type *type)
{
    switch (event) {
    case EVENT_ATTACHING:
        *type = WIRE_ATTACHING;
        return 0;
    case EVENT_READY:
        *type = WIRE_READY;
        return 0;
    case EVENT_FAILED:
        *type = WIRE_FAILED;
        return 0;
    case EVENT_DETACHED:
        *type = WIRE_DETACHED;
        return 0;
    default:
        return ERR_UNSUPPORTED;
    }
}

static int send_message(struct host_link *link, const struct wire_message *message)
{
    char *line;
    size_t len;
    int err = wire_message_to_line(message, &line, &len);

    if (err != 0) {
        log_error("host: board %s can't be told: %s", message->event.board.id, error_text(err));
        return err;
    }
    /* A failure closes the session, and its on_closed says so. */
    session_write(link->session, line, len);
    free(line);
    return 0;
}

void host_link_report(struct host_link *link, const struct event *event)
{
    struct wire_message message = {.event = *event};

    if (link->session != NULL && wire_type_from_event(event->type, &message.type) == 0) {
        send_message(link, &message);
    }
}

bool host_link_ask(struct host_link *link, enum wire_type type, const char *board_id,
                   int64_t number)
{
    struct wire_message message = {.type = type, .request = number};

    text_copy(message.event.board.id, sizeof message.event.board.id, board_id);
    return link->session != NULL && send_message(link, &message) == 0;
}

static void on_listen_closed(void *context)
{
    struct host_link *link = context;

    if (--link->open_listens > 0) {
        return;
    }
    if (link->on_closed != NULL) {
        link->on_closed(link->context);
    }
    free(link);
}

void host_link_close(struct host_link *link, void (*on_closed)(void *context))
{
    link->closing = true;
    link->on_closed = on_closed;
    host_candidate_clear(&link->candidate);
    host_imports_close(link->imports);
    link->imports = NULL;
    listen_close(link->local_listen, on_listen_closed);
    if (link->listen != NULL) {
        listen_close(link->listen, on_listen_closed);
    }
}
