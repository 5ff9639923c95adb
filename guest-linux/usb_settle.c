#include "guest-linux/usb_settle.h"

#include <stdlib.h>

#include "guest-linux/sysfs.h"
#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"

struct usb_settle {
    uv_work_t work;
    const char *sysfs_root;
    char devpath[SYSFS_PATH_SIZE];
    usb_settle_done_fn on_done; /* NULL: forgotten */
    void *context;
};

/* The kernel holds the device's lock while it configures and probes it, and takes the same lock to
 * answer a read of this file (usb_actconfig_show in drivers/usb/core/sysfs.c); what it answers does
 * not matter. */
static void work_in_thread(uv_work_t *work)
{
    const struct usb_settle *settle = work->data;
    unsigned long value;

    (void)sysfs_read_number(settle->sysfs_root, settle->devpath, "bConfigurationValue", 10, &value);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct usb_settle *settle = work->data;

    (void)status;
    if (settle->on_done != NULL) {
        settle->on_done(settle->context);
    }
    free(settle);
}

int usb_settle_open(uv_loop_t *loop, const char *sysfs_root, const char *devpath,
                    usb_settle_done_fn on_done, void *context, struct usb_settle **settle)
{
    struct usb_settle *opened = calloc(1, sizeof *opened);
    int err;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->work.data = opened;
    opened->sysfs_root = sysfs_root;
    text_copy(opened->devpath, sizeof opened->devpath, devpath);
    opened->on_done = on_done;
    opened->context = context;
    err = link_error_from_uv(uv_queue_work(loop, &opened->work, work_in_thread, on_work_done));
    if (err != 0) {
        free(opened);
        return err;
    }
    *settle = opened;
    return 0;
}

void usb_settle_forget(struct usb_settle *settle)
{
    settle->on_done = NULL;
}
