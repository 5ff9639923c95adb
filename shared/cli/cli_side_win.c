#include "shared/cli/cli_side.h"

const char *const cli_side_other = "WSL";

const char *const cli_side_link_remedy =
    "Start WSL if it does not run; \"ttyferry kick\" then looks for its agent at once. "
    "%LOCALAPPDATA%\\ttyferry\\agent.log says why none is found.";

const bool cli_side_sees_boards = true;
