#include <stdbool.h>
#include <stdlib.h>

#include "host-win/host_notice.h"
#include "host-win/usbipd.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

/* The registry refused to be watched: how long until it is asked again. */
#define RETRY_MS 5000u
#define NS_PER_MS 1000000u

struct usbipd_watch {
    const struct usbipd_place *place;
    struct inbox *inbox;
    uv_thread_t thread;
    HANDLE stop;
    HANDLE changed;
};

/* Makes the next change of that kind signal `changed`, once; `*key` stays open until then. Leaves
 * NULL in it if that can't be. */
static void arm(const struct usbipd_watch *watch, const wchar_t *path, bool subtree, DWORD what,
                HKEY *key)
{
    *key = NULL;
    if (RegOpenKeyExW(watch->place->root, path, 0, KEY_NOTIFY | KEY_WOW64_64KEY, key) !=
        ERROR_SUCCESS) {
        *key = NULL;
    } else if (RegNotifyChangeKeyValue(*key, subtree, what, watch->changed, TRUE) !=
               ERROR_SUCCESS) {
        RegCloseKey(*key);
        *key = NULL;
    }
}

static void disarm(HKEY key)
{
    if (key != NULL) {
        RegCloseKey(key);
    }
}

/* Armed first and told then, so that the reading which follows misses nothing. The key above tells
 * of usbipd-win's installation and its end; what is in its own key tells the rest. */
static void watch_registry(void *context)
{
    struct usbipd_watch *watch = context;
    struct host_notice notice = {.type = HOST_NOTICE_SHARING_CHANGED};
    HANDLE events[] = {watch->stop, watch->changed};
    DWORD signalled;
    HKEY parent;
    HKEY key;

    do {
        ResetEvent(watch->changed);
        arm(watch, watch->place->parent, false, REG_NOTIFY_CHANGE_NAME, &parent);
        arm(watch, watch->place->key, true, REG_NOTIFY_CHANGE_NAME | REG_NOTIFY_CHANGE_LAST_SET,
            &key);
        inbox_put(watch->inbox, &notice);
        signalled = WaitForMultipleObjects(2, events, FALSE, parent != NULL ? INFINITE : RETRY_MS);
        notice.heard_ms = (int64_t)(uv_hrtime() / NS_PER_MS);
        disarm(key);
        disarm(parent);
    } while (signalled != WAIT_OBJECT_0);
}

int usbipd_watch_open(const struct usbipd_place *place, struct inbox *inbox,
                      struct usbipd_watch **watch)
{
    struct usbipd_watch *opened = calloc(1, sizeof *opened);
    int result = ERR_NOMEM;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->place = place;
    opened->inbox = inbox;
    opened->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    opened->changed = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (opened->stop == NULL || opened->changed == NULL ||
        uv_thread_create(&opened->thread, watch_registry, opened) != 0) {
        log_error("usbipd: the registry can't be watched (Windows error %lu)", GetLastError());
        result = ERR_IO;
        goto close_events;
    }
    *watch = opened;
    return 0;

close_events:
    if (opened->stop != NULL) {
        CloseHandle(opened->stop);
    }
    if (opened->changed != NULL) {
        CloseHandle(opened->changed);
    }
    free(opened);
    return result;
}

void usbipd_watch_close(struct usbipd_watch *watch)
{
    SetEvent(watch->stop);
    uv_thread_join(&watch->thread);
    CloseHandle(watch->stop);
    CloseHandle(watch->changed);
    free(watch);
}
