#include "host-win/pnp_listener.h"

#include <windows.h>

#include <dbt.h>
#include <stdlib.h>
#include <wtsapi32.h>

#include "host-win/host_notice.h"
#include "host-win/wide.h"
#include "shared/core/error.h"
#include "shared/core/hardware_id.h"
#include "shared/core/log.h"
#include "shared/core/session_activity.h"

#define MESSAGE_END (WM_APP + 1)
#define PATH_SIZE (2 * BOARD_ID_SIZE)

static const GUID usb_device_class = {
    0xa5dcbf10, 0x6530, 0x11d2, {0x90, 0x1f, 0x00, 0xc0, 0x4f, 0xb9, 0x51, 0xed}};
static const GUID com_port_class = {
    0x86e0d1e0, 0x8089, 0x11d0, {0x9c, 0xe4, 0x08, 0x00, 0x3e, 0x30, 0x1f, 0x73}};

/* RegisterDeviceNotification may return before anything is delivered, so what happens right after
 * it can be missed: look again a few times, then never without a reason. */
static const UINT rescan_delays_ms[] = {250, 1000, 4000};

enum { RESCAN_COUNT = sizeof rescan_delays_ms / sizeof rescan_delays_ms[0] };

struct pnp_listener {
    struct inbox *inbox;
    uv_thread_t thread;
    uv_sem_t started;
    int result; /* of the start; the thread writes it before `started` is posted */
    HWND window;
    HDEVNOTIFY usb_devices;
    HDEVNOTIFY com_ports;
    HPOWERNOTIFY resumes;
    bool hears_session;
};

static void put(struct pnp_listener *listener, enum host_notice_type type)
{
    struct host_notice notice = {.type = type};

    /* A full inbox counts what it refuses, and the loop looks again for that. */
    inbox_put(listener->inbox, &notice);
}

static void put_interface(struct pnp_listener *listener, WPARAM what,
                          const DEV_BROADCAST_DEVICEINTERFACE_W *interface)
{
    struct host_notice notice = {.type = what == DBT_DEVICEARRIVAL ? HOST_NOTICE_BOARD_ARRIVED
                                                                   : HOST_NOTICE_BOARD_REMOVED};
    char path[PATH_SIZE];

    if (IsEqualGUID(&interface->dbcc_classguid, &usb_device_class) &&
        wide_to_utf8(interface->dbcc_name, path, sizeof path) == 0 &&
        hardware_id_from_interface_path(path, notice.id) == 0) {
        inbox_put(listener->inbox, &notice);
    } else {
        put(listener, HOST_NOTICE_DEVICES_CHANGED);
    }
}

static void on_device_change(struct pnp_listener *listener, WPARAM what, LPARAM data)
{
    const DEV_BROADCAST_HDR *header = (const DEV_BROADCAST_HDR *)data;

    switch (what) {
    case DBT_DEVICEARRIVAL:
    case DBT_DEVICEREMOVECOMPLETE:
        if (header != NULL && header->dbch_devicetype == DBT_DEVTYP_DEVICEINTERFACE) {
            put_interface(listener, what, (const DEV_BROADCAST_DEVICEINTERFACE_W *)header);
        }
        break;
    case DBT_DEVNODES_CHANGED:
        put(listener, HOST_NOTICE_DEVICES_CHANGED);
        break;
    default:
        break;
    }
}

/* Both answers alike: the change says nothing of who uses the session. */
static void on_session_change(struct pnp_listener *listener, uint32_t change)
{
    bool is_active = session_activity_after(false, change);

    if (is_active == session_activity_after(true, change)) {
        put(listener, is_active ? HOST_NOTICE_SESSION_ACTIVE : HOST_NOTICE_SESSION_AWAY);
    }
}

static LRESULT CALLBACK handle_message(HWND window, UINT message, WPARAM wparam, LPARAM lparam)
{
    struct pnp_listener *listener = (struct pnp_listener *)GetWindowLongPtrW(window, GWLP_USERDATA);

    if (listener == NULL) { /* The messages while the window is being made. */
        return DefWindowProcW(window, message, wparam, lparam);
    }
    switch (message) {
    case WM_DEVICECHANGE:
        on_device_change(listener, wparam, lparam);
        return TRUE;
    case WM_POWERBROADCAST:
        if (wparam == PBT_APMRESUMEAUTOMATIC) {
            put(listener, HOST_NOTICE_RESUMED);
        }
        return TRUE;
    case WM_WTSSESSION_CHANGE:
        on_session_change(listener, (uint32_t)wparam);
        return 0;
    case WM_TIMER:
        KillTimer(window, wparam);
        put(listener, HOST_NOTICE_DEVICES_CHANGED);
        return 0;
    case WM_CLOSE: /* taskkill, an installer: the window stays until the loop has ended. */
        put(listener, HOST_NOTICE_STOP);
        return 0;
    case WM_ENDSESSION:
        if (wparam) {
            put(listener, HOST_NOTICE_STOP);
        }
        return 0;
    case MESSAGE_END:
        PostQuitMessage(0);
        return 0;
    default:
        return DefWindowProcW(window, message, wparam, lparam);
    }
}

