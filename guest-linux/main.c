/* ttyferry, the program of the Linux guest. */
#include <stddef.h>

#include "guest-linux/agent_command.h"
#include "shared/cli/cli.h"

static const struct cli_verb verbs[] = {
    {"agent", "run the guest agent in the foreground", agent_command},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return cli_main(argc, argv, verbs);
}
