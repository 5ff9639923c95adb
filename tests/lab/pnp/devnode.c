/* INITGUID makes the headers below define, not declare, the property keys. */
#define INITGUID
#include "devnode.h"

#include <dbt.h>
#include <devpropdef.h>
#include <setupapi.h>
#include <stddef.h>
#include <wchar.h>

DEFINE_DEVPROPKEY(key_location, 0xa45c254e, 0xdf1c, 0x4efd, 0x80, 0x20, 0x67, 0xd1, 0x46, 0xa8,
                  0x50, 0xe0, 15);
DEFINE_DEVPROPKEY(key_address, 0xa45c254e, 0xdf1c, 0x4efd, 0x80, 0x20, 0x67, 0xd1, 0x46, 0xa8, 0x50,
                  0xe0, 30);
DEFINE_DEVPROPKEY(key_location_paths, 0xa45c254e, 0xdf1c, 0x4efd, 0x80, 0x20, 0x67, 0xd1, 0x46,
                  0xa8, 0x50, 0xe0, 37);
DEFINE_DEVPROPKEY(key_parent, 0x4340a6c5, 0x93fa, 0x4706, 0x97, 0x2c, 0x7b, 0x64, 0x80, 0x08, 0xa5,
                  0xa7, 8);
DEFINE_DEVPROPKEY(key_product, 0x540b947e, 0x8b40, 0x45bc, 0xa8, 0xa2, 0x6a, 0x0b, 0x89, 0x4c, 0xbd,
                  0xa2, 4);

/* setupapi.dll and its import library have it, the headers of mingw-w64 10 do not. */
WINSETUPAPI WINBOOL WINAPI SetupDiSetDevicePropertyW(HDEVINFO set, PSP_DEVINFO_DATA device,
                                                     const DEVPROPKEY *key, DEVPROPTYPE type,
                                                     const BYTE *data, DWORD size, DWORD flags);

static const GUID no_class;

/* An open device in a set of its own. */
struct devnode {
    HDEVINFO set;
    SP_DEVINFO_DATA data;
};

static DWORD size_of_string(const wchar_t *text)
{
    return (DWORD)((wcslen(text) + 1) * sizeof(*text));
}

static DWORD devnode_open(struct devnode *node, const wchar_t *instance_id, BOOL create)
{
    DWORD error;

    node->data = (SP_DEVINFO_DATA){.cbSize = sizeof(node->data)};
    node->set = SetupDiCreateDeviceInfoList(NULL, NULL);
    if (node->set == INVALID_HANDLE_VALUE)
        return GetLastError();
    if (create ? SetupDiCreateDeviceInfoW(node->set, instance_id, &no_class, NULL, NULL, 0,
                                          &node->data)
               : SetupDiOpenDeviceInfoW(node->set, instance_id, NULL, 0, &node->data))
        return ERROR_SUCCESS;
    error = GetLastError();
    SetupDiDestroyDeviceInfoList(node->set);
    return error;
}

static void devnode_close(struct devnode *node)
{
    SetupDiDestroyDeviceInfoList(node->set);
}

static DWORD set_registry_string(struct devnode *node, DWORD property, const wchar_t *text)
{
    if (!text)
        return ERROR_SUCCESS;
    return SetupDiSetDeviceRegistryPropertyW(node->set, &node->data, property, (const BYTE *)text,
                                             size_of_string(text))
               ? ERROR_SUCCESS
               : GetLastError();
}

static DWORD set_property(struct devnode *node, const DEVPROPKEY *key, DEVPROPTYPE type,
                          const void *data, DWORD size)
{
    return SetupDiSetDevicePropertyW(node->set, &node->data, key, type, data, size, 0)
               ? ERROR_SUCCESS
               : GetLastError();
}

static DWORD set_string(struct devnode *node, const DEVPROPKEY *key, const wchar_t *text)
{
    return text ? set_property(node, key, DEVPROP_TYPE_STRING, text, size_of_string(text))
                : ERROR_SUCCESS;
}

static DWORD set_list_of_one(struct devnode *node, const DEVPROPKEY *key, const wchar_t *text)
{
    wchar_t list[MAX_PATH] = {0};

    if (!text)
        return ERROR_SUCCESS;
    if (wcslen(text) + 2 > MAX_PATH)
        return ERROR_BUFFER_OVERFLOW;
    wcscpy(list, text);
    return set_property(node, key, DEVPROP_TYPE_STRING_LIST, list,
                        size_of_string(text) + sizeof(wchar_t));
}

static DWORD write_properties(struct devnode *node, const struct devnode_properties *p)
{
    DWORD error = set_registry_string(node, SPDRP_DEVICEDESC, p->description);

    if (!error)
        error = set_registry_string(node, SPDRP_FRIENDLYNAME, p->friendly_name);
    if (!error)
        error = set_registry_string(node, SPDRP_LOCATION_INFORMATION, p->location);
    if (!error)
        error = set_string(node, &key_location, p->location);
    if (!error)
        error = set_list_of_one(node, &key_location_paths, p->location_path);
    if (!error)
        error = set_string(node, &key_parent, p->parent);
    if (!error)
        error = set_string(node, &key_product, p->product);
    if (!error)
        error =
            set_property(node, &key_address, DEVPROP_TYPE_UINT32, &p->address, sizeof(p->address));
    return error;
}

