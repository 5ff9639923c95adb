/* Carries bytes between this program's stdin and stdout and the agent's socket, whatever they mean:
 * what `ttyferry agent --stdio` is at the guest's end of a bridge. It holds at most one buffer each
 * way: a side that does not read holds up the other. */
#ifndef TTYFERRY_GUEST_STDIO_RELAY_H
#define TTYFERRY_GUEST_STDIO_RELAY_H

#define STDIO_RELAY_BUFFER_SIZE (64u * 1024)
/* When stdin has ended the agent ends the connection; it is not waited for longer. */
#define STDIO_RELAY_LINGER_MS 2000

/* Runs until either side ends; blocks. All three descriptors stay the caller's; `in` and `out` are
 * made non-blocking. Returns 0 when the agent has closed and all it said has been written, or stdin
 * has ended; ERR_CLOSED if nobody reads `out` any more; ERR_NOMEM, ERR_IO. */
int stdio_relay_run(int in, int out, int agent, int linger_ms);

#endif
