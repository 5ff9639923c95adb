#include "shared/link/local_server.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/line_log.h"
#include "shared/core/log.h"
#include "shared/link/conn.h"
#include "shared/link/local_endpoint.h"
#include "shared/link/refusal_log.h"

/* How long clients have for the last lines when the server ends. */
#define LOCAL_SERVER_LINGER_MS 200u
/* Lines that go out in one write; a longer one goes alone. */
#define LOCAL_SERVER_CHUNK_SIZE (64u * 1024)
/* A client that lacks so many lines gets them at once, and does not wait for the loop's turn. */
#define LOCAL_SERVER_BATCH 64u
/* What a client that is behind still gets when the server ends. */
#define LOCAL_SERVER_LAST_CHUNKS 4

struct client {
    struct local_server *server;
    struct conn *conn;
    uint64_t number;
    uint64_t next_line; /* the number of the line that it gets next */
    size_t last_len;    /* bytes of the last write that was no answer */
    bool is_leaving;    /* it gets no more lines */
    struct client *next;
};

/* A place where the server is found. */
struct door {
    struct local_server *server;
    struct local_endpoint *endpoint; /* NULL: there is none, or it has closed */
};

struct local_server {
    uv_loop_t *loop;
    struct door doors[LOCAL_SERVER_DOORS_MAX];
    uv_timer_t turn; /* due at once: what one turn of the loop says goes out in one write */
    bool turn_closed;
    struct client *clients;
    size_t client_count; /* without the leaving ones */
    size_t leaving_count;
    uint64_t last_number;
    struct line_log *log;
    struct refusal_log drops;
    char chunk[LOCAL_SERVER_CHUNK_SIZE];
    local_server_greet_fn greet;
    local_server_hear_fn hear; /* NULL: nobody does */
    local_server_part_fn part; /* NULL: without a word */
    void *context;
    bool closing;
    void (*on_closed)(void *context);
};

static const struct conn_limits client_limits = {
    .line_max = LOCAL_SERVER_LINE_MAX,
    .write_max = LOCAL_SERVER_GREETING_MAX + LOCAL_SERVER_ANSWERS_MAX,
};

static bool has_door(const struct local_server *server)
{
    for (size_t i = 0; i < LOCAL_SERVER_DOORS_MAX; i++) {
        if (server->doors[i].endpoint) {
            return true;
        }
    }
    return false;
}

static void finish_if_closed(struct local_server *server)
{
    if (!server->closing || has_door(server) || server->clients || !server->turn_closed) {
        return;
    }
    if (server->on_closed) {
        server->on_closed(server->context);
    }
    line_log_destroy(server->log);
    free(server);
}

static void on_client_closed(void *context, int error)
{
    struct client *client = context;
    struct local_server *server = client->server;
    struct client **place = &server->clients;

    (void)error;
    while (*place != client) {
        place = &(*place)->next;
    }
    *place = client->next;
    if (client->is_leaving) {
        server->leaving_count--;
    } else {
        server->client_count--;
    }
    free(client);
    finish_if_closed(server);
}

/* Sends it no more lines, and lets it go when it has what was sent to it. */
static void leave(struct client *client, int error, unsigned timeout_ms)
{
    if (!client->is_leaving) {
        client->is_leaving = true;
        client->server->client_count--;
        client->server->leaving_count++;
    }
    conn_close_after_writes(client->conn, error, timeout_ms);
}

/* Who comes again and again fills no log. */
static void log_drop(struct local_server *server, enum local_server_reason reason)
{
    const char *why =
        reason == LOCAL_SERVER_TOO_SLOW ? "it reads too slowly" : "there are too many";
    unsigned held_back;

    if (refusal_log_take(&server->drops, why, uv_now(server->loop), &held_back)) {
        log_warning("a reader of the event stream is sent away: %s (%u more were, untold)", why,
                    held_back);
    }
}

/* It is told why, unless a crowd of others is being told already. */
static void drop(struct client *client, enum local_server_reason reason)
{
    struct local_server *server = client->server;
    char *line = NULL;
    size_t len = 0;

    if (client->is_leaving) {
        return;
    }
    log_drop(server, reason);
    if (server->leaving_count >= LOCAL_SERVER_LEAVING_MAX) {
        conn_close(client->conn, ERR_FULL);
    } else if (server->part &&
               server->part(server->context, reason, client->next_line, &line, &len) == 0) {
        conn_write(client->conn, line, len);
        free(line);
    }
    leave(client, ERR_FULL, LOCAL_SERVER_GOODBYE_MS);
}