DWORD devnode_seed(const wchar_t *instance_id, const struct devnode_properties *properties)
{
    struct devnode node;
    DWORD error = devnode_open(&node, instance_id, TRUE);

    /* Listing devices makes Wine create the key of each, so that a program that was just listing
     * them when the entry was erased has left an empty one. */
    if (error == ERROR_DEVINST_ALREADY_EXISTS)
        error = devnode_open(&node, instance_id, FALSE);
    if (error)
        return error;
    error = write_properties(&node, properties);
    if (!error && !SetupDiRegisterDeviceInfo(node.set, &node.data, 0, NULL, NULL, NULL))
        error = GetLastError();
    devnode_close(&node);
    return error;
}

static DWORD write_port_name(struct devnode *node, const wchar_t *port_name)
{
    HKEY key =
        SetupDiCreateDevRegKeyW(node->set, &node->data, DICS_FLAG_GLOBAL, 0, DIREG_DEV, NULL, NULL);
    LSTATUS status;

    if (key == INVALID_HANDLE_VALUE)
        return GetLastError();
    if (port_name)
        status = RegSetValueExW(key, L"PortName", 0, REG_SZ, (const BYTE *)port_name,
                                size_of_string(port_name));
    else
        status = RegDeleteValueW(key, L"PortName");
    RegCloseKey(key);
    return (DWORD)status;
}

DWORD devnode_set_port(const wchar_t *instance_id, const wchar_t *port_name,
                       const wchar_t *friendly_name)
{
    struct devnode node;
    DWORD error = devnode_open(&node, instance_id, FALSE);

    if (error)
        return error;
    error = write_port_name(&node, port_name);
    if (!error)
        error = set_registry_string(&node, SPDRP_FRIENDLYNAME, friendly_name);
    devnode_close(&node);
    return error;
}

DWORD devnode_erase(const wchar_t *instance_id)
{
    struct devnode node;
    DWORD error = devnode_open(&node, instance_id, FALSE);

    if (error)
        return error;
    if (!SetupDiRemoveDevice(node.set, &node.data))
        error = GetLastError();
    devnode_close(&node);
    return error;
}

/*
 * Part of the double.  Windows sends this after every change of the device tree, with an interface
 * or without; Wine's PnP manager says nothing of a node without an interface.  Posted, not sent, as
 * a hung window must not hold up the lab.
 */
void devnode_broadcast(void)
{
    DWORD recipients = BSM_APPLICATIONS;

    BroadcastSystemMessageW(BSF_POSTMESSAGE, &recipients, WM_DEVICECHANGE, DBT_DEVNODES_CHANGED, 0);
}

/* Makes "\\\\?\\USB#VID_1A86&PID_7523#5&1A2B#{class}". */
static DWORD path_from_id(wchar_t *path, size_t capacity, const wchar_t *instance_id,
                          const GUID *interface_class)
{
    wchar_t guid[64];
    int length;

    StringFromGUID2(interface_class, guid, sizeof(guid) / sizeof(guid[0]));
    length = swprintf(path, capacity, L"\\\\?\\%ls#%ls", instance_id, guid);
    if (length < 0 || (size_t)length >= capacity)
        return ERROR_BUFFER_OVERFLOW;
    for (wchar_t *c = path + 4; *c; c++) {
        if (*c == L'\\')
            *c = L'#';
    }
    return ERROR_SUCCESS;
}

DWORD devnode_notice(const wchar_t *instance_id, const GUID *interface_class, BOOL arrival)
{
    enum { PATH_CHARS = 512, ANSWER_LIMIT_MS = 10000 };
    union {
        DEV_BROADCAST_DEVICEINTERFACE_W event;
        BYTE bytes[sizeof(DEV_BROADCAST_DEVICEINTERFACE_W) + PATH_CHARS * sizeof(wchar_t)];
    } notice = {.event = {.dbcc_size = sizeof(notice),
                          .dbcc_devicetype = DBT_DEVTYP_DEVICEINTERFACE,
                          .dbcc_classguid = *interface_class}};
    DWORD_PTR result;
    DWORD error = path_from_id(
        (wchar_t *)(notice.bytes + offsetof(DEV_BROADCAST_DEVICEINTERFACE_W, dbcc_name)),
        PATH_CHARS, instance_id, interface_class);

    if (error)
        return error;
    return SendMessageTimeoutW(HWND_BROADCAST, WM_DEVICECHANGE,
                               arrival ? DBT_DEVICEARRIVAL : DBT_DEVICEREMOVECOMPLETE,
                               (LPARAM)&notice, SMTO_ABORTIFHUNG, ANSWER_LIMIT_MS, &result)
               ? ERROR_SUCCESS
               : GetLastError();
}
