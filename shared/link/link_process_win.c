#include "shared/link/link_process.h"

void link_process_init(void)
{
    /* Windows has no such signal. */
}
