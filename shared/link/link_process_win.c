#include "shared/link/link_process.h"

#include <sodium.h>
#include <stdlib.h>

void link_process_init(void)
{
    /* Windows has no such signal. */
    if (sodium_init() < 0) {
        abort();
    }
}
