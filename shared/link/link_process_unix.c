#include "shared/link/link_process.h"

#include <signal.h>

void link_process_init(void)
{
    signal(SIGPIPE, SIG_IGN);
}
