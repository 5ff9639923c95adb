#include "host-win/usbipd_relay.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/byte_streams.h"
#include "shared/link/link_address.h"
#include "shared/link/link_error.h"
#include "shared/link/pump.h"
#include "shared/link/raw_stream.h"
#include "shared/link/session.h"

/* One import that has not become a stream of the link. */
struct relayed {
    struct usbipd_relay *relay;
    char import[WIRE_IMPORT_SIZE];
    struct handshake_config handshake;
    uv_stream_t *usbipd; /* until the pump or the streams have it */
    uv_connect_t connect;
    struct session *session; /* to the guest, until its stream was taken */
    uv_timer_t deadline;
    struct pump *pump;
    unsigned uses; /* the timer, the session and the pump */
    bool ending;
};

struct usbipd_relay {
    uv_loop_t *loop;
    struct sockaddr_storage usbipd;
    struct sockaddr_storage guest;
    const struct handshake_config *handshake;
    const struct usbipd_relay_link *link;
    void *context;
    struct relayed *items[USBIPD_RELAY_MAX];
    size_t count;
    struct byte_streams *streams;
    struct wire_import message; /* to be sent; too large for the stack */
};

static void send_message(struct usbipd_relay *relay)
{
    char *line;
    size_t len;

    /* Without memory for it the guest waits in vain, and tells so. */
    if (wire_import_to_line(&relay->message, &line, &len) == 0) {
        relay->link->send(relay->context, line, len);
        free(line);
    }
}

static void send_end(struct usbipd_relay *relay, const char *import, const char *code,
                     const char *text)
{
    relay->message.type = WIRE_IMPORT_END;
    text_copy(relay->message.import, sizeof relay->message.import, import);
    text_copy(relay->message.code, sizeof relay->message.code, code);
    text_copy(relay->message.message, sizeof relay->message.message, text);
    send_message(relay);
}

static void prepare_open(struct wire_import *message, const char *import)
{
    message->type = WIRE_IMPORT_OPEN;
    text_copy(message->import, sizeof message->import, import);
}

static void release(struct relayed *relayed)
{
    if (--relayed->uses == 0) {
        free(relayed);
    }
}

static void on_deadline_closed(uv_handle_t *handle)
{
    release(handle->data);
}

/* Ends what is under way. Idempotent. */
static void end(struct relayed *relayed)
{
    struct usbipd_relay *relay = relayed->relay;
    size_t i = 0;

    if (relayed->ending) {
        return;
    }
    relayed->ending = true;
    while (relay->items[i] != relayed) {
        i++;
    }
    relay->items[i] = relay->items[--relay->count];
    if (relayed->usbipd != NULL) {
        raw_stream_close(relayed->usbipd, NULL, NULL);
    }
    if (relayed->session != NULL) {
        session_close(relayed->session, ERR_CANCELLED);
    }
    if (relayed->pump != NULL) {
        pump_close(relayed->pump, ERR_CANCELLED);
    }
    uv_close((uv_handle_t *)&relayed->deadline, on_deadline_closed);
}

