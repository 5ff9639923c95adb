/* INITGUID makes the headers below define, not declare, the property key. */
#define INITGUID
#include "device_list.h"

#include <devpropdef.h>
#include <setupapi.h>
#include <stdlib.h>
#include <wchar.h>

DEFINE_DEVPROPKEY(key_location, 0xa45c254e, 0xdf1c, 0x4efd, 0x80, 0x20, 0x67, 0xd1, 0x46, 0xa8,
                  0x50, 0xe0, 15);

#define STUB_HARDWARE_ID L"80EE:CAFE"
#define STUB_DEVICE_ID L"USB\\VID_80EE&PID_CAFE"
#define INCOMPATIBLE_HUB L"IncompatibleHub"

enum { BUSID_MAX_NUMBER = 99, TEXT_SIZE = (USBIPD_REGISTRY_TEXT_CHARS - 2) * sizeof(wchar_t) };

/* Reads "USB\VID_1A86&PID_7523\..."; FALSE for hubs and for functions of a composite device. */
static BOOL hardware_id_from_instance(wchar_t out[DEVICE_BUSID_CHARS], const wchar_t *instance)
{
    unsigned vid;
    unsigned pid;
    wchar_t next;
    wchar_t upper[USBIPD_REGISTRY_TEXT_CHARS];

    wcscpy(upper, instance);
    _wcsupr(upper);
    if (swscanf(upper, L"USB\\VID_%4x&PID_%4x%lc", &vid, &pid, &next) != 3 || next != L'\\')
        return FALSE;
    swprintf(out, DEVICE_BUSID_CHARS, L"%04X:%04X", vid, pid);
    return TRUE;
}

static void busid_from_location(wchar_t out[DEVICE_BUSID_CHARS], const wchar_t *location)
{
    unsigned port;
    unsigned hub;
    wchar_t tail;

    if (swscanf(location, L"Port_#%4u.Hub_#%4u%lc", &port, &hub, &tail) == 2 && port && hub &&
        port <= BUSID_MAX_NUMBER && hub <= BUSID_MAX_NUMBER)
        swprintf(out, DEVICE_BUSID_CHARS, L"%u-%u", hub, port);
    else
        wcscpy(out, INCOMPATIBLE_HUB);
}

/* The text is "" if the node has no such property.  It starts zeroed and its last two units are
 * never written, so that what the registry holds unterminated still ends. */
static void registry_property(HDEVINFO set, SP_DEVINFO_DATA *node, DWORD property,
                              wchar_t out[USBIPD_REGISTRY_TEXT_CHARS])
{
    memset(out, 0, USBIPD_REGISTRY_TEXT_CHARS * sizeof(wchar_t));
    SetupDiGetDeviceRegistryPropertyW(set, node, property, NULL, (BYTE *)out, TEXT_SIZE, NULL);
}

/* Returns FALSE for a node that is none of the list's. */
static BOOL device_from_node(struct device *device, HDEVINFO set, SP_DEVINFO_DATA *node)
{
    wchar_t text[USBIPD_REGISTRY_TEXT_CHARS] = L"";
    DEVPROPTYPE type;

    memset(device, 0, sizeof(*device));
    if (!SetupDiGetDeviceInstanceIdW(set, node, device->instance, USBIPD_REGISTRY_TEXT_CHARS,
                                     NULL) ||
        !hardware_id_from_instance(device->hardware_id, device->instance) ||
        !wcscmp(device->hardware_id, STUB_HARDWARE_ID))
        return FALSE;
    SetupDiGetDevicePropertyW(set, node, &key_location, &type, (BYTE *)text, TEXT_SIZE, NULL, 0);
    busid_from_location(device->busid, text);
    registry_property(set, node, SPDRP_COMPATIBLEIDS, text);
    device->is_forced = !_wcsicmp(text, STUB_DEVICE_ID);
    registry_property(set, node, SPDRP_FRIENDLYNAME, device->description);
    if (!device->description[0])
        registry_property(set, node, SPDRP_DEVICEDESC, device->description);
    return TRUE;
}

static DWORD read_nodes(struct device_list *list)
{
    HDEVINFO set = SetupDiGetClassDevsW(NULL, L"USB", NULL, DIGCF_PRESENT | DIGCF_ALLCLASSES);
    SP_DEVINFO_DATA node = {.cbSize = sizeof(node)};

    if (set == INVALID_HANDLE_VALUE)
        return GetLastError();
    for (DWORD i = 0; list->count < DEVICE_LIST_MAX && SetupDiEnumDeviceInfo(set, i, &node); i++) {
        if (device_from_node(&list->devices[list->count], set, &node))
            list->count++;
    }
    SetupDiDestroyDeviceInfoList(set);
    return ERROR_SUCCESS;
}

static struct device *device_find(struct device_list *list, const wchar_t *instance)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!_wcsicmp(list->devices[i].instance, instance))
            return &list->devices[i];
    }
    return NULL;
}

/* An entry whose device is not present: pulled, attached, or between the two. */
static struct device *device_add(struct device_list *list,
                                 const struct usbipd_registry_device *entry)
{
    struct device *device;

    if (list->count == DEVICE_LIST_MAX)
        return NULL;
    device = &list->devices[list->count++];
    memset(device, 0, sizeof(*device));
    wcscpy(device->instance, entry->instance);
    wcscpy(device->description, entry->description);
    hardware_id_from_instance(device->hardware_id, entry->instance);
    wcsncpy(device->busid, entry->busid, DEVICE_BUSID_CHARS - 1);
    return device;
}

static void read_entries(struct device_list *list)
{
    static struct usbipd_registry_device entry;

    for (DWORD i = 0; !usbipd_registry_device(i, &entry); i++) {
        struct device *device = device_find(list, entry.instance);

        if (!device)
            device = device_add(list, &entry);
        if (!device)
            return;
        wcscpy(device->guid, entry.guid);
        wcscpy(device->address, entry.address);
        wcscpy(device->stub, entry.stub);
    }
}

/* Whole numbers for "1-3" in its order; what has no busid comes last. */
static unsigned busid_rank(const wchar_t *busid)
{
    unsigned hub;
    unsigned port;

    if (swscanf(busid, L"%u-%u", &hub, &port) == 2)
        return hub * (BUSID_MAX_NUMBER + 1) + port;
    return busid[0] ? UINT_MAX - 1 : UINT_MAX;
}

static int compare_devices(const void *left, const void *right)
{
    unsigned a = busid_rank(((const struct device *)left)->busid);
    unsigned b = busid_rank(((const struct device *)right)->busid);

    return (a > b) - (a < b);
}

DWORD device_list_read(struct device_list *list)
{
    DWORD error;

    list->count = 0;
    error = read_nodes(list);
    if (error)
        return error;
    read_entries(list);
    qsort(list->devices, list->count, sizeof(list->devices[0]), compare_devices);
    return ERROR_SUCCESS;
}
