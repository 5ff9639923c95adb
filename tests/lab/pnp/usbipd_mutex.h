/*
 * The named mutex that usbipd-win's service holds as long as it runs.
 */
#ifndef USBIPD_MUTEX_H
#define USBIPD_MUTEX_H

#include <windows.h>

/* Holds it from now on, or no longer; also twice over.  Returns ERROR_SUCCESS or a Windows error
 * code.  It ends with the process too. */
DWORD usbipd_mutex_hold(BOOL hold);

/* Whether anybody holds it; one that must not be opened is held too. */
BOOL usbipd_mutex_is_held(void);

#endif