/* Sends as many of its next lines as go into one write, at least one. Returns 0 or ours; the client
 * is closing then. */
static int send_chunk(struct client *client)
{
    struct local_server *server = client->server;
    uint64_t end = line_log_next(server->log);
    const char *bytes = server->chunk;
    size_t filled = 0;

    while (client->next_line < end) {
        size_t len;
        const char *line = line_log_get(server->log, client->next_line, &len);

        if (len > sizeof server->chunk - filled) {
            if (filled > 0) {
                break;
            }
            bytes = line;
            filled = len;
            client->next_line++;
            break;
        }
        if (len > 0) {
            memcpy(server->chunk + filled, line, len);
            filled += len;
        }
        client->next_line++;
    }
    client->last_len = filled;
    return filled > 0 ? conn_write(client->conn, bytes, filled) : 0;
}

/* One write at a time: what a slow client does not take stays in the log. */
static void pump(struct client *client)
{
    while (!client->is_leaving && client->next_line < line_log_next(client->server->log) &&
           conn_waiting(client->conn) == 0) {
        if (send_chunk(client) != 0) {
            return;
        }
    }
}

static void on_turn(uv_timer_t *timer)
{
    struct local_server *server = timer->data;

    for (struct client *each = server->clients; each; each = each->next) {
        pump(each);
    }
}

static void on_turn_closed(uv_handle_t *handle)
{
    struct local_server *server = handle->data;

    server->turn_closed = true;
    finish_if_closed(server);
}

