/* What Windows says of the session that this process runs in. */
#ifndef TTYFERRY_HOST_WIN_SESSION_H
#define TTYFERRY_HOST_WIN_SESSION_H

#include <stdbool.h>

/* Whether it is the active one now (session_activity.h). */
bool session_is_active(void);

#endif
