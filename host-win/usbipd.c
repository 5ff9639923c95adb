#include "host-win/usbipd.h"

#include <string.h>

#include "host-win/wide.h"
#include "shared/core/hardware_id.h"
#include "shared/core/text.h"

#define SUBKEY_NAME_SIZE 256 /* Windows' own limit, in units, with the terminator */
/* Entries looked at in one key; far more than anybody has, and an end in any case. */
#define SUBKEYS_MAX 1024
#define VALUE_SIZE 256

const struct usbipd_place *usbipd_place(void)
{
    static const struct usbipd_place place = {
        .root = HKEY_LOCAL_MACHINE,
        .parent = L"SOFTWARE",
        .key = L"SOFTWARE\\usbipd-win",
        .running = L"Global\\usbipd-{A8256F62-728F-49B0-82BB-E5E48F83D28F}",
    };

    return &place;
}

/* Reads the text `name` of the subkey into `value`; false if there is none. */
static bool read_text(HKEY key, const wchar_t *subkey, const wchar_t *name, char value[VALUE_SIZE])
{
    wchar_t wide[VALUE_SIZE];
    DWORD size = sizeof wide;

    return RegGetValueW(key, subkey, name, RRF_RT_REG_SZ, NULL, wide, &size) == ERROR_SUCCESS &&
           wide_to_utf8(wide, value, VALUE_SIZE) == 0;
}

/* While a device is attached, its entry has a volatile subkey that names its stub. */
static void add_capture(HKEY devices, const wchar_t *subkey, const char *original_id,
                        struct sharing *sharing)
{
    struct pnp_capture capture = {.description = ""};
    wchar_t attached[SUBKEY_NAME_SIZE + sizeof L"\\Attached"];
    char text[VALUE_SIZE];

    _snwprintf(attached, SUBKEY_NAME_SIZE + sizeof L"\\Attached", L"%ls\\Attached", subkey);
    if (sharing->capture_count == SHARING_CAPTURES_MAX ||
        !read_text(devices, attached, L"InstanceId", text) ||
        text_copy(capture.stub_id, sizeof capture.stub_id, text) != 0) {
        return;
    }
    text_copy(capture.id, sizeof capture.id, original_id);
    if (read_text(devices, attached, L"IPAddress", text)) {
        text_copy(capture.address, sizeof capture.address, text);
    }
    if (read_text(devices, subkey, L"Description", text)) {
        text_copy(capture.description, sizeof capture.description, text);
    }
    sharing->captures[sharing->capture_count++] = capture;
}

static void add_bound(HKEY devices, const wchar_t *subkey, struct sharing *sharing)
{
    struct hardware_id hardware_id;
    char id[VALUE_SIZE];

    if (sharing->bound_count < SHARING_BOUND_MAX && read_text(devices, subkey, L"InstanceId", id) &&
        hardware_id_from_instance_id(id, &hardware_id) == 0) {
        text_copy(sharing->bound[sharing->bound_count++], BOARD_ID_SIZE, hardware_id.id);
        add_capture(devices, subkey, hardware_id.id, sharing);
    }
}

/* usbipd itself ignores a rule that names neither a device nor a place, or that it can't read. */
static void add_rule(HKEY policy, const wchar_t *subkey, struct sharing *sharing)
{
    struct sharing_rule rule = {0};
    char text[VALUE_SIZE];

    if (sharing->rule_count == SHARING_RULES_MAX ||
        !read_text(policy, subkey, L"Operation", text) || strcmp(text, "AutoBind") != 0 ||
        !read_text(policy, subkey, L"Effect", text)) {
        return;
    }
    rule.allow = strcmp(text, "Allow") == 0;
    if (!rule.allow && strcmp(text, "Deny") != 0) {
        return;
    }
    if (read_text(policy, subkey, L"BusId", text)) {
        if (!board_busid_is_valid(text)) {
            return;
        }
        text_copy(rule.busid, sizeof rule.busid, text);
    }
    if (read_text(policy, subkey, L"HardwareId", text) &&
        sharing_rule_set_hardware_id(&rule, text) != 0) {
        return;
    }
    if (rule.busid[0] != '\0' || rule.has_hardware_id) {
        sharing->rules[sharing->rule_count++] = rule;
    }
}

static void read_subkeys(HKEY usbipd, const wchar_t *path,
                         void (*add)(HKEY key, const wchar_t *subkey, struct sharing *sharing),
                         struct sharing *sharing)
{
    wchar_t name[SUBKEY_NAME_SIZE];
    HKEY key;

    if (RegOpenKeyExW(usbipd, path, 0, KEY_READ | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS) {
        return;
    }
    for (DWORD i = 0; i < SUBKEYS_MAX; i++) {
        DWORD len = SUBKEY_NAME_SIZE;

        if (RegEnumKeyExW(key, i, name, &len, NULL, NULL, NULL, NULL) != ERROR_SUCCESS) {
            break;
        }
        add(key, name, sharing);
    }
    RegCloseKey(key);
}

static bool is_running(const wchar_t *mutex_name)
{
    HANDLE mutex = OpenMutexW(SYNCHRONIZE, FALSE, mutex_name);

    if (mutex == NULL) { /* The service is elevated: a refusal also says that it is there. */
        return GetLastError() == ERROR_ACCESS_DENIED;
    }
    CloseHandle(mutex);
    return true;
}

void usbipd_read(const struct usbipd_place *place, struct sharing *sharing)
{
    HKEY usbipd;
    LSTATUS status;

    memset(sharing, 0, sizeof *sharing);
    status = RegOpenKeyExW(place->root, place->key, 0, KEY_READ | KEY_WOW64_64KEY, &usbipd);
    if (status != ERROR_SUCCESS) {
        sharing->is_unreadable = status != ERROR_FILE_NOT_FOUND;
        return;
    }
    sharing->installed = true;
    sharing->running = is_running(place->running);
    read_subkeys(usbipd, L"Devices", add_bound, sharing);
    read_subkeys(usbipd, L"Policy", add_rule, sharing);
    RegCloseKey(usbipd);
}
