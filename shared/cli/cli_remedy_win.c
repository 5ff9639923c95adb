#include "shared/cli/cli_remedy.h"

#include "shared/core/text.h"

void cli_remedy_absent(char remedy[CLI_REMEDY_SIZE])
{
    text_copy(remedy, CLI_REMEDY_SIZE,
              "start it with \"ttyferryw agent --supervise\", as every logon does; where it is not "
              "set up, \"ttyferry install\" does that");
}

void cli_remedy_denied(const char *path, char remedy[CLI_REMEDY_SIZE])
{
    (void)path;
    text_copy(remedy, CLI_REMEDY_SIZE, "run this as the user whose agent it is");
}
