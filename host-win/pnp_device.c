#include "host-win/pnp_device.h"

#include <windows.h>

#include <devpropdef.h>
#include <setupapi.h>
#include <stdbool.h>
#include <string.h>

#include "host-win/wide.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

/* How often the nodes are looked at anew, should they change all the time. */
#define LOOKS_MAX 8
/* How often a node that seems to have gone is looked for before that is believed. */
#define CONFIRMATIONS 3

/* mingw-w64's devpkey.h only declares these without INITGUID; spelt out as Windows documents
 * them. */
static const DEVPROPKEY key_location_info = {
    {0xa45c254e, 0xdf1c, 0x4efd, {0x80, 0x20, 0x67, 0xd1, 0x46, 0xa8, 0x50, 0xe0}}, 15};
static const DEVPROPKEY key_parent = {
    {0x4340a6c5, 0x93fa, 0x4706, {0x97, 0x2c, 0x7b, 0x64, 0x80, 0x08, 0xa5, 0xa7}}, 8};
static const DEVPROPKEY key_bus_reported_device_desc = {
    {0x540b947e, 0x8b40, 0x45bc, {0xa8, 0xa2, 0x6a, 0x0b, 0x89, 0x4c, 0xbd, 0xa2}}, 4};

static const GUID com_port_interface = {
    0x86e0d1e0, 0x8089, 0x11d0, {0x9c, 0xe4, 0x08, 0x00, 0x3e, 0x30, 0x1f, 0x73}};
static const GUID ports_class = {
    0x4d36e978, 0xe325, 0x11ce, {0xbf, 0xc1, 0x08, 0x00, 0x2b, 0xe1, 0x03, 0x18}};

/* One enumeration of device nodes. A port may have the interface without the class or the other
 * way round, so both are asked for. */
struct node_set {
    const GUID *class;
    const wchar_t *enumerator;
    DWORD flags;
};

static const struct node_set node_sets[] = {
    {NULL, L"USB", DIGCF_PRESENT | DIGCF_ALLCLASSES},
    {&com_port_interface, NULL, DIGCF_PRESENT | DIGCF_DEVICEINTERFACE},
    {&ports_class, NULL, DIGCF_PRESENT},
};

struct device {
    HDEVINFO set;
    SP_DEVINFO_DATA data;
};

/* Each reader leaves `text` empty for a property that is missing or of another type. */

static void read_property(struct device *device, const DEVPROPKEY *key, char *text, size_t size)
{
    wchar_t wide[WIDE_TEXT_MAX] = {0};
    DEVPROPTYPE type = DEVPROP_TYPE_EMPTY;

    /* One unit less than there is room for, so that the text ends in any case. */
    if (SetupDiGetDevicePropertyW(device->set, &device->data, key, &type, (BYTE *)wide,
                                  sizeof wide - sizeof wide[0], NULL, 0) &&
        type == DEVPROP_TYPE_STRING) {
        wide_to_utf8(wide, text, size);
    }
}

static void read_registry_text(struct device *device, DWORD property, char *text, size_t size)
{
    wchar_t wide[WIDE_TEXT_MAX] = {0};
    DWORD type = REG_NONE;

    if (SetupDiGetDeviceRegistryPropertyW(device->set, &device->data, property, &type, (BYTE *)wide,
                                          sizeof wide - sizeof wide[0], NULL) &&
        type == REG_SZ) {
        wide_to_utf8(wide, text, size);
    }
}

/* Appends a list of ids to node->ids, as far as there is room for whole ones. */
static void add_ids(struct device *device, DWORD property, struct pnp_node *node, size_t *used)
{
    wchar_t wide[WIDE_TEXT_MAX] = {0};
    DWORD type = REG_NONE;

    if (!SetupDiGetDeviceRegistryPropertyW(device->set, &device->data, property, &type,
                                           (BYTE *)wide, sizeof wide - 2 * sizeof wide[0], NULL) ||
        type != REG_MULTI_SZ) {
        return;
    }
    for (const wchar_t *id = wide; *id != L'\0'; id += wcslen(id) + 1) {
        /* The last byte stays: it is the empty text that ends the list. */
        size_t room = sizeof node->ids - 1 - *used;

        if (room < 2 || wide_to_utf8(id, node->ids + *used, room) != 0) {
            memset(node->ids + *used, 0, room);
            return;
        }
        *used += strlen(node->ids + *used) + 1;
    }
}

static void read_port_name(struct device *device, struct pnp_node *node)
{
    HKEY key = SetupDiOpenDevRegKey(device->set, &device->data, DICS_FLAG_GLOBAL, 0, DIREG_DEV,
                                    KEY_QUERY_VALUE);
    wchar_t wide[BOARD_COM_PORT_SIZE];
    DWORD size = sizeof wide;

    if (key == INVALID_HANDLE_VALUE) {
        return;
    }
    if (RegGetValueW(key, NULL, L"PortName", RRF_RT_REG_SZ, NULL, wide, &size) == ERROR_SUCCESS) {
        wide_to_utf8(wide, node->port_name, sizeof node->port_name);
    }
    RegCloseKey(key);
}