static void on_client_written(void *context)
{
    pump(context);
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
static const struct conn_callbacks deaf_callbacks = {
    .on_closed = on_client_closed,
    .on_written = on_client_written,
};
static const struct conn_callbacks hearing_callbacks = {
    .on_line = on_client_line,
    .on_closed = on_client_closed,
    .on_written = on_client_written,
};

static int greet(struct client *client)
{
    struct local_server *server = client->server;
    char *line = NULL;
    size_t len = 0;
    int result = server->greet(server->context, &line, &len);

    if (result == 0) {
        client->last_len = len;
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
    created->next_line = line_log_next(server->log);
    created->next = server->clients;
    server->clients = created;
    server->client_count++;
    *client = created;
    return 0;
}

static void on_endpoint_client(void *context)
{
    const struct door *door = context;
    struct local_server *server = door->server;
    struct client *client;
    int result = create_client(server, &client);

    if (result != 0) {
        log_error("cannot take a reader of the event stream: %s", error_text(result));
        return;
    }
    /* One too many is taken all the same, and sent away: left alone it would wait for ever. */
    result = local_endpoint_accept(door->endpoint, (uv_pipe_t *)conn_stream(client->conn));
    if (result == 0) {
        result = conn_start(client->conn);
    }
    if (result == 0 && server->client_count > LOCAL_SERVER_CLIENTS_MAX) {
        drop(client, LOCAL_SERVER_TOO_MANY);
    } else if (result == 0) {
        result = greet(client);
    }
    if (result != 0) {
        conn_close(client->conn, result);
    }
}

static void on_endpoint_closed(void *context)
{
    struct door *door = context;

    door->endpoint = NULL;
    finish_if_closed(door->server);
}

static const struct local_endpoint_callbacks endpoint_callbacks = {
    .on_client = on_endpoint_client,
    .on_closed = on_endpoint_closed,
};

int local_server_open_door(struct local_server *server, const char *path, const char *group)
{
    for (size_t i = 0; i < LOCAL_SERVER_DOORS_MAX; i++) {
        struct door *door = &server->doors[i];

        if (!door->endpoint) {
            door->server = server;
            return local_endpoint_open(server->loop, path, group, &endpoint_callbacks, door,
                                       &door->endpoint);
        }
    }
    return ERR_FULL;
}

static int create(uv_loop_t *loop, local_server_greet_fn greet_fn, void *context,
                  struct local_server **server)
{
    struct local_server *created = calloc(1, sizeof *created);

    if (!created) {
        return ERR_NOMEM;
    }
    if (line_log_create(&created->log) != 0) {
        free(created);
        return ERR_NOMEM;
    }
    created->loop = loop;
    created->greet = greet_fn;
    created->context = context;
    *server = created;
    return 0;
}

int local_server_open(uv_loop_t *loop, const char *path, const char *group,
                      local_server_greet_fn greet_fn, void *context, struct local_server **server)
{
    struct local_server *created;
    int result = create(loop, greet_fn, context, &created);

    if (result != 0) {
        return result;
    }
    result = local_server_open_door(created, path, group);
    if (result != 0) {
        line_log_destroy(created->log);
        free(created);
        return result;
    }
    uv_timer_init(loop, &created->turn); /* Documented never to fail. */
    created->turn.data = created;
    *server = created;
    return 0;
}

void local_server_hear(struct local_server *server, local_server_hear_fn hear)
{
    server->hear = hear;
}

void local_server_part(struct local_server *server, local_server_part_fn part)
{
    server->part = part;
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

    if (!found || found->is_leaving) {
        return;
    }
    pump(found); /* What was said before the answer comes before it, if it can. */
    if (conn_waiting(found->conn) > found->last_len + LOCAL_SERVER_ANSWERS_MAX) {
        drop(found, LOCAL_SERVER_TOO_SLOW);
    } else {
        conn_write(found->conn, line, len);
    }
}

void local_server_dismiss(struct local_server *server, uint64_t client)
{
    struct client *found = find_client(server, client);

    if (found) {
        leave(found, ERR_INVALID, LOCAL_SERVER_LINGER_MS);
    }
}

/* A client that fails leaves by on_client_closed: the list stays as it is meanwhile. */
void local_server_broadcast(struct local_server *server, const char *line, size_t len)
{
    int result = line_log_add(server->log, line, len);
    uint64_t needed = line_log_next(server->log);

    if (result != 0) {
        log_error("line %llu is missing from the event stream: %s", (unsigned long long)needed - 1,
                  error_text(result));
    }
    for (struct client *each = server->clients; each; each = each->next) {
        if (each->next_line < line_log_first(server->log)) {
            drop(each, LOCAL_SERVER_TOO_SLOW);
        }
        if (line_log_next(server->log) - each->next_line >= LOCAL_SERVER_BATCH) {
            pump(each);
        }
        if (!each->is_leaving && each->next_line < needed) {
            needed = each->next_line;
        }
    }
    line_log_trim(server->log, needed);
    if (!server->closing && server->client_count > 0 &&
        !uv_is_active((uv_handle_t *)&server->turn)) {
        uv_timer_start(&server->turn, on_turn, 0, 0);
    }
}

uint64_t local_server_first(const struct local_server *server)
{
    return line_log_first(server->log);
}

void local_server_rewind(struct local_server *server, uint64_t client, uint64_t number)
{
    struct client *found = find_client(server, client);

    if (found) {
        found->next_line = number;
        pump(found);
    }
}

size_t local_server_clients(const struct local_server *server)
{
    return server->client_count;
}

/* Nobody waits for one that was told to leave and does not read. */
static void close_client(struct client *client)
{
    struct local_server *server = client->server;

    if (client->is_leaving) {
        conn_close(client->conn, ERR_CANCELLED);
        return;
    }
    for (int i = 0; i < LOCAL_SERVER_LAST_CHUNKS; i++) {
        if (client->next_line == line_log_next(server->log) || send_chunk(client) != 0) {
            break;
        }
    }
    leave(client, ERR_CANCELLED, LOCAL_SERVER_LINGER_MS);
}

void local_server_close(struct local_server *server, void (*on_closed)(void *context))
{
    if (server->closing) {
        return;
    }
    server->closing = true;
    server->on_closed = on_closed;
    for (size_t i = 0; i < LOCAL_SERVER_DOORS_MAX; i++) {
        if (server->doors[i].endpoint) {
            local_endpoint_close(server->doors[i].endpoint);
        }
    }
    uv_close((uv_handle_t *)&server->turn, on_turn_closed);
    for (struct client *each = server->clients; each; each = each->next) {
        close_client(each);
    }
}
