#include "shared/cli/cli_output.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>

void cli_output_init(void)
{
    _setmode(_fileno(stdout), _O_BINARY);
}
