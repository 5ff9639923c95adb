/* Hears from Windows' plug-and-play: a hidden top-level window in a thread of its own, which puts
 * struct host_notice into the inbox. It scans nothing. */
#ifndef TTYFERRY_HOST_WIN_PNP_LISTENER_H
#define TTYFERRY_HOST_WIN_PNP_LISTENER_H

#include "shared/link/inbox.h"

/* Of the hidden window: WM_CLOSE to it asks the agent to end. */
#define PNP_LISTENER_WINDOW_CLASS L"ttyferry-pnp-listener"

struct pnp_listener;

/* Starts listening. When it returns 0 the registration stands, and a first
 * HOST_NOTICE_DEVICES_CHANGED is in the inbox; three more follow within 4 s. The inbox (of struct
 * host_notice) must outlive the listener. Returns 0, ERR_NOMEM or ERR_IO. */
int pnp_listener_open(struct inbox *inbox, struct pnp_listener **listener);

/* Ends the thread and waits for it. */
void pnp_listener_close(struct pnp_listener *listener);

#endif
