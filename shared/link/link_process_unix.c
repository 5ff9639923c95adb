#include "shared/link/link_process.h"

#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

void link_process_init(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0) {
        abort();
    }
}
