/*
 * pnpwatch.exe: what a program under Wine sees of the lab's boards.
 *
 * pnpwatch watch: a hidden top-level window prints each WM_DEVICECHANGE as a line, after "ready":
 *   "arrival usb PATH", "removal com PATH", "devnodes".  A line N on standard input is answered by
 *   "mark N" once all that was posted to the window before has been printed, and opens N event
 *   handles that stay open; end of file ends the program.
 * pnpwatch nodes ENUMERATOR: prints the present nodes of an enumerator as JSON.
 * pnpwatch interfaces usb|com: prints the present interfaces of a class as JSON.
 */
/* INITGUID makes the headers below define, not declare, the interface classes. */
#define INITGUID
#include <windows.h>

#include <dbt.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "node_scan.h"

#define WINDOW_CLASS L"ttyferry-pnpwatch"
#define MESSAGE_MARK WM_APP

DEFINE_GUID(class_usb_device, 0xa5dcbf10, 0x6530, 0x11d2, 0x90, 0x1f, 0x00, 0xc0, 0x4f, 0xb9, 0x51,
            0xed);
DEFINE_GUID(class_com_port, 0x86e0d1e0, 0x8089, 0x11d0, 0x9c, 0xe4, 0x08, 0x00, 0x3e, 0x30, 0x1f,
            0x73);

static void print_interface_event(const char *what, const DEV_BROADCAST_HDR *header)
{
    const DEV_BROADCAST_DEVICEINTERFACE_W *event = (const DEV_BROADCAST_DEVICEINTERFACE_W *)header;

    if (header->dbch_devicetype != DBT_DEVTYP_DEVICEINTERFACE)
        return;
    printf("%s %s %ls\n", what,
           IsEqualGUID(&event->dbcc_classguid, &class_com_port) ? "com" : "usb", event->dbcc_name);
}

static void on_device_change(WPARAM event, LPARAM detail)
{
    switch (event) {
    case DBT_DEVICEARRIVAL:
        print_interface_event("arrival", (const DEV_BROADCAST_HDR *)detail);
        break;
    case DBT_DEVICEREMOVECOMPLETE:
        print_interface_event("removal", (const DEV_BROADCAST_HDR *)detail);
        break;
    case DBT_DEVNODES_CHANGED:
        puts("devnodes");
        break;
    default:
        break;
    }
    fflush(stdout);
}

static void on_mark(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        CreateEventW(NULL, FALSE, FALSE, NULL);
    printf("mark %u\n", count);
    fflush(stdout);
}

static LRESULT CALLBACK on_message(HWND window, UINT message, WPARAM wide, LPARAM lng)
{
    switch (message) {
    case WM_DEVICECHANGE:
        on_device_change(wide, lng);
        return TRUE;
    case MESSAGE_MARK:
        on_mark((unsigned)wide);
        return 0;
    case WM_CLOSE:
        PostQuitMessage(0);
        return 0;
    default:
        return DefWindowProcW(window, message, wide, lng);
    }
}

static HWND window_create(void)
{
    WNDCLASSW window_class = {
        .lpfnWndProc = on_message,
        .hInstance = GetModuleHandleW(NULL),
        .lpszClassName = WINDOW_CLASS,
    };

    if (!RegisterClassW(&window_class))
        return NULL;
    return CreateWindowExW(0, WINDOW_CLASS, L"", WS_OVERLAPPED, 0, 0, 0, 0, NULL, NULL,
                           window_class.hInstance, NULL);
}

static BOOL window_register(HWND window, const GUID *interface_class)
{
    DEV_BROADCAST_DEVICEINTERFACE_W filter = {
        .dbcc_size = sizeof(filter),
        .dbcc_devicetype = DBT_DEVTYP_DEVICEINTERFACE,
        .dbcc_classguid = *interface_class,
    };

    return RegisterDeviceNotificationW(window, &filter, DEVICE_NOTIFY_WINDOW_HANDLE) != NULL;
}

/* Lines go through the window's queue, so that a mark comes after the events before it. */
static DWORD WINAPI input_thread(void *window)
{
    char line[64];

    while (fgets(line, sizeof(line), stdin))
        PostMessageW(window, MESSAGE_MARK, strtoul(line, NULL, 10), 0);
    PostMessageW(window, WM_CLOSE, 0, 0);
    return 0;
}

/* Wine fails some calls without saying why; that must not look like success. */
static DWORD last_error(void)
{
    DWORD error = GetLastError();

    return error ? error : ERROR_GEN_FAILURE;
}

static DWORD watch(void)
{
    HWND window = window_create();
    HANDLE thread;
    MSG message;

    if (!window || !window_register(window, &class_usb_device) ||
        !window_register(window, &class_com_port))
        return last_error();
    thread = CreateThread(NULL, 0, input_thread, window, 0, NULL);
    if (!thread)
        return last_error();
    puts("ready");
    fflush(stdout);
    while (GetMessageW(&message, NULL, 0, 0) > 0)
        DispatchMessageW(&message);
    CloseHandle(thread);
    return ERROR_SUCCESS;
}

int wmain(int argc, wchar_t **argv);

int wmain(int argc, wchar_t **argv)
{
    DWORD error;

    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    if (argc == 2 && !wcscmp(argv[1], L"watch")) {
        error = watch();
    } else if (argc == 3 && !wcscmp(argv[1], L"nodes")) {
        error = node_scan_print(argv[2]);
    } else if (argc == 3 && !wcscmp(argv[1], L"interfaces")) {
        error = node_scan_print_interfaces(wcscmp(argv[2], L"com") ? &class_usb_device
                                                                   : &class_com_port);
    } else {
        fputs("usage: pnpwatch watch | nodes ENUMERATOR | interfaces usb|com\n", stderr);
        return 2;
    }
    if (error)
        fprintf(stderr, "pnpwatch: Windows error %lu\n", error);
    return error ? 1 : 0;
}
