/* The verb `setup`: what the installer on Windows runs in the guest, and people by hand. */
#ifndef TTYFERRY_GUEST_SETUP_COMMAND_H
#define TTYFERRY_GUEST_SETUP_COMMAND_H

/* See struct cli_verb. */
int setup_command(int argc, char **argv);

#endif
