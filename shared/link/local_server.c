#include "shared/link/local_server.h"

#include <stdbool.h>
#include <stdlib.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/link/conn.h"
#include "shared/link/local_endpoint.h"

/* How long clients have for the last lines when the server ends. */
#define LOCAL_SERVER_LINGER_MS 200u

struct client {
    struct local_server *server;
    struct conn *conn;
    uint64_t number;
    struct client *next;
};

struct local_server {
    uv_loop_t *loop;
    struct local_endpoint *endpoint; /* NULL once it has closed */
    struct client *clients;
    size_t client_count;
    uint64_t last_number;
    local_server_greet_fn greet;
    local_server_hear_fn hear; /* NULL: nobody does */
    void *context;
    bool closing;
    void (*on_closed)(void *context);
};

static const struct conn_limits client_limits = {
    .line_max = LOCAL_SERVER_LINE_MAX,
    .write_max = LOCAL_SERVER_WRITE_MAX,
};

static void finish_if_closed(struct local_server *server)
{
    if (!server->closing || server->endpoint || server->clients) {
        return;
    }
    if (server->on_closed) {
        server->on_closed(server->context);
    }
    free(server);
}

static void on_client_closed(void *context, int error)
{
    struct client *client = context;
    struct local_server *server = client->server;
    struct client **place = &server->clients;

    if (error == ERR_FULL) {
        log_warning("a reader of the event stream was dropped: it reads too slowly");
    }
    while (*place != client) {
        place = &(*place)->next;
    }
    *place = client->next;
    server->client_count--;
    free(client);
    finish_if_closed(server);
}

static void on_client_line(void *context, char *line, size_t len)
{
    struct client *client = context;
    struct local_server *server = client->server;

    if (!server->closing) {
        server->hear(server->context, client->number, line, len);
    }
}

/* Where nobody hears, what comes is thrown away. */
static const struct conn_callbacks deaf_callbacks = {.on_closed = on_client_closed};
static const struct conn_callbacks hearing_callbacks = {
    .on_line = on_client_line,
    .on_closed = on_client_closed,
};

static int greet(struct client *client)
{
    struct local_server *server = client->server;
    char *line = NULL;
    size_t len = 0;
    int result = conn_start(client->conn);

    if (result == 0) {
        result = server->greet(server->context, &line, &len);
    }
    if (result == 0) {
        result = conn_write(client->conn, line, len);
        free(line);
    }
    return result;
}

static int create_client(struct local_server *server, struct client **client)
{
    struct client *created = calloc(1, sizeof *created);
    int result;

    if (!created) {
        return ERR_NOMEM;
    }
    result =
        conn_create(server->loop, CONN_PIPE, &client_limits,
                    server->hear ? &hearing_callbacks : &deaf_callbacks, created, &created->conn);
    if (result != 0) {
        free(created);
        return result;
    }
    created->server = server;
    created->number = ++server->last_number;
    created->next = server->clients;
    server->clients = created;
    server->client_count++;
    *client = created;
    return 0;
}

static void on_endpoint_client(void *context)
{
    struct local_server *server = context;
    struct client *client;
    int result = create_client(server, &client);

    if (result != 0) {
        log_error("cannot take a reader of the event stream: %s", error_text(result));
        return;
    }
    /* One too many is taken all the same, and closed: left alone it would wait for ever. */
    result = local_endpoint_accept(server->endpoint, (uv_pipe_t *)conn_stream(client->conn));
    if (result == 0 && server->client_count > LOCAL_SERVER_CLIENTS_MAX) {
        log_warning("a reader of the event stream was refused: %u are connected already",
                    LOCAL_SERVER_CLIENTS_MAX);
        result = ERR_FULL;
    }
    if (result == 0) {
        result = greet(client);
    }
    if (result != 0) {
        conn_close(client->conn, result);
    }
}

static void on_endpoint_closed(void *context)
{
    struct local_server *server = context;

    server->endpoint = NULL;
    finish_if_closed(server);
}

static const struct local_endpoint_callbacks endpoint_callbacks = {
    .on_client = on_endpoint_client,
    .on_closed = on_endpoint_closed,
};

int local_server_open(uv_loop_t *loop, const char *path, const char *group,
                      local_server_greet_fn greet_fn, void *context, struct local_server **server)
{
    struct local_server *created = calloc(1, sizeof *created);
    int result;

    if (!created) {
        return ERR_NOMEM;
    }
    created->loop = loop;
    created->greet = greet_fn;
    created->context = context;
    result =
        local_endpoint_open(loop, path, group, &endpoint_callbacks, created, &created->endpoint);
    if (result != 0) {
        free(created);
        return result;
    }
    *server = created;
    return 0;
}

void local_server_hear(struct local_server *server, local_server_hear_fn hear)
{
    server->hear = hear;
}

static struct client *find_client(const struct local_server *server, uint64_t number)
{
    struct client *client = server->clients;

    while (client && client->number != number) {
        client = client->next;
    }
    return client;
}

void local_server_answer(struct local_server *server, uint64_t client, const char *line, size_t len)
{
    struct client *found = find_client(server, client);

    if (found) {
        conn_write(found->conn, line, len);
    }
}

void local_server_dismiss(struct local_server *server, uint64_t client)
{
    struct client *found = find_client(server, client);

    if (found) {
        conn_close_after_writes(found->conn, ERR_INVALID, LOCAL_SERVER_LINGER_MS);
    }
}

void local_server_broadcast(struct local_server *server, const char *line, size_t len)
{
    for (struct client *each = server->clients; each; each = each->next) {
        conn_write(each->conn, line, len); /* A client that fails leaves by on_client_closed. */
    }
}

size_t local_server_clients(const struct local_server *server)
{
    return server->client_count;
}

void local_server_close(struct local_server *server, void (*on_closed)(void *context))
{
    if (server->closing) {
        return;
    }
    server->closing = true;
    server->on_closed = on_closed;
    local_endpoint_close(server->endpoint);
    for (struct client *each = server->clients; each; each = each->next) {
        conn_close_after_writes(each->conn, ERR_CANCELLED, LOCAL_SERVER_LINGER_MS);
    }
}
