#include "host-win/usbipd_health.h"

#include "shared/core/log.h"

static enum usbipd_health health_of(const struct sharing *sharing)
{
    if (!sharing->installed) {
        return USBIPD_MISSING;
    }
    return sharing->running ? USBIPD_RUNS : USBIPD_STOPPED;
}

void usbipd_health_tell(const struct sharing *sharing, enum usbipd_health *told)
{
    enum usbipd_health health = health_of(sharing);

    if (health == *told) {
        return;
    }
    *told = health;
    switch (health) {
    case USBIPD_MISSING:
        log_warning("usbipd-win is not installed, so that no board can be shared: run "
                    "\"winget install usbipd\"");
        break;
    case USBIPD_STOPPED:
        log_warning("usbipd-win's service does not run: run \"sc.exe start usbipd\" in an "
                    "administrator's terminal");
        break;
    default:
        log_info("usbipd-win's service runs");
        break;
    }
}
