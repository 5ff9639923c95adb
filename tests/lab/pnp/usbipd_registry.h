/*
 * What usbipd-win keeps in the registry: HKLM\SOFTWARE\usbipd-win, in the 64-bit view.
 * Every function returns ERROR_SUCCESS or a Windows error code.
 */
#ifndef USBIPD_REGISTRY_H
#define USBIPD_REGISTRY_H

#include <windows.h>

enum {
    USBIPD_REGISTRY_GUID_CHARS = 39, /* "{...}" with its NUL */
    USBIPD_REGISTRY_TEXT_CHARS = 256,
};

/* Makes it look installed. */
DWORD usbipd_registry_install(const wchar_t *folder, const wchar_t *version);

/* Adds Devices\{guid} and returns the guid made for it; ERROR_ALREADY_EXISTS if that instance is
 * bound. */
DWORD usbipd_registry_bind(const wchar_t *instance_id, const wchar_t *description,
                           wchar_t guid[USBIPD_REGISTRY_GUID_CHARS]);

/* Removes the device of that instance id, whatever the case; ERROR_NOT_FOUND if none is bound. */
DWORD usbipd_registry_unbind(const wchar_t *instance_id);

/* The guid of that instance id's entry; ERROR_NOT_FOUND if it is not bound. */
DWORD usbipd_registry_find(const wchar_t *instance_id, wchar_t guid[USBIPD_REGISTRY_GUID_CHARS]);

/* What one entry of Devices says; all empty but what is there.  `address` and `stub` are those of
 * Attached. */
struct usbipd_registry_device {
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS];
    wchar_t instance[USBIPD_REGISTRY_TEXT_CHARS];
    wchar_t description[USBIPD_REGISTRY_TEXT_CHARS];
    wchar_t busid[USBIPD_REGISTRY_TEXT_CHARS];
    wchar_t address[USBIPD_REGISTRY_TEXT_CHARS];
    wchar_t stub[USBIPD_REGISTRY_TEXT_CHARS];
};

/* Reads the entry at `index`, in no order that is promised; ERROR_NO_MORE_ITEMS after the last. */
DWORD usbipd_registry_device(DWORD index, struct usbipd_registry_device *device);

/* Notes in the volatile key Attached of that device who has it; ERROR_NOT_FOUND if it is not
 * bound. */
DWORD usbipd_registry_attach(const wchar_t *instance_id, const wchar_t *stub_id,
                             const wchar_t *busid, const wchar_t *address);

/* Deletes that key. */
DWORD usbipd_registry_release(const wchar_t *instance_id);

/* A rule of Policy; a condition that it has not is empty. */
struct usbipd_registry_rule {
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS];
    wchar_t effect[USBIPD_REGISTRY_TEXT_CHARS];
    wchar_t operation[USBIPD_REGISTRY_TEXT_CHARS];
    wchar_t busid[USBIPD_REGISTRY_TEXT_CHARS];
    wchar_t hardware_id[USBIPD_REGISTRY_TEXT_CHARS];
};

/* Reads the rule at `index`, in no order that is promised; ERROR_NO_MORE_ITEMS after the last. */
DWORD usbipd_registry_rule(DWORD index, struct usbipd_registry_rule *rule);

/* Adds a rule to Policy; NULL leaves a value out. */
DWORD usbipd_registry_allow(const wchar_t *effect, const wchar_t *busid,
                            const wchar_t *hardware_id);

/* Removes one rule; ERROR_FILE_NOT_FOUND if there is none of that guid. */
DWORD usbipd_registry_forget_rule(const wchar_t *guid);

/* True if a rule allows the board ("1-3", "1A86:7523", either may be "") and none denies it. */
BOOL usbipd_registry_policy_allows(const wchar_t *busid, const wchar_t *hardware_id);

/* Removes every rule. */
DWORD usbipd_registry_forget_policy(void);

#endif
