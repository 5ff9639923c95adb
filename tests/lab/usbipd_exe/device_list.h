/*
 * The devices that usbipd.exe speaks of: Windows' present USB nodes, merged with what usbipd-win
 * has in the registry.  Hubs and stubs are not among them.
 */
#ifndef DEVICE_LIST_H
#define DEVICE_LIST_H

#include <windows.h>

#include "tests/lab/pnp/usbipd_registry.h"

enum { DEVICE_LIST_MAX = 64, DEVICE_BUSID_CHARS = 32 };

struct device {
    wchar_t instance[USBIPD_REGISTRY_TEXT_CHARS];
    wchar_t description[USBIPD_REGISTRY_TEXT_CHARS];
    wchar_t busid[DEVICE_BUSID_CHARS];        /* "1-3", "IncompatibleHub", or "" if not present */
    wchar_t hardware_id[DEVICE_BUSID_CHARS];  /* "1A86:7523" */
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS]; /* of its entry with the braces, or "" */
    wchar_t address[USBIPD_REGISTRY_TEXT_CHARS]; /* of the client that has it, or "" */
    wchar_t stub[USBIPD_REGISTRY_TEXT_CHARS];    /* while attached, else "" */
    BOOL is_forced;
};

struct device_list {
    struct device devices[DEVICE_LIST_MAX]; /* present ones first, by busid */
    size_t count;
};

/* ERROR_SUCCESS or a Windows error code. */
DWORD device_list_read(struct device_list *list);

#endif
