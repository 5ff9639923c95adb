#include "usbipd_registry.h"

#include <rpc.h>
#include <stdio.h>
#include <wchar.h>

#define ROOT_KEY L"SOFTWARE\\usbipd-win"
#define DEVICES_KEY L"SOFTWARE\\usbipd-win\\Devices"
#define POLICY_KEY L"SOFTWARE\\usbipd-win\\Policy"
#define ATTACHED_KEY L"Attached"

enum { INSTANCE_CHARS = 256 };

static DWORD set_string(HKEY key, const wchar_t *name, const wchar_t *value)
{
    DWORD size = (DWORD)((wcslen(value) + 1) * sizeof(*value));

    return (DWORD)RegSetValueExW(key, name, 0, REG_SZ, (const BYTE *)value, size);
}

static DWORD key_create(HKEY parent, const wchar_t *path, HKEY *key)
{
    return (DWORD)RegCreateKeyExW(parent, path, 0, NULL, 0, KEY_ALL_ACCESS | KEY_WOW64_64KEY, NULL,
                                  key, NULL);
}

DWORD usbipd_registry_install(const wchar_t *folder, const wchar_t *version)
{
    HKEY key;
    DWORD error = key_create(HKEY_LOCAL_MACHINE, ROOT_KEY, &key);

    if (error)
        return error;
    error = set_string(key, L"APPLICATIONFOLDER", folder);
    if (!error)
        error = set_string(key, L"Version", version);
    RegCloseKey(key);
    return error;
}

/* Finds the subkey of Devices that holds an instance id. */
static DWORD device_find(HKEY devices, const wchar_t *instance_id,
                         wchar_t guid[USBIPD_REGISTRY_GUID_CHARS])
{
    wchar_t name[USBIPD_REGISTRY_GUID_CHARS];
    wchar_t bound[INSTANCE_CHARS];

    for (DWORD i = 0;; i++) {
        DWORD name_length = USBIPD_REGISTRY_GUID_CHARS;
        DWORD size = sizeof(bound);
        LSTATUS status = RegEnumKeyExW(devices, i, name, &name_length, NULL, NULL, NULL, NULL);

        if (status == ERROR_NO_MORE_ITEMS)
            return ERROR_NOT_FOUND;
        if (status)
            return (DWORD)status;
        status = RegGetValueW(devices, name, L"InstanceId", RRF_RT_REG_SZ, NULL, bound, &size);
        if (status || _wcsicmp(bound, instance_id) != 0)
            continue;
        wcscpy(guid, name);
        return ERROR_SUCCESS;
    }
}

static DWORD guid_make(wchar_t text[USBIPD_REGISTRY_GUID_CHARS])
{
    UUID uuid;
    const unsigned char *tail = uuid.Data4;

    if (UuidCreate(&uuid) != RPC_S_OK)
        return ERROR_GEN_FAILURE;
    swprintf(text, USBIPD_REGISTRY_GUID_CHARS,
             L"{%08lx-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x}", uuid.Data1, uuid.Data2,
             uuid.Data3, tail[0], tail[1], tail[2], tail[3], tail[4], tail[5], tail[6], tail[7]);
    return ERROR_SUCCESS;
}

/* As with the real service, a reader that is told of the new key may find it empty for a moment. */
static DWORD device_write(HKEY devices, const wchar_t *guid, const wchar_t *instance_id,
                          const wchar_t *description)
{
    HKEY key;
    DWORD error = key_create(devices, guid, &key);

    if (error)
        return error;
    error = set_string(key, L"InstanceId", instance_id);
    if (!error)
        error = set_string(key, L"Description", description);
    RegCloseKey(key);
    return error;
}

DWORD usbipd_registry_bind(const wchar_t *instance_id, const wchar_t *description,
                           wchar_t guid[USBIPD_REGISTRY_GUID_CHARS])
{
    HKEY devices;
    DWORD error = key_create(HKEY_LOCAL_MACHINE, DEVICES_KEY, &devices);

    if (error)
        return error;
    error = device_find(devices, instance_id, guid);
    if (!error)
        error = ERROR_ALREADY_EXISTS;
    else if (error == ERROR_NOT_FOUND)
        error = guid_make(guid);
    if (!error)
        error = device_write(devices, guid, instance_id, description);
    RegCloseKey(devices);
    return error;
}

