/*
 * pump_relay: passes what connects to a port on to another one through the product's pump, as the
 * host agent does for an import, and with nothing else around it.
 *
 * usage: pump_relay TO-PORT
 *
 * Prints the port of 127.0.0.1 that it listens on, a line by itself, and serves until it is killed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "shared/core/error.h"
#include "shared/link/link_address.h"
#include "shared/link/pump.h"
#include "shared/link/raw_stream.h"

enum { BACKLOG = 16 };

struct relay {
    uv_loop_t loop;
    uv_tcp_t server;
    struct sockaddr_storage target;
};

struct passage {
    struct relay *relay;
    uv_stream_t *client;
    uv_stream_t *server;
    uv_connect_t connect;
    struct pump *pump;
};

static void on_pump_closed(void *context, int error)
{
    (void)error;
    free(context);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct passage *passage = request->data;

    if (status < 0) {
        raw_stream_close(passage->client, NULL, NULL);
        raw_stream_close(passage->server, free, passage);
        return;
    }
    (void)uv_tcp_nodelay((uv_tcp_t *)passage->client, 1);
    (void)uv_tcp_nodelay((uv_tcp_t *)passage->server, 1);
    if (pump_open(&passage->relay->loop, passage->client, passage->server, on_pump_closed, passage,
                  &passage->pump) != 0) {
        free(passage);
    }
}

/* Whatever fails here fails for good: this serves one measurement. */
static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "pump_relay: %s: %s\n", what, uv_strerror(result));
        exit(1);
    }
}

static void on_connection(uv_stream_t *server, int status)
{
    struct relay *relay = server->data;
    struct passage *passage = calloc(1, sizeof *passage);

    if (passage == NULL || raw_stream_create(&relay->loop, false, &passage->client) != 0 ||
        raw_stream_create(&relay->loop, false, &passage->server) != 0) {
        check(UV_ENOMEM, "a connection");
    }
    check(status, "listening");
    check(uv_accept(server, passage->client), "accepting");
    passage->relay = relay;
    passage->connect.data = passage;
    check(uv_tcp_connect(&passage->connect, (uv_tcp_t *)passage->server,
                         (const struct sockaddr *)&relay->target, on_connected),
          "connecting");
}

static int serve(struct relay *relay)
{
    struct sockaddr_storage here;
    int size = sizeof here;

    check(link_address_from_text("127.0.0.1", 0, &here) == 0 ? 0 : UV_EINVAL, "the address");
    check(uv_loop_init(&relay->loop), "the loop");
    check(uv_tcp_init(&relay->loop, &relay->server), "the server");
    relay->server.data = relay;
    check(uv_tcp_bind(&relay->server, (const struct sockaddr *)&here, 0), "binding");
    check(uv_listen((uv_stream_t *)&relay->server, BACKLOG, on_connection), "listening");
    check(uv_tcp_getsockname(&relay->server, (struct sockaddr *)&here, &size), "the port");
    printf("%u\n", (unsigned)link_address_port(&here));
    fflush(stdout);
    return uv_run(&relay->loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    static struct relay relay;
    long port = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

    if (port < 1 || port > UINT16_MAX) {
        fprintf(stderr, "usage: pump_relay TO-PORT\n");
        return 2;
    }
    if (link_address_from_text("127.0.0.1", (uint16_t)port, &relay.target) != 0) {
        return 1;
    }
    return serve(&relay);
}