static void fail(struct relayed *relayed, const char *code, const char *text)
{
    if (!relayed->ending) {
        log_warning("import %s for the guest: %s (%s)", relayed->import, text, code);
        send_end(relayed->relay, relayed->import, code, text);
        end(relayed);
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct relayed *relayed = timer->data;

    if (relayed->session == NULL) {
        fail(relayed, "usbipd_unreachable", "usbipd did not take the connection in time");
    } else {
        fail(relayed, "import_timeout", "the guest did not take the connection in time");
    }
}

/* --- Over a connection of its own ------------------------------------------------------------- */

static void on_session_up(void *context, struct session *session, const struct wire_hello *peer)
{
    struct relayed *relayed = context;
    struct wire_import *message = &relayed->relay->message;
    char *line;
    size_t len;

    (void)peer;
    prepare_open(message, relayed->import);
    if (wire_import_to_line(message, &line, &len) != 0) {
        session_close(session, ERR_NOMEM);
        return;
    }
    session_write(session, line, len);
    free(line);
    session_take(session); /* A session that has failed tells so by its end. */
}

static void on_session_line(void *context, struct session *session, char *line, size_t len)
{
    (void)context;
    (void)line;
    (void)len;
    session_bye(session, "invalid", "nothing may come before the import is open");
}

static void on_pump_closed(void *context, int error)
{
    struct relayed *relayed = context;

    relayed->pump = NULL;
    log_info("import %s for the guest has ended: %s", relayed->import, error_text(error));
    end(relayed);
    release(relayed);
}

static void on_session_taken(void *context, struct session *session, uv_stream_t *stream)
{
    struct relayed *relayed = context;
    uv_stream_t *usbipd = relayed->usbipd;
    int err;

    (void)session;
    if (relayed->ending) {
        raw_stream_close(stream, NULL, NULL);
        return;
    }
    uv_timer_stop(&relayed->deadline);
    relayed->usbipd = NULL;
    relayed->uses++;
    err = pump_open(relayed->relay->loop, usbipd, stream, on_pump_closed, relayed, &relayed->pump);
    if (err != 0) {
        relayed->pump = NULL;
        end(relayed);
        release(relayed);
    }
}

static void on_session_closed(void *context, struct session *session, bool was_up, int error,
                              const char *reason)
{
    struct relayed *relayed = context;

    (void)session;
    (void)was_up;
    (void)error;
    relayed->session = NULL;
    if (relayed->pump == NULL) {
        fail(relayed, "import_timeout", reason);
    }
    release(relayed);
}

static const struct session_callbacks session_callbacks = {
    .on_up = on_session_up,
    .on_line = on_session_line,
    .on_taken = on_session_taken,
    .on_closed = on_session_closed,
};

static void on_guest_connected(uv_connect_t *request, int status)
{
    struct relayed *relayed = request->data;

    if (status == UV_ECANCELED || relayed->ending) {
        return; /* The session is being closed, and its on_closed follows. */
    }
    if (status < 0) {
        session_close(relayed->session, link_error_from_uv(status));
    } else {
        session_start(relayed->session);
    }
}

static void connect_to_guest(struct relayed *relayed)
{
    struct usbipd_relay *relay = relayed->relay;
    int err = session_create(relay->loop, CONN_TCP, &relayed->handshake, &session_callbacks,
                             relayed, &relayed->session);

    if (err != 0) {
        relayed->session = NULL;
        fail(relayed, "internal", error_text(err));
        return;
    }
    relayed->uses++;
    relayed->connect.data = relayed;
    err = link_error_from_uv(
        uv_tcp_connect(&relayed->connect, (uv_tcp_t *)session_stream(relayed->session),
                       (const struct sockaddr *)&relay->guest, on_guest_connected));
    if (err != 0) {
        session_close(relayed->session, err);
    }
}

/* --- As a stream of the link ------------------------------------------------------------------ */

static void become_stream(struct relayed *relayed)
{
    struct usbipd_relay *relay = relayed->relay;
    uv_stream_t *usbipd = relayed->usbipd;
    int err;

    relayed->usbipd = NULL;
    prepare_open(&relay->message, relayed->import);
    send_message(relay);
    err = byte_streams_add(relay->streams, relayed->import, usbipd);
    if (err != 0) {
        fail(relayed, "internal", error_text(err));
    } else {
        end(relayed);
    }
}

static void send_line(void *context, const char *line, size_t len)
{
    struct usbipd_relay *relay = context;

    relay->link->send(relay->context, line, len);
}

static size_t get_waiting(void *context)
{
    struct usbipd_relay *relay = context;

    return relay->link->waiting(relay->context);
}

static void on_stream_ended(void *context, const char *import, const char *reason)
{
    (void)context;
    log_info("import %s for the guest has ended: %s", import,
             reason != NULL ? reason : error_text(ERR_CLOSED));
}

static const struct byte_streams_callbacks stream_callbacks = {
    .send = send_line,
    .waiting = get_waiting,
    .on_ended = on_stream_ended,
};

/* --- To usbipd -------------------------------------------------------------------------------- */

static const char *code_from_error(int error)
{
    return error == ERR_REFUSED ? "usbipd_refused" : "usbipd_unreachable";
}

static void on_usbipd_connected(uv_connect_t *request, int status)
{
    struct relayed *relayed = request->data;
    int err = link_error_from_uv(status);

    if (status == UV_ECANCELED || relayed->ending) {
        release(relayed);
        return;
    }
    if (err != 0) {
        fail(relayed, code_from_error(err), error_text(err));
    } else {
        (void)uv_tcp_nodelay((uv_tcp_t *)relayed->usbipd, 1); /* A failure costs only time. */
        if (relayed->relay->link->is_bridge(relayed->relay->context)) {
            become_stream(relayed);
        } else {
            connect_to_guest(relayed);
        }
    }
    release(relayed);
}

static int connect_to_usbipd(struct relayed *relayed)
{
    struct usbipd_relay *relay = relayed->relay;
    int err = raw_stream_create(relay->loop, false, &relayed->usbipd);

    if (err != 0) {
        relayed->usbipd = NULL;
        return err;
    }
    relayed->connect.data = relayed;
    err = link_error_from_uv(uv_tcp_connect(&relayed->connect, (uv_tcp_t *)relayed->usbipd,
                                            (const struct sockaddr *)&relay->usbipd,
                                            on_usbipd_connected));
    relayed->uses += err == 0 ? 1 : 0;
    return err;
}

static bool is_known(const struct usbipd_relay *relay, const char *import)
{
    for (size_t i = 0; i < relay->count; i++) {
        if (strcmp(relay->items[i]->import, import) == 0) {
            return true;
        }
    }
    return false;
}

static void begin(struct usbipd_relay *relay, const char *import)
{
    struct relayed *begun = calloc(1, sizeof *begun);
    int err;

    if (begun == NULL) {
        send_end(relay, import, "internal", error_text(ERR_NOMEM));
        return;
    }
    begun->relay = relay;
    text_copy(begun->import, sizeof begun->import, import);
    begun->handshake = *relay->handshake;
    begun->handshake.import = begun->import;
    uv_timer_init(relay->loop, &begun->deadline); /* Neither ever fails. */
    begun->deadline.data = begun;
    uv_timer_start(&begun->deadline, on_deadline, USBIPD_RELAY_CONNECT_MS, 0);
    begun->uses = 1;
    relay->items[relay->count++] = begun;
    err = connect_to_usbipd(begun);
    if (err != 0) {
        fail(begun, code_from_error(err), error_text(err));
    }
}

/* A name counts once: it is what the guest will know the bytes by. */
static int take_request(struct usbipd_relay *relay, const struct wire_import *message)
{
    if (is_known(relay, message->import)) {
        return ERR_INVALID;
    }
    if (usbipd_relay_count(relay) >= USBIPD_RELAY_MAX) {
        send_end(relay, message->import, "internal", "too many imports at once");
        return 0;
    }
    log_info("import %s: the guest asks for usbipd, for the board at %s", message->import,
             message->busid);
    begin(relay, message->import);
    return 0;
}

int usbipd_relay_take(struct usbipd_relay *relay, const struct wire_import *message)
{
    switch (message->type) {
    case WIRE_IMPORT_ASK:
        return take_request(relay, message);
    case WIRE_IMPORT_DATA:
    case WIRE_IMPORT_CREDIT:
    case WIRE_IMPORT_END:
        return byte_streams_take(relay->streams, message);
    default:
        return ERR_INVALID;
    }
}

/* --- Begin and end ---------------------------------------------------------------------------- */

int usbipd_relay_open(uv_loop_t *loop, const struct usbipd_relay_options *options,
                      const struct usbipd_relay_link *link, void *context,
                      struct usbipd_relay **relay)
{
    struct usbipd_relay *opened = calloc(1, sizeof *opened);
    int err;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->loop = loop;
    opened->handshake = options->handshake;
    opened->link = link;
    opened->context = context;
    err = link_address_from_text(options->usbipd.address, options->usbipd.port, &opened->usbipd);
    if (err == 0) {
        err = link_address_from_text(options->guest.address, options->guest.port, &opened->guest);
    }
    if (err == 0) {
        err = byte_streams_open(loop, &stream_callbacks, opened, &opened->streams);
    }
    if (err != 0) {
        free(opened);
        return err;
    }
    *relay = opened;
    return 0;
}

void usbipd_relay_written(struct usbipd_relay *relay)
{
    byte_streams_flush(relay->streams);
}

void usbipd_relay_link_down(struct usbipd_relay *relay)
{
    byte_streams_drop(relay->streams);
    for (size_t i = relay->count; i > 0; i--) {
        if (relay->items[i - 1]->pump == NULL) {
            end(relay->items[i - 1]);
        }
    }
}

size_t usbipd_relay_count(const struct usbipd_relay *relay)
{
    return relay->count + byte_streams_count(relay->streams);
}

void usbipd_relay_close(struct usbipd_relay *relay)
{
    while (relay->count > 0) {
        end(relay->items[relay->count - 1]);
    }
    byte_streams_close(relay->streams);
    free(relay);
}