DWORD usbipd_registry_find(const wchar_t *instance_id, wchar_t guid[USBIPD_REGISTRY_GUID_CHARS])
{
    HKEY devices;
    DWORD error = key_create(HKEY_LOCAL_MACHINE, DEVICES_KEY, &devices);

    if (error)
        return error;
    error = device_find(devices, instance_id, guid);
    RegCloseKey(devices);
    return error;
}

/* Reads a string, or leaves "" if there is none. */
static void get_string(HKEY key, const wchar_t *subkey, const wchar_t *name,
                       wchar_t text[USBIPD_REGISTRY_TEXT_CHARS])
{
    DWORD size = USBIPD_REGISTRY_TEXT_CHARS * sizeof(wchar_t);

    if (RegGetValueW(key, subkey, name, RRF_RT_REG_SZ, NULL, text, &size))
        text[0] = L'\0';
}

/* Opens the subkey at `index` below a key of usbipd-win's and tells its name. */
static DWORD entry_open(const wchar_t *path, DWORD index, wchar_t name[USBIPD_REGISTRY_GUID_CHARS],
                        HKEY *entry)
{
    DWORD name_length = USBIPD_REGISTRY_GUID_CHARS;
    HKEY parent;
    DWORD error = key_create(HKEY_LOCAL_MACHINE, path, &parent);

    if (error)
        return error;
    error = (DWORD)RegEnumKeyExW(parent, index, name, &name_length, NULL, NULL, NULL, NULL);
    if (!error)
        error = (DWORD)RegOpenKeyExW(parent, name, 0, KEY_READ, entry);
    RegCloseKey(parent);
    return error;
}

DWORD usbipd_registry_device(DWORD index, struct usbipd_registry_device *device)
{
    HKEY key;
    DWORD error = entry_open(DEVICES_KEY, index, device->guid, &key);

    if (error)
        return error;
    get_string(key, NULL, L"InstanceId", device->instance);
    get_string(key, NULL, L"Description", device->description);
    get_string(key, ATTACHED_KEY, L"BusId", device->busid);
    get_string(key, ATTACHED_KEY, L"IPAddress", device->address);
    get_string(key, ATTACHED_KEY, L"InstanceId", device->stub);
    RegCloseKey(key);
    return ERROR_SUCCESS;
}

DWORD usbipd_registry_unbind(const wchar_t *instance_id)
{
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS];
    HKEY devices;
    DWORD error = key_create(HKEY_LOCAL_MACHINE, DEVICES_KEY, &devices);

    if (error)
        return error;
    error = device_find(devices, instance_id, guid);
    if (!error)
        error = (DWORD)RegDeleteTreeW(devices, guid);
    RegCloseKey(devices);
    return error;
}

/* Opens Devices\{guid} of the instance id. */
static DWORD device_open(const wchar_t *instance_id, HKEY *device)
{
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS];
    HKEY devices;
    DWORD error = key_create(HKEY_LOCAL_MACHINE, DEVICES_KEY, &devices);

    if (error)
        return error;
    error = device_find(devices, instance_id, guid);
    if (!error)
        error = key_create(devices, guid, device);
    RegCloseKey(devices);
    return error;
}

static DWORD attached_write(HKEY device, const wchar_t *stub_id, const wchar_t *busid,
                            const wchar_t *address)
{
    HKEY attached;
    DWORD error = (DWORD)RegCreateKeyExW(device, ATTACHED_KEY, 0, NULL, REG_OPTION_VOLATILE,
                                         KEY_ALL_ACCESS, NULL, &attached, NULL);

    if (error)
        return error;
    error = set_string(attached, L"BusId", busid);
    if (!error)
        error = set_string(attached, L"IPAddress", address);
    if (!error)
        error = set_string(attached, L"InstanceId", stub_id);
    RegCloseKey(attached);
    return error;
}

