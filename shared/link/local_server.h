/* A server on this machine's own ground: a Unix socket in the guest, a named pipe on Windows.
 * It speaks first: each client gets the greeting and then every line that is broadcast. What
 * clients say is thrown away unless somebody wants to hear it.
 *
 * One header, one file per platform for making the endpoint and for who may enter. */
#ifndef TTYFERRY_LINK_LOCAL_SERVER_H
#define TTYFERRY_LINK_LOCAL_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define LOCAL_SERVER_CLIENTS_MAX 256u
/* Longest greeting. */
#define LOCAL_SERVER_GREETING_MAX (8u * 1024 * 1024)
/* Bytes of answers that may wait for a client; one that asks on without reading is dropped. */
#define LOCAL_SERVER_ANSWERS_MAX (64u * 1024)
/* How long a client that is dropped has for its last line. */
#define LOCAL_SERVER_GOODBYE_MS 10000u
/* Clients that have to leave and may still be given a last line; further ones are not. */
#define LOCAL_SERVER_LEAVING_MAX 64u

/* What a client may say in one line when it is heard; a longer one drops it. */
#define LOCAL_SERVER_LINE_MAX 4096u

/* Places where one server may be found. */
#define LOCAL_SERVER_DOORS_MAX 2u

struct local_server;

/* Why a client has to leave. */
enum local_server_reason {
    LOCAL_SERVER_TOO_SLOW, /* what it has not read has gone from the log, or its answers pile up */
    LOCAL_SERVER_TOO_MANY, /* others have every place */
};

/* The first line for a new client (LF at its end). `*line` is heap memory that the server frees.
 * Returns 0, or ours, and then the client is closed. */
typedef int (*local_server_greet_fn)(void *context, char **line, size_t *len);

/* Serves at `path`: on Unix a socket's file name, on Windows a pipe's full name.
 * Unix: the folder is made if missing (root, 0755), and must be root's or this user's own, with
 * nobody else writing to it (else ERR_DENIED); a socket left over by a dead agent is replaced, a
 * living one gives ERR_EXISTS, any other file there ERR_DENIED; the socket's mode is 0660 and
 * its group `group`, or 0600 if that is NULL or does not exist. Of those who connect, only root,
 * this user and the group's members stay, by what the kernel says of them. Windows:
 * CreateNamedPipeW with a DACL for the token user and SYSTEM only, PIPE_REJECT_REMOTE_CLIENTS,
 * FILE_FLAG_FIRST_PIPE_INSTANCE; `group` is ignored. Returns 0, ERR_EXISTS, ERR_DENIED, ERR_NOMEM,
 * ERR_IO. */
int local_server_open(uv_loop_t *loop, const char *path, const char *group,
                      local_server_greet_fn greet, void *context, struct local_server **server);

/* Serves at a further path too, with the same rights; who comes there is a client like the others.
 * Returns as local_server_open, and ERR_FULL after LOCAL_SERVER_DOORS_MAX; on failure nothing has
 * changed. Not once it is closing. */
int local_server_open_door(struct local_server *server, const char *path, const char *group);

/* A client has said a line: terminated, LF cut off, valid during the call. `client` is its number,
 * which no other ever gets. */
typedef void (*local_server_hear_fn)(void *context, uint64_t client, char *line, size_t len);

/* Hears the clients that come from now on; one that leaves half a line, sends a NUL or a line over
 * LOCAL_SERVER_LINE_MAX is dropped. To be called once, with the context of local_server_open. */
void local_server_hear(struct local_server *server, local_server_hear_fn hear);

/* Sends a line to that client alone; does nothing if it has left. */
void local_server_answer(struct local_server *server, uint64_t client, const char *line,
                         size_t len);

/* Hears no more of that client, and lets it go when it has what was sent to it. */
void local_server_dismiss(struct local_server *server, uint64_t client);

/* Makes the last line for a client that has to leave (as local_server_greet_fn makes the first);
 * `next` is the number of the line that it would have got next. */
typedef int (*local_server_part_fn)(void *context, enum local_server_reason reason, uint64_t next,
                                    char **line, size_t *len);

/* Those that have to leave are told so from now on; until then they leave without a word. To be
 * called once, with the context of local_server_open. */
void local_server_part(struct local_server *server, local_server_part_fn part);

/* Sends a line to every client. The lines are numbered, the first is 1. They wait in one log
 * (line_log.h) for all clients, each of which has one write under way at most: one that reads
 * slowly costs the others nothing, and has to leave when the log lets go of what it has not got. An
 * answer may come before lines that were sent earlier and wait still. */
void local_server_broadcast(struct local_server *server, const char *line, size_t len);

/* The number of the oldest line that is kept (line_log.h). */
uint64_t local_server_first(const struct local_server *server);

/* From here on that client gets the lines from that number on, which must be kept or be the next
 * one; it does not matter what it got before. Does nothing if it has left. */
void local_server_rewind(struct local_server *server, uint64_t client, uint64_t number);

/* Clients connected, without those that are leaving. */
size_t local_server_clients(const struct local_server *server);

/* Ends serving; removes the sockets' files. Idempotent. `on_closed` (may be NULL) runs once, last,
 * with the context given to local_server_open. */
void local_server_close(struct local_server *server, void (*on_closed)(void *context));

#endif
