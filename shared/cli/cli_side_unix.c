#include "shared/cli/cli_side.h"

const char *const cli_side_other = "Windows";

const char *const cli_side_link_remedy =
    "Run \"ttyferry.exe kick\" on Windows: it makes ttyferry look for this side at once, or says "
    "how to start it. %LOCALAPPDATA%\\ttyferry\\agent.log there says why they don't find each "
    "other.";

const bool cli_side_sees_boards = false;
