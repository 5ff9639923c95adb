#include "guest-linux/host_imports.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/byte_streams.h"
#include "shared/link/link_error.h"
#include "shared/link/raw_stream.h"

#define DETAIL_SIZE (WIRE_CODE_SIZE + WIRE_TEXT_SIZE + 8)

struct host_imports_request {
    struct host_imports *imports;
    char import[WIRE_IMPORT_SIZE];
    uv_timer_t deadline;
    host_imports_done_fn on_done;
    void *context;
};

struct host_imports {
    uv_loop_t *loop;
    const struct host_imports_link *link;
    void *context;
    struct host_imports_request *requests[HOST_IMPORTS_MAX];
    size_t count;
    struct byte_streams *streams;
};

static void on_deadline_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* After this its name is not known any more. */
static void forget(struct host_imports_request *request)
{
    struct host_imports *imports = request->imports;
    size_t i = 0;

    while (imports->requests[i] != request) {
        i++;
    }
    imports->requests[i] = imports->requests[--imports->count];
    uv_close((uv_handle_t *)&request->deadline, on_deadline_closed);
}

static void finish(struct host_imports_request *request, enum attach_fault fault, int fd,
                   const char *detail)
{
    host_imports_done_fn on_done = request->on_done;
    void *context = request->context;

    forget(request);
    on_done(context, fault, fd, detail);
}

static void on_deadline(uv_timer_t *timer)
{
    finish(timer->data, FAULT_IMPORT_TIMEOUT, -1, "the host agent did not bring it in time");
}

static struct host_imports_request *find(const struct host_imports *imports, const char *import)
{
    for (size_t i = 0; i < imports->count; i++) {
        if (strcmp(imports->requests[i]->import, import) == 0) {
            return imports->requests[i];
        }
    }
    return NULL;
}

static void send_line(void *context, const char *line, size_t len)
{
    struct host_imports *imports = context;

    imports->link->send(imports->context, line, len); /* A link that fails ends, and tells so. */
}

static size_t get_waiting(void *context)
{
    struct host_imports *imports = context;

    return imports->link->waiting(imports->context);
}

static void on_stream_ended(void *context, const char *import, const char *reason)
{
    (void)context;
    log_debug("import %s through the host has ended: %s", import,
              reason != NULL ? reason : "in order");
}

static const struct byte_streams_callbacks stream_callbacks = {
    .send = send_line,
    .waiting = get_waiting,
    .on_ended = on_stream_ended,
};

int host_imports_open(uv_loop_t *loop, const struct host_imports_link *link, void *context,
                      struct host_imports **imports)
{
    struct host_imports *opened = calloc(1, sizeof *opened);
    int err = ERR_NOMEM;

    if (opened == NULL) {
        return err;
    }
    opened->loop = loop;
    opened->link = link;
    opened->context = context;
    err = byte_streams_open(loop, &stream_callbacks, opened, &opened->streams);
    if (err != 0) {
        free(opened);
        return err;
    }
    *imports = opened;
    return 0;
}

/* `text` is the busid of a WIRE_IMPORT_ASK, the message of a WIRE_IMPORT_END. */
static int send_message(struct host_imports *imports, enum wire_import_type type,
                        const char *import, const char *text)
{
    struct wire_import *message = calloc(1, sizeof *message);
    char *line;
    size_t len;
    int err = ERR_NOMEM;

    if (message == NULL) {
        return err;
    }
    message->type = type;
    text_copy(message->import, sizeof message->import, import);
    text_copy(message->busid, sizeof message->busid, text);
    text_copy(message->message, sizeof message->message, text);
    text_copy(message->code, sizeof message->code, "unknown");
    err = wire_import_to_line(message, &line, &len);
    free(message);
    if (err == 0) {
        err = imports->link->send(imports->context, line, len);
        free(line);
    }
    return err;
}

