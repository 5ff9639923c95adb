/* ttyferry, the program of the Linux guest. */
#include <stddef.h>

#include "guest-linux/agent_command.h"
#include "guest-linux/kick_command.h"
#include "guest-linux/setup_command.h"
#include "shared/cli/cli.h"

static const struct cli_verb verbs[] = {
    {"agent", "run the guest agent in the foreground", agent_command},
    {"setup", "install this program as the guest agent, upgrade it, or remove it", setup_command},
    {"kick", "ask the agent on Windows to link at once", kick_command},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return cli_main(argc, argv, verbs);
}