/* What the device calls itself is better than what its driver's author called the chip. */
static void read_description(struct device *device, struct pnp_node *node)
{
    static const DWORD properties[] = {SPDRP_FRIENDLYNAME, SPDRP_DEVICEDESC};

    read_property(device, &key_bus_reported_device_desc, node->description,
                  sizeof node->description);
    for (size_t i = 0; i < 2 && node->description[0] == '\0'; i++) {
        read_registry_text(device, properties[i], node->description, sizeof node->description);
    }
}

static void read_location(struct device *device, struct pnp_node *node)
{
    read_property(device, &key_location_info, node->location, sizeof node->location);
    if (node->location[0] == '\0') {
        read_registry_text(device, SPDRP_LOCATION_INFORMATION, node->location,
                           sizeof node->location);
    }
}

/* How much of each node is wanted: its id, or all of struct pnp_node. */
enum depth { DEPTH_ID, DEPTH_FACTS };

/* False for a node without hardware ids, which is on its way in or out. */
static bool read_facts(struct device *device, enum depth depth, struct pnp_node *node)
{
    size_t used = 0;

    add_ids(device, SPDRP_HARDWAREID, node, &used);
    if (depth == DEPTH_FACTS && used > 0) {
        add_ids(device, SPDRP_COMPATIBLEIDS, node, &used);
        read_property(device, &key_parent, node->parent_id, sizeof node->parent_id);
        read_location(device, node);
        read_description(device, node);
        read_port_name(device, node);
    }
    return used > 0;
}

static int add_node(struct pnp_scan *scan, struct device *device, enum depth depth)
{
    wchar_t wide[BOARD_ID_SIZE];
    struct pnp_node facts = {0};
    struct pnp_node *node;
    int result;

    /* A node may go while we look at it: then it is simply not there. */
    if (!SetupDiGetDeviceInstanceIdW(device->set, &device->data, wide, BOARD_ID_SIZE, NULL) ||
        wide_to_utf8(wide, facts.instance_id, sizeof facts.instance_id) != 0 ||
        pnp_scan_find(scan, facts.instance_id) != NULL || !read_facts(device, depth, &facts)) {
        return 0;
    }
    result = pnp_scan_add(scan, &node);
    if (result == 0) {
        *node = facts;
    }
    return result;
}

static int add_nodes(struct pnp_scan *scan, const struct node_set *nodes, enum depth depth)
{
    struct device device = {
        .set = SetupDiGetClassDevsW(nodes->class, nodes->enumerator, NULL, nodes->flags)};
    int result = 0;

    if (device.set == INVALID_HANDLE_VALUE) {
        log_error("pnp: SetupDiGetClassDevs failed (Windows error %lu)", GetLastError());
        return ERR_IO;
    }
    for (DWORD i = 0; result == 0; i++) {
        device.data = (SP_DEVINFO_DATA){.cbSize = sizeof device.data};
        if (!SetupDiEnumDeviceInfo(device.set, i, &device.data)) {
            break;
        }
        result = add_node(scan, &device, depth);
    }
    SetupDiDestroyDeviceInfoList(device.set);
    return result;
}

static int add_all_nodes(struct pnp_scan *scan, enum depth depth)
{
    int result = 0;

    for (size_t i = 0; i < sizeof node_sets / sizeof node_sets[0] && result == 0; i++) {
        result = add_nodes(scan, &node_sets[i], depth);
    }
    return result;
}

/* True if a node of `last` that `now` has too is missing in `scan`. */
static bool lacks_any(const struct pnp_scan *scan, const struct pnp_scan *last,
                      const struct pnp_scan *now)
{
    for (size_t i = 0; i < last->count; i++) {
        const char *id = last->nodes[i].instance_id;

        if (pnp_scan_find(scan, id) == NULL && pnp_scan_find(now, id) != NULL) {
            return true;
        }
    }
    return false;
}

/* Looks again for what seems to have gone; true if some of it is there. */
static bool has_missed_any(const struct pnp_scan *scan, const struct pnp_scan *last)
{
    bool has_missed = false;

    for (int i = 0; i < CONFIRMATIONS && !has_missed && lacks_any(scan, last, last); i++) {
        struct pnp_scan now;

        pnp_scan_init(&now);
        has_missed = add_all_nodes(&now, DEPTH_ID) == 0 && lacks_any(scan, last, &now);
        pnp_scan_finish(&now);
    }
    return has_missed;
}

/* An enumeration is no snapshot: a node that goes in the middle of it can make it skip another
 * one, and a board would seem to go and to come back. */
int pnp_device_scan(const struct pnp_scan *last, struct pnp_scan *scan)
{
    int result = add_all_nodes(scan, DEPTH_FACTS);

    for (int look = 1; look < LOOKS_MAX && result == 0 && has_missed_any(scan, last); look++) {
        pnp_scan_finish(scan);
        result = add_all_nodes(scan, DEPTH_FACTS);
    }
    return result;
}
