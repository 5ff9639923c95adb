#include "bus_client.h"

#include <setupapi.h>
#include <wchar.h>
#include <winioctl.h>

#define ROOT_DEVICE L"ROOT\\TTYFERRY_PNPBUS\\0000"
#define DRIVER_FILE L"\\drivers\\pnpbus.sys"
#define DRIVER_IMAGE L"\\SystemRoot\\System32\\drivers\\pnpbus.sys"
#define START_TRIES 4

static const GUID no_class;

static DWORD driver_copy(const wchar_t *sys_path)
{
    wchar_t target[MAX_PATH];
    UINT length = GetSystemDirectoryW(target, MAX_PATH);
    DWORD error;

    if (!length || length + wcslen(DRIVER_FILE) >= MAX_PATH)
        return ERROR_BUFFER_OVERFLOW;
    wcscat(target, DRIVER_FILE);
    if (CopyFileW(sys_path, target, FALSE))
        return ERROR_SUCCESS;
    error = GetLastError();
    /* A driver that runs keeps its file open: it is installed already. */
    return error == ERROR_SHARING_VIOLATION ? ERROR_SUCCESS : error;
}

/* The device that the bus driver sits on.  Wine looks for it when the service starts. */
static DWORD root_device_register(void)
{
    static const wchar_t hardware_ids[] = L"ROOT\\TTYFERRY_PNPBUS\0";
    SP_DEVINFO_DATA device = {.cbSize = sizeof(device)};
    HDEVINFO set = SetupDiCreateDeviceInfoList(NULL, NULL);
    DWORD error = ERROR_SUCCESS;

    if (set == INVALID_HANDLE_VALUE)
        return GetLastError();
    if (!SetupDiCreateDeviceInfoW(set, ROOT_DEVICE, &no_class, L"ttyferry lab bus", NULL, 0,
                                  &device)) {
        error = GetLastError();
        if (error == ERROR_DEVINST_ALREADY_EXISTS)
            error = ERROR_SUCCESS;
    } else if (!SetupDiSetDeviceRegistryPropertyW(set, &device, SPDRP_HARDWAREID,
                                                  (const BYTE *)hardware_ids,
                                                  sizeof(hardware_ids)) ||
               !SetupDiSetDeviceRegistryPropertyW(set, &device, SPDRP_SERVICE,
                                                  (const BYTE *)PNPBUS_SERVICE,
                                                  sizeof(PNPBUS_SERVICE)) ||
               !SetupDiRegisterDeviceInfo(set, &device, 0, NULL, NULL, NULL)) {
        error = GetLastError();
    }
    SetupDiDestroyDeviceInfoList(set);
    return error;
}

/* On a machine with too much to do Wine gives its own driver host too little time; the host is
 * there when it is asked again. */
static DWORD driver_start(SC_HANDLE service)
{
    DWORD error = ERROR_SUCCESS;

    for (int i = 0; i < START_TRIES; i++) {
        if (StartServiceW(service, 0, NULL) || GetLastError() == ERROR_SERVICE_ALREADY_RUNNING)
            return ERROR_SUCCESS;
        error = GetLastError();
        if (error != ERROR_SERVICE_REQUEST_TIMEOUT)
            break;
    }
    return error;
}

static DWORD service_start(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    SC_HANDLE service;
    DWORD error = ERROR_SUCCESS;

    if (!manager)
        return GetLastError();
    service = CreateServiceW(manager, PNPBUS_SERVICE, PNPBUS_SERVICE, SERVICE_ALL_ACCESS,
                             SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL,
                             DRIVER_IMAGE, NULL, NULL, NULL, NULL, NULL);
    if (!service && GetLastError() == ERROR_SERVICE_EXISTS)
        service = OpenServiceW(manager, PNPBUS_SERVICE, SERVICE_ALL_ACCESS);
    error = service ? driver_start(service) : GetLastError();
    if (service)
        CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return error;
}

DWORD bus_client_install(const wchar_t *sys_path)
{
    DWORD error = driver_copy(sys_path);

    if (!error)
        error = root_device_register();
    if (!error)
        error = service_start();
    return error;
}

DWORD bus_client_open(HANDLE *bus)
{
    HANDLE opened = CreateFileW(PNPBUS_USER_PATH, GENERIC_READ | GENERIC_WRITE,
                                FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);

    if (opened == INVALID_HANDLE_VALUE)
        return GetLastError();
    *bus = opened;
    return ERROR_SUCCESS;
}

DWORD bus_client_node_from_id(struct pnpbus_node *node, const wchar_t *full_instance_id)
{
    const wchar_t *last = wcsrchr(full_instance_id, L'\\');
    size_t device_length;

    if (!last || last == full_instance_id || !last[1] ||
        wcslen(full_instance_id) >= PNPBUS_ID_CHARS)
        return ERROR_INVALID_PARAMETER;
    device_length = (size_t)(last - full_instance_id);
    memset(node, 0, sizeof(*node));
    wmemcpy(node->device_id, full_instance_id, device_length);
    wcscpy(node->instance_id, last + 1);
    return ERROR_SUCCESS;
}

static DWORD control(HANDLE bus, DWORD code, const void *input, DWORD input_size)
{
    DWORD returned;

    /* METHOD_BUFFERED copies the input, DeviceIoControl's parameter lacks the const. */
    return DeviceIoControl(bus, code, (void *)(ULONG_PTR)input, input_size, NULL, 0, &returned,
                           NULL)
               ? ERROR_SUCCESS
               : GetLastError();
}

DWORD bus_client_add(HANDLE bus, const struct pnpbus_add *add)
{
    return control(bus, PNPBUS_IOCTL_ADD, add, sizeof(*add));
}

DWORD bus_client_interface(HANDLE bus, const struct pnpbus_node *node, const GUID *interface_class,
                           BOOL enable)
{
    struct pnpbus_interface request = {
        .node = *node, .interface_class = *interface_class, .enable = enable != FALSE};

    return control(bus, PNPBUS_IOCTL_INTERFACE, &request, sizeof(request));
}

DWORD bus_client_remove(HANDLE bus, const struct pnpbus_node *node)
{
    return control(bus, PNPBUS_IOCTL_REMOVE, node, sizeof(*node));
}
