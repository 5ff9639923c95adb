/* INITGUID makes the headers below define, not declare, the property keys. */
#define INITGUID
#include "node_scan.h"

#include <devpropdef.h>
#include <setupapi.h>
#include <stdio.h>

#include "json_out.h"

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

enum { TEXT_CHARS = 1024 };

struct text {
    wchar_t units[TEXT_CHARS];
};

static const struct {
    const char *name;
    const DEVPROPKEY *key;
} properties[] = {
    {"location", &key_location},
    {"location_path", &key_location_paths},
    {"parent", &key_parent},
    {"product", &key_product},
};

static const struct {
    const char *name;
    DWORD property;
} registry_properties[] = {
    {"description", SPDRP_DEVICEDESC},
    {"friendly_name", SPDRP_FRIENDLYNAME},
    {"location_information", SPDRP_LOCATION_INFORMATION},
    {"hardware_id", SPDRP_HARDWAREID},
    {"compatible_id", SPDRP_COMPATIBLEIDS},
};

/* Each getter returns the text, or NULL if the node has none.  The buffer starts zeroed and its
 * last two units are never written, so that what the registry holds unterminated still ends. */
enum { TEXT_SIZE = (TEXT_CHARS - 2) * sizeof(wchar_t) };

static const wchar_t *registry_property(HDEVINFO set, SP_DEVINFO_DATA *device, DWORD property,
                                        struct text *out)
{
    memset(out, 0, sizeof(*out));
    return SetupDiGetDeviceRegistryPropertyW(set, device, property, NULL, (BYTE *)out->units,
                                             TEXT_SIZE, NULL)
               ? out->units
               : NULL;
}

static const wchar_t *text_property(HDEVINFO set, SP_DEVINFO_DATA *device, const DEVPROPKEY *key,
                                    struct text *out)
{
    DEVPROPTYPE type;

    memset(out, 0, sizeof(*out));
    return SetupDiGetDevicePropertyW(set, device, key, &type, (BYTE *)out->units, TEXT_SIZE, NULL,
                                     0)
               ? out->units
               : NULL;
}

static const wchar_t *port_name(HDEVINFO set, SP_DEVINFO_DATA *device, struct text *out)
{
    HKEY key = SetupDiOpenDevRegKey(set, device, DICS_FLAG_GLOBAL, 0, DIREG_DEV, KEY_READ);
    DWORD size = TEXT_SIZE;
    LSTATUS status;

    if (key == INVALID_HANDLE_VALUE)
        return NULL;
    memset(out, 0, sizeof(*out));
    status = RegQueryValueExW(key, L"PortName", NULL, NULL, (BYTE *)out->units, &size);
    RegCloseKey(key);
    return status ? NULL : out->units;
}

static void print_address(HDEVINFO set, SP_DEVINFO_DATA *device)
{
    DEVPROPTYPE type;
    DWORD address;

    if (SetupDiGetDevicePropertyW(set, device, &key_address, &type, (BYTE *)&address,
                                  sizeof(address), NULL, 0))
        printf(",\"address\":%lu", address);
    else
        fputs(",\"address\":null", stdout);
}

static void print_node(HDEVINFO set, SP_DEVINFO_DATA *device)
{
    struct text text;

    putchar('{');
    json_out_member(
        "instance",
        SetupDiGetDeviceInstanceIdW(set, device, text.units, TEXT_CHARS, NULL) ? text.units : NULL,
        1);
    for (size_t i = 0; i < sizeof(registry_properties) / sizeof(registry_properties[0]); i++)
        json_out_member(registry_properties[i].name,
                        registry_property(set, device, registry_properties[i].property, &text), 0);
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
        json_out_member(properties[i].name, text_property(set, device, properties[i].key, &text),
                        0);
    json_out_member("port_name", port_name(set, device, &text), 0);
    print_address(set, device);
    putchar('}');
}

DWORD node_scan_print(const wchar_t *enumerator)
{
    HDEVINFO set = SetupDiGetClassDevsW(NULL, enumerator, NULL, DIGCF_PRESENT | DIGCF_ALLCLASSES);
    SP_DEVINFO_DATA device = {.cbSize = sizeof(device)};

    if (set == INVALID_HANDLE_VALUE)
        return GetLastError();
    putchar('[');
    for (DWORD i = 0; SetupDiEnumDeviceInfo(set, i, &device); i++) {
        if (i)
            putchar(',');
        print_node(set, &device);
    }
    puts("]");
    SetupDiDestroyDeviceInfoList(set);
    return ERROR_SUCCESS;
}

static void print_interface(HDEVINFO set, SP_DEVICE_INTERFACE_DATA *interface_data)
{
    union {
        SP_DEVICE_INTERFACE_DETAIL_DATA_W detail;
        BYTE bytes[TEXT_CHARS * sizeof(wchar_t)];
    } path = {.detail.cbSize = sizeof(path.detail)};
    SP_DEVINFO_DATA device = {.cbSize = sizeof(device)};
    wchar_t id[TEXT_CHARS];
    BOOL known = SetupDiGetDeviceInterfaceDetailW(set, interface_data, &path.detail, sizeof(path),
                                                  NULL, &device);

    putchar('{');
    json_out_member("path", known ? path.detail.DevicePath : NULL, 1);
    json_out_member(
        "instance",
        known && SetupDiGetDeviceInstanceIdW(set, &device, id, TEXT_CHARS, NULL) ? id : NULL, 0);
    putchar('}');
}

DWORD node_scan_print_interfaces(const GUID *interface_class)
{
    HDEVINFO set =
        SetupDiGetClassDevsW(interface_class, NULL, NULL, DIGCF_PRESENT | DIGCF_DEVICEINTERFACE);
    SP_DEVICE_INTERFACE_DATA interface_data = {.cbSize = sizeof(interface_data)};

    if (set == INVALID_HANDLE_VALUE)
        return GetLastError();
    putchar('[');
    for (DWORD i = 0; SetupDiEnumDeviceInterfaces(set, NULL, interface_class, i, &interface_data);
         i++) {
        if (i)
            putchar(',');
        print_interface(set, &interface_data);
    }
    puts("]");
    SetupDiDestroyDeviceInfoList(set);
    return ERROR_SUCCESS;
}
