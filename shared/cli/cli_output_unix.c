#include "shared/cli/cli_output.h"

void cli_output_init(void)
{
    /* Unix streams carry bytes as they are. */
}
