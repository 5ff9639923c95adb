/* What cli_remedy finds out on Unix, and what it says of it. */
#ifndef TTYFERRY_CLI_CLI_REMEDY_UNIX_H
#define TTYFERRY_CLI_CLI_REMEDY_UNIX_H

#include <stdbool.h>
#include <sys/types.h>

#include "shared/cli/cli_remedy.h"

/* A stream's socket, and who wants to read it. */
struct cli_remedy_socket {
    bool is_for_group;  /* else it is root's alone */
    gid_t gid;          /* the group's number */
    const char *group;  /* and what it is called here, NULL: nothing */
    bool is_member_now; /* the group's list has the user, whose session may be older than that */
};

void cli_remedy_unix_denied(const struct cli_remedy_socket *socket, char remedy[CLI_REMEDY_SIZE]);

/* As cli_remedy_absent, for what lies below `root`, which is "" but for tests. */
void cli_remedy_unix_absent(const char *root, char remedy[CLI_REMEDY_SIZE]);

#endif