int host_imports_ask(struct host_imports *imports, const char *busid, host_imports_done_fn on_done,
                     void *context, struct host_imports_request **request)
{
    unsigned char random[(WIRE_IMPORT_SIZE - 1) / 2];
    struct host_imports_request *asked;
    int err;

    if (imports->count == HOST_IMPORTS_MAX) {
        return ERR_FULL;
    }
    asked = calloc(1, sizeof *asked);
    if (asked == NULL) {
        return ERR_NOMEM;
    }
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(asked->import, sizeof asked->import, random, sizeof random);
    err = send_message(imports, WIRE_IMPORT_ASK, asked->import, busid);
    if (err != 0) {
        free(asked);
        return err;
    }
    asked->imports = imports;
    asked->on_done = on_done;
    asked->context = context;
    uv_timer_init(imports->loop, &asked->deadline); /* Neither ever fails. */
    asked->deadline.data = asked;
    uv_timer_start(&asked->deadline, on_deadline, HOST_IMPORTS_WAIT_MS, 0);
    imports->requests[imports->count++] = asked;
    *request = asked;
    return 0;
}

void host_imports_cancel(struct host_imports_request *request)
{
    forget(request);
}

bool host_imports_is_awaited(const struct host_imports *imports, const char *import)
{
    return find(imports, import) != NULL;
}

/* The loop's handle closes its own descriptor, so this is another one of the same connection. */
static int duplicate(uv_stream_t *stream)
{
    uv_os_fd_t fd;

    if (uv_fileno((const uv_handle_t *)stream, &fd) != 0) {
        return -1;
    }
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

void host_imports_bring(struct host_imports *imports, const char *import, uv_stream_t *stream)
{
    struct host_imports_request *request = find(imports, import);
    int fd = request != NULL ? duplicate(stream) : -1;

    raw_stream_close(stream, NULL, NULL);
    if (request == NULL) {
        log_warning("host: brought import %s, which is not awaited", import);
    } else if (fd < 0) {
        finish(request, FAULT_INTERNAL, -1, "the connection can't be taken over");
    } else {
        finish(request, FAULT_NONE, fd, "");
    }
}

/* Gives `ours` to the streams. */
static int add_stream(struct host_imports *imports, const char *import, int ours)
{
    uv_stream_t *stream;
    int err = raw_stream_create(imports->loop, true, &stream);

    if (err != 0) {
        close(ours);
        return err;
    }
    err = link_error_from_uv(uv_pipe_open((uv_pipe_t *)stream, ours));
    if (err != 0) {
        close(ours);
        raw_stream_close(stream, NULL, NULL);
        return err;
    }
    return byte_streams_add(imports->streams, import, stream);
}

/* The host begins to pass that import's bytes over the link. */
static void open_stream(struct host_imports *imports, struct host_imports_request *request)
{
    int pair[2];
    int err = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        err = os_error_from_errno(errno);
    } else {
        err = add_stream(imports, request->import, pair[0]);
        if (err != 0) {
            close(pair[1]);
        }
    }
    if (err != 0) {
        finish(request, FAULT_INTERNAL, -1, error_text(err));
    } else {
        finish(request, FAULT_NONE, pair[1], "");
    }
}

static void refuse(struct host_imports_request *request, const struct wire_import *message)
{
    char detail[DETAIL_SIZE];

    snprintf(detail, sizeof detail, "%s (%s)", message->message, message->code);
    finish(request, attach_fault_from_code(message->code), -1, detail);
}

int host_imports_take(struct host_imports *imports, const struct wire_import *message)
{
    struct host_imports_request *request = find(imports, message->import);

    switch (message->type) {
    case WIRE_IMPORT_OPEN:
        if (request != NULL) {
            open_stream(imports, request);
        } else {
            send_message(imports, WIRE_IMPORT_END, message->import, "it is not awaited any more");
        }
        return 0;
    case WIRE_IMPORT_END:
        if (request != NULL) {
            refuse(request, message);
            return 0;
        }
        return byte_streams_take(imports->streams, message);
    case WIRE_IMPORT_DATA:
    case WIRE_IMPORT_CREDIT:
        return byte_streams_take(imports->streams, message);
    default:
        return ERR_INVALID;
    }
}

void host_imports_written(struct host_imports *imports)
{
    byte_streams_flush(imports->streams);
}

void host_imports_link_down(struct host_imports *imports)
{
    byte_streams_drop(imports->streams);
    while (imports->count > 0) {
        finish(imports->requests[imports->count - 1], FAULT_NO_HOST, -1, "the link has ended");
    }
}

void host_imports_close(struct host_imports *imports)
{
    while (imports->count > 0) {
        forget(imports->requests[imports->count - 1]);
    }
    byte_streams_close(imports->streams);
    free(imports);
}