DWORD usbipd_registry_attach(const wchar_t *instance_id, const wchar_t *stub_id,
                             const wchar_t *busid, const wchar_t *address)
{
    HKEY device;
    DWORD error = device_open(instance_id, &device);

    if (error)
        return error;
    error = attached_write(device, stub_id, busid, address);
    RegCloseKey(device);
    return error;
}

DWORD usbipd_registry_release(const wchar_t *instance_id)
{
    HKEY device;
    DWORD error = device_open(instance_id, &device);

    if (error)
        return error;
    error = (DWORD)RegDeleteKeyW(device, ATTACHED_KEY);
    RegCloseKey(device);
    return error;
}

static DWORD rule_write(HKEY rule, const wchar_t *effect, const wchar_t *busid,
                        const wchar_t *hardware_id)
{
    DWORD error = set_string(rule, L"Effect", effect);

    if (!error)
        error = set_string(rule, L"Operation", L"AutoBind");
    if (!error && busid)
        error = set_string(rule, L"BusId", busid);
    if (!error && hardware_id)
        error = set_string(rule, L"HardwareId", hardware_id);
    return error;
}

DWORD usbipd_registry_allow(const wchar_t *effect, const wchar_t *busid, const wchar_t *hardware_id)
{
    wchar_t path[sizeof(POLICY_KEY) / sizeof(wchar_t) + USBIPD_REGISTRY_GUID_CHARS];
    wchar_t guid[USBIPD_REGISTRY_GUID_CHARS];
    HKEY rule;
    DWORD error = guid_make(guid);

    if (error)
        return error;
    swprintf(path, sizeof(path) / sizeof(path[0]), L"%ls\\%ls", POLICY_KEY, guid);
    error = key_create(HKEY_LOCAL_MACHINE, path, &rule);
    if (error)
        return error;
    error = rule_write(rule, effect, busid, hardware_id);
    RegCloseKey(rule);
    return error;
}

DWORD usbipd_registry_rule(DWORD index, struct usbipd_registry_rule *rule)
{
    HKEY key;
    DWORD error = entry_open(POLICY_KEY, index, rule->guid, &key);

    if (error)
        return error;
    get_string(key, NULL, L"Effect", rule->effect);
    get_string(key, NULL, L"Operation", rule->operation);
    get_string(key, NULL, L"BusId", rule->busid);
    get_string(key, NULL, L"HardwareId", rule->hardware_id);
    RegCloseKey(key);
    return ERROR_SUCCESS;
}

static BOOL rule_fits(const struct usbipd_registry_rule *rule, const wchar_t *busid,
                      const wchar_t *hardware_id)
{
    return !_wcsicmp(rule->operation, L"AutoBind") &&
           (!rule->busid[0] || !_wcsicmp(rule->busid, busid)) &&
           (!rule->hardware_id[0] || !_wcsicmp(rule->hardware_id, hardware_id));
}

BOOL usbipd_registry_policy_allows(const wchar_t *busid, const wchar_t *hardware_id)
{
    struct usbipd_registry_rule rule;
    BOOL allowed = FALSE;

    for (DWORD i = 0; !usbipd_registry_rule(i, &rule); i++) {
        if (!rule_fits(&rule, busid, hardware_id))
            continue;
        if (_wcsicmp(rule.effect, L"Allow") != 0)
            return FALSE;
        allowed = TRUE;
    }
    return allowed;
}

DWORD usbipd_registry_forget_rule(const wchar_t *guid)
{
    HKEY policy;
    DWORD error = key_create(HKEY_LOCAL_MACHINE, POLICY_KEY, &policy);

    if (error)
        return error;
    error = *guid ? (DWORD)RegDeleteTreeW(policy, guid) : ERROR_FILE_NOT_FOUND;
    RegCloseKey(policy);
    return error;
}

DWORD usbipd_registry_forget_policy(void)
{
    HKEY policy;
    DWORD error = key_create(HKEY_LOCAL_MACHINE, POLICY_KEY, &policy);

    if (error)
        return error;
    error = (DWORD)RegDeleteTreeW(policy, NULL);
    RegCloseKey(policy);
    return error;
}
