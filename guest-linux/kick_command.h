/* The verb `kick`: asks the agent on Windows, through WSL's interop, to link at once. Started by
 * the unit and by whoever starts the agent in the background; best effort, for the host finds the
 * guest by itself a little later. */
#ifndef TTYFERRY_GUEST_KICK_COMMAND_H
#define TTYFERRY_GUEST_KICK_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#define KICK_REASON_SIZE 4096

/* This machine's places; tests have others. Borrowed. */
struct kick_places {
    const char *root;         /* of every path: "" */
    const char *interop_root; /* of the path that the Windows program has in the guest: "" */
    uint64_t limit_ms;        /* after which the program is killed */
};

/* See struct cli_verb. */
int kick_command(int argc, char **argv);

/* kick_run with this machine's places; a failure is a debug line. Takes 5 s at most. Returns as
 * kick_run. */
int kick_quietly(void);

/* Runs `ttyferry.exe kick`, blocking until it has ended. Returns 0; ERR_NOT_FOUND where
 * /etc/ttyferry/host or the program that it names is not there; ERR_INVALID if what it names is no
 * path on a drive; ERR_DENIED if others may write the file; ERR_TIMEOUT; ERR_IO if it failed. On
 * failure `reason` has the cause and the remedy. */
int kick_run(const struct kick_places *places, char reason[KICK_REASON_SIZE]);

#endif
