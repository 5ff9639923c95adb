/*
 * What the lab's programs tell each other in the registry: HKLM\SOFTWARE\ttyferry-lab.
 */
#ifndef LAB_REGISTRY_H
#define LAB_REGISTRY_H

#include <windows.h>

enum { LAB_REGISTRY_TEXT_CHARS = 64 };

/* The TCP port at 127.0.0.1 where the lab's usbipd-win hears usbipd.exe. */
#define LAB_REGISTRY_PORT L"UsbipdPort"
/* What usbipd.exe finds instead of an administrator: "user" or "cancelled". */
#define LAB_REGISTRY_RIGHTS L"UsbipdRights"

/* Returns ERROR_SUCCESS or a Windows error code. */
DWORD lab_registry_set(const wchar_t *name, const wchar_t *text);

/* "" if it was never set. */
void lab_registry_get(const wchar_t *name, wchar_t text[LAB_REGISTRY_TEXT_CHARS]);

#endif
