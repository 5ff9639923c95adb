/*
 * What usbipd-win keeps in the registry: HKLM\SOFTWARE\usbipd-win, in the 64-bit view.
 * Every function returns ERROR_SUCCESS or a Windows error code.
 */
#ifndef USBIPD_REGISTRY_H
#define USBIPD_REGISTRY_H

#include <windows.h>

enum { USBIPD_REGISTRY_GUID_CHARS = 39 }; /* "{...}" with its NUL */

/* Makes it look installed. */
DWORD usbipd_registry_install(const wchar_t *folder, const wchar_t *version);

/* Adds Devices\{guid} and returns the guid made for it; ERROR_ALREADY_EXISTS if that instance is
 * bound. */
DWORD usbipd_registry_bind(const wchar_t *instance_id, const wchar_t *description,
                           wchar_t guid[USBIPD_REGISTRY_GUID_CHARS]);

/* Removes the device of that instance id, whatever the case; ERROR_NOT_FOUND if none is bound. */
DWORD usbipd_registry_unbind(const wchar_t *instance_id);

/* Notes in the volatile key Attached of that device who has it; ERROR_NOT_FOUND if it is not
 * bound. */
DWORD usbipd_registry_attach(const wchar_t *instance_id, const wchar_t *stub_id,
                             const wchar_t *busid, const wchar_t *address);

/* Deletes that key. */
DWORD usbipd_registry_release(const wchar_t *instance_id);

/* Adds a rule to Policy; NULL leaves a value out. */
DWORD usbipd_registry_allow(const wchar_t *effect, const wchar_t *busid,
                            const wchar_t *hardware_id);

/* Removes every rule. */
DWORD usbipd_registry_forget_policy(void);

#endif
