#include "tests/guest/import_server.h"

#include <string.h>

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    struct import_server *server = handle->data;
    size_t room = sizeof server->request - server->request_len;

    (void)suggested_size;
    assert_true(room > 0);
    *buffer = uv_buf_init(server->request + server->request_len, (unsigned)room);
}

static void on_closed(uv_handle_t *handle)
{
    struct import_server *server = handle->data;

    server->is_open = false;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct import_server *server = stream->data;

    (void)buffer;
    if (count >= 0) {
        server->request_len += (size_t)count;
        return;
    }
    server->peer_gone = true;
    if (!uv_is_closing((uv_handle_t *)stream)) {
        uv_close((uv_handle_t *)stream, on_closed);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct import_server *server = listener->data;

    assert_int_equal(status, 0);
    assert_false(server->is_open);
    assert_int_equal(uv_tcp_init(&server->rig->loop, &server->connection), 0);
    server->connection.data = server;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&server->connection), 0);
    server->connections++;
    server->is_open = true;
    server->peer_gone = false;
    server->request_len = 0;
    assert_int_equal(uv_read_start((uv_stream_t *)&server->connection, on_alloc, on_read), 0);
}

void import_server_open(struct rig *rig, struct import_server *server)
{
    struct sockaddr_in address;
    int size = sizeof address;

    *server = (struct import_server){.rig = rig};
    server->listener.data = server;
    assert_int_equal(uv_tcp_init(&rig->loop, &server->listener), 0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 1, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
}

static void await_end(struct import_server *server)
{
    while (server->is_open) {
        uv_run(&server->rig->loop, UV_RUN_ONCE);
    }
}

void import_server_close(struct import_server *server)
{
    uv_close((uv_handle_t *)&server->listener, NULL);
    if (server->is_open && !uv_is_closing((uv_handle_t *)&server->connection)) {
        uv_close((uv_handle_t *)&server->connection, on_closed);
    }
    await_end(server);
    rig_turn(server->rig);
}

void import_server_await(struct import_server *server)
{
    while (!server->is_open || server->request_len < USBIP_PROTOCOL_REQUEST_SIZE) {
        uv_run(&server->rig->loop, UV_RUN_ONCE);
    }
}

void import_server_send(struct import_server *server, const void *bytes, size_t len)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);

    /* Loopback takes so few bytes at once. */
    assert_int_equal(uv_try_write((uv_stream_t *)&server->connection, &buffer, 1), len);
}

void import_server_hang_up(struct import_server *server)
{
    uv_close((uv_handle_t *)&server->connection, on_closed);
    await_end(server);
}

void import_server_reset(struct import_server *server)
{
    assert_int_equal(uv_tcp_close_reset(&server->connection, on_closed), 0);
    await_end(server);
}

void import_server_make_reply(uint8_t reply[USBIP_PROTOCOL_REPLY_MAX])
{
    /* busnum, devnum, speed, vid, pid, bcdDevice; class, subclass, protocol, configuration value,
     * configurations, interfaces. */
    static const uint8_t numbers[] = {0,    0,    0,    1,    0,    0,    0,    3, 0, 0, 0, 2,
                                      0x1a, 0x86, 0x75, 0x23, 0x02, 0x64, 0xff, 0, 0, 1, 1, 1};
    uint8_t *record = reply + USBIP_PROTOCOL_HEADER_SIZE;

    memset(reply, 0, USBIP_PROTOCOL_REPLY_MAX);
    memcpy(reply, "\x01\x11\x00\x03", 4);
    strcpy((char *)record, "USB\\VID_1A86&PID_7523\\5&1A2B&0&3");
    strcpy((char *)record + USBIP_PROTOCOL_PATH_SIZE, IMPORT_BUSID);
    memcpy(record + USBIP_PROTOCOL_PATH_SIZE + USBIP_PROTOCOL_BUSID_SIZE, numbers, sizeof numbers);
}

void import_server_make_refusal(uint8_t status, uint8_t reply[USBIP_PROTOCOL_HEADER_SIZE])
{
    memcpy(reply, "\x01\x11\x00\x03\x00\x00\x00\x00", USBIP_PROTOCOL_HEADER_SIZE);
    reply[USBIP_PROTOCOL_HEADER_SIZE - 1] = status;
}
