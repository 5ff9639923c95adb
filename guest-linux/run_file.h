/* The agent's other files beside the stream's socket, in a folder that is root's alone to write
 * to. */
#ifndef TTYFERRY_GUEST_RUN_FILE_H
#define TTYFERRY_GUEST_RUN_FILE_H

#define RUN_FILE_PATH_SIZE 256

/* The guest's own door for the host agent: a Unix socket for root alone. */
#define RUN_FILE_LINK "link.sock"
/* Which of vhci's ports are ours (held_ports.h). */
#define RUN_FILE_PORTS "ports"

/* "/run/ttyferry/link.sock" for the stream "/run/ttyferry/events.sock". Returns 0 or ERR_TOO_LONG.
 */
int run_file_path(const char *stream_path, const char *name, char path[RUN_FILE_PATH_SIZE]);

#endif