/* A message-only window would not be told of DBT_DEVNODES_CHANGED, which is all that a board
 * without a driver may raise. */
static int make_window(struct pnp_listener *listener)
{
    HINSTANCE instance = GetModuleHandleW(NULL);
    WNDCLASSW class = {
        .lpfnWndProc = handle_message,
        .hInstance = instance,
        .lpszClassName = PNP_LISTENER_WINDOW_CLASS,
    };

    if (!RegisterClassW(&class) && GetLastError() != ERROR_CLASS_ALREADY_EXISTS) {
        log_error("pnp: RegisterClass failed (Windows error %lu)", GetLastError());
        return ERR_IO;
    }
    listener->window = CreateWindowExW(0, PNP_LISTENER_WINDOW_CLASS, L"ttyferry", WS_OVERLAPPED, 0,
                                       0, 0, 0, NULL, NULL, instance, NULL);
    if (listener->window == NULL) {
        log_error("pnp: CreateWindow failed (Windows error %lu)", GetLastError());
        return ERR_IO;
    }
    SetWindowLongPtrW(listener->window, GWLP_USERDATA, (LONG_PTR)listener);
    return 0;
}

static HDEVNOTIFY register_class(const struct pnp_listener *listener, const GUID *class)
{
    DEV_BROADCAST_DEVICEINTERFACE_W filter = {
        .dbcc_size = sizeof filter,
        .dbcc_devicetype = DBT_DEVTYP_DEVICEINTERFACE,
        .dbcc_classguid = *class,
    };
    HDEVNOTIFY registration =
        RegisterDeviceNotificationW(listener->window, &filter, DEVICE_NOTIFY_WINDOW_HANDLE);

    if (registration == NULL) {
        log_error("pnp: RegisterDeviceNotification failed (Windows error %lu)", GetLastError());
    }
    return registration;
}

/* Without it machines with modern standby tell nothing. */
static void register_resume(struct pnp_listener *listener)
{
    listener->resumes =
        RegisterSuspendResumeNotification(listener->window, DEVICE_NOTIFY_WINDOW_HANDLE);
    if (listener->resumes == NULL) {
        log_warning("the end of a sleep will not be heard (Windows error %lu)", GetLastError());
    }
}

/* Wine's always succeeds and then tells nothing. */
static void register_session(struct pnp_listener *listener)
{
    listener->hears_session =
        WTSRegisterSessionNotification(listener->window, NOTIFY_FOR_THIS_SESSION);
    if (!listener->hears_session) {
        log_warning("a switch to another user will not be heard (Windows error %lu)",
                    GetLastError());
    }
}

static void stop_in_thread(struct pnp_listener *listener)
{
    if (listener->hears_session) {
        WTSUnRegisterSessionNotification(listener->window);
    }
    if (listener->resumes != NULL) {
        UnregisterSuspendResumeNotification(listener->resumes);
    }
    if (listener->com_ports != NULL) {
        UnregisterDeviceNotification(listener->com_ports);
    }
    if (listener->usb_devices != NULL) {
        UnregisterDeviceNotification(listener->usb_devices);
    }
    if (listener->window != NULL) {
        DestroyWindow(listener->window);
    }
}

static int start_in_thread(struct pnp_listener *listener)
{
    int result = make_window(listener);

    if (result != 0) {
        return result;
    }
    listener->usb_devices = register_class(listener, &usb_device_class);
    listener->com_ports = register_class(listener, &com_port_class);
    if (listener->usb_devices == NULL || listener->com_ports == NULL) {
        return ERR_IO;
    }
    register_resume(listener);
    register_session(listener);
    put(listener, HOST_NOTICE_DEVICES_CHANGED);
    for (UINT_PTR i = 0; i < RESCAN_COUNT; i++) {
        SetTimer(listener->window, i + 1, rescan_delays_ms[i], NULL);
    }
    return 0;
}

static void listen_to_pnp(void *context)
{
    struct pnp_listener *listener = context;
    int result = start_in_thread(listener);
    MSG message;

    listener->result = result;
    uv_sem_post(&listener->started);
    while (result == 0 && GetMessageW(&message, NULL, 0, 0) > 0) {
        DispatchMessageW(&message);
    }
    stop_in_thread(listener);
}

int pnp_listener_open(struct inbox *inbox, struct pnp_listener **listener)
{
    struct pnp_listener *opened = calloc(1, sizeof *opened);
    int result = ERR_NOMEM;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->inbox = inbox;
    if (uv_sem_init(&opened->started, 0) != 0) {
        goto free_listener;
    }
    if (uv_thread_create(&opened->thread, listen_to_pnp, opened) != 0) {
        goto destroy_started;
    }
    uv_sem_wait(&opened->started);
    result = opened->result;
    if (result != 0) {
        uv_thread_join(&opened->thread);
        goto destroy_started;
    }
    *listener = opened;
    return 0;

destroy_started:
    uv_sem_destroy(&opened->started);
free_listener:
    free(opened);
    return result;
}

void pnp_listener_close(struct pnp_listener *listener)
{
    PostMessageW(listener->window, MESSAGE_END, 0, 0);
    uv_thread_join(&listener->thread);
    uv_sem_destroy(&listener->started);
    free(listener);
}
