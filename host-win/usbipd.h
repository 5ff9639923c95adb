/* usbipd-win as its registry and its mutex show it. Needs no administrator. */
#ifndef TTYFERRY_HOST_WIN_USBIPD_H
#define TTYFERRY_HOST_WIN_USBIPD_H

#include <windows.h>

#include "shared/core/sharing.h"
#include "shared/link/inbox.h"

/* Where usbipd-win keeps itself. The strings are the caller's. */
struct usbipd_place {
    HKEY root;
    const wchar_t *parent;  /* path of the key above usbipd-win's own, which always is there */
    const wchar_t *key;     /* path of its own key below `root` */
    const wchar_t *running; /* name of the mutex that its service holds */
};

/* The place on every real machine. Static storage. */
const struct usbipd_place *usbipd_place(void);

/* Reads what usbipd exports. A key that is missing, or an entry that makes no sense, is left out:
 * a board that can't be told as shared needs sharing. */
void usbipd_read(const struct usbipd_place *place, struct sharing *sharing);

struct usbipd_watch;

/* Watches the registry in a thread, which puts HOST_NOTICE_SHARING_CHANGED into `inbox` (of struct
 * host_notice), once at the start and after every change. `place` and `inbox` must outlive the
 * watch. Returns 0, ERR_NOMEM or ERR_IO. */
int usbipd_watch_open(const struct usbipd_place *place, struct inbox *inbox,
                      struct usbipd_watch **watch);

/* Ends the thread and waits for it. */
void usbipd_watch_close(struct usbipd_watch *watch);

#endif
