#include "usbipd_mutex.h"

#define NAME L"Global\\usbipd-{A8256F62-728F-49B0-82BB-E5E48F83D28F}"

DWORD usbipd_mutex_hold(BOOL hold)
{
    static HANDLE mutex;

    if (hold && !mutex) {
        mutex = CreateMutexW(NULL, TRUE, NAME);
        return mutex ? ERROR_SUCCESS : GetLastError();
    }
    if (!hold && mutex) {
        CloseHandle(mutex);
        mutex = NULL;
    }
    return ERROR_SUCCESS;
}

BOOL usbipd_mutex_is_held(void)
{
    HANDLE mutex = OpenMutexW(SYNCHRONIZE, FALSE, NAME);

    if (!mutex)
        return GetLastError() == ERROR_ACCESS_DENIED;
    CloseHandle(mutex);
    return TRUE;
}
