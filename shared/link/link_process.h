/* What a process that uses connections has to set up once, at its start. */
#ifndef TTYFERRY_LINK_LINK_PROCESS_H
#define TTYFERRY_LINK_LINK_PROCESS_H

/* Writing to a connection that the peer has closed becomes an error instead of a signal that ends
 * the process (SIGPIPE, which libuv leaves to the program), and libsodium gets ready. cli_main
 * calls it for every verb. Ends the program where the system has no random numbers: no key could be
 * made or proven then. */
void link_process_init(void);

#endif
