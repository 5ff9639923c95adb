#include "usbip_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/core/error.h"

enum { FIRST_CAPACITY = 4096 };

int usbip_conn_init(struct usbip_conn *conn, int fd)
{
    int on = 1;
    conn->fd = fd;
    conn->input_len = 0;
    conn->output = NULL;
    conn->output_len = 0;
    conn->output_capacity = 0;
    conn->written = 0;
    conn->patch = (struct usbip_patch){0};
    conn->budget = SIZE_MAX;
    conn->drip_us = 0;
    conn->drip_due_us = 0;
    conn->finishing = false;
    conn->failed = false;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        usbip_conn_close(conn);
        return ERR_IO;
    }
    return 0;
}

void usbip_conn_close(struct usbip_conn *conn)
{
    if (conn->fd >= 0) {
        close(conn->fd);
        conn->fd = -1;
    }
    free(conn->output);
    conn->output = NULL;
}

int usbip_conn_fill(struct usbip_conn *conn, size_t want)
{
    while (conn->input_len < want) {
        ssize_t got = recv(conn->fd, conn->input + conn->input_len, want - conn->input_len, 0);
        if (got == 0) {
            return ERR_CLOSED;
        }
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno == EAGAIN ? 0 : ERR_IO;
        }
        conn->input_len += (size_t)got;
    }
    return 1;
}

void usbip_conn_consume(struct usbip_conn *conn)
{
    conn->input_len = 0;
}

/* How many bytes the socket took now. */
static size_t send_now(struct usbip_conn *conn, const uint8_t *bytes, size_t len)
{
    ssize_t put = send(conn->fd, bytes, len, MSG_NOSIGNAL);
    if (put < 0) {
        conn->failed = errno != EAGAIN && errno != EINTR;
        return 0;
    }
    return (size_t)put;
}

static void keep(struct usbip_conn *conn, const uint8_t *bytes, size_t len)
{
    size_t capacity = conn->output_capacity > 0 ? conn->output_capacity : FIRST_CAPACITY;
    uint8_t *output;
    if (len > USBIP_CONN_MAX_OUTPUT - conn->output_len) {
        conn->failed = true;
        return;
    }
    while (capacity - conn->output_len < len) {
        capacity *= 2;
    }
    output = realloc(conn->output, capacity);
    if (!output) {
        conn->failed = true;
        return;
    }
    memcpy(output + conn->output_len, bytes, len);
    conn->output = output;
    conn->output_capacity = capacity;
    conn->output_len += len;
}

/* Overwrites what of the bytes lies in the patch. Returns them, or a copy in `patched`. */
static const uint8_t *apply_patch(const struct usbip_conn *conn, const uint8_t *bytes, size_t len,
                                  uint8_t patched[USBIP_PATH_BYTES])
{
    const struct usbip_patch *patch = &conn->patch;
    if (patch->len == 0 || len > USBIP_PATH_BYTES) {
        return bytes;
    }
    for (size_t i = 0; i < len; i++) {
        size_t position = conn->written + i;
        bool is_hit = position >= patch->at && position - patch->at < patch->len;
        patched[i] = is_hit ? patch->value : bytes[i];
    }
    return patched;
}

void usbip_conn_write(struct usbip_conn *conn, const void *bytes, size_t len)
{
    uint8_t patched[USBIP_PATH_BYTES];
    const uint8_t *from = apply_patch(conn, bytes, len, patched);
    size_t sent = 0;
    if (conn->failed || conn->finishing) {
        return;
    }
    if (len >= conn->budget) {
        len = conn->budget;
        conn->finishing = true;
    }
    if (conn->budget != SIZE_MAX) {
        conn->budget -= len;
    }
    conn->written += len;
    if (len > 0 && conn->output_len == 0 && conn->drip_us == 0) {
        sent = send_now(conn, from, len);
    }
    if (sent < len && !conn->failed) {
        keep(conn, from + sent, len - sent);
    }
}

void usbip_conn_flush(struct usbip_conn *conn, int64_t now_us)
{
    size_t len = conn->output_len;
    size_t sent;
    if (len == 0 || (conn->drip_us > 0 && now_us < conn->drip_due_us)) {
        return;
    }
    if (conn->drip_us > 0) {
        len = 1;
        conn->drip_due_us = now_us + conn->drip_us;
    }
    sent = send_now(conn, conn->output, len);
    memmove(conn->output, conn->output + sent, conn->output_len - sent);
    conn->output_len -= sent;
    if (conn->output_len == 0) {
        conn->drip_us = 0;
    }
}

bool usbip_conn_is_dripping(const struct usbip_conn *conn)
{
    return conn->drip_us > 0 && conn->output_len > 0;
}

bool usbip_conn_is_done(const struct usbip_conn *conn)
{
    return conn->failed || (conn->finishing && conn->output_len == 0);
}
